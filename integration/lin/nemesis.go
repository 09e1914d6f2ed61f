package lin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/integration"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Nemesis strikes a cluster, one fault after the other. What it does comes from its
// seed; whom it hits is told by role ("the leader"), which is looked up at that moment.
// Its methods are for one goroutine.
type Nemesis struct {
	Cluster *integration.Cluster
	Network *integration.Network
	Clocks  string // directory with the clock file of each process, see integration.BuildWithClocks
	Rand    *rand.Rand
	Log     func(format string, args ...any)
}

// Fault is a way to strike. It strikes, holds the fault for about the given time, and
// takes it back. What it could not take back is an error.
type Fault struct {
	Name   string
	Strike func(context.Context, *Nemesis) error
}

// hold keeps a fault up for between least and most.
func (n *Nemesis) hold(ctx context.Context, least, most time.Duration) {
	_ = pause(ctx, least+time.Duration(n.Rand.Int64N(int64(most-least)+1))) // cut short only at the end of the run
}

// leader returns the leader and the other oms.
func (n *Nemesis) leader(ctx context.Context) (*integration.Process, []*integration.Process, error) {
	i, err := n.Cluster.WaitLeader(ctx)
	if err != nil {
		return nil, nil, err
	}
	others := slices.Delete(slices.Clone(n.Cluster.OMs), i, i+1)
	n.Rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	return n.Cluster.OMs[i], others, nil
}

func (n *Nemesis) oneOf(list []*integration.Process) *integration.Process {
	return list[n.Rand.IntN(len(list))]
}

// Heal takes back whatever may still be up: it starts, thaws and connects everything and
// sets all clocks right.
func (n *Nemesis) Heal() error {
	errs := []error{n.Network.Heal()}
	for _, p := range n.Cluster.All() {
		errs = append(errs, n.setClock(p, 0))
		if !p.Running() {
			errs = append(errs, p.Start())
		} else {
			errs = append(errs, p.Thaw())
		}
	}
	return errors.Join(errs...)
}

// Kills of processes, one or several at a time; they come back.
var (
	KillLeader   = Fault{"kill -9 of the leader", kill(1, 3*time.Second, toLeader)}
	KillFollower = Fault{"kill -9 of a follower", kill(1, 3*time.Second, toFollower)}
	KillMajority = Fault{"kill -9 of two oms", kill(2, 4*time.Second, toOMs)}
	KillGateway  = Fault{"kill -9 of a gateway", kill(1, time.Second, toGateway)}
	KillDatanode = Fault{"kill -9 of a datanode", kill(1, 3*time.Second, toDatanode)}
)

// Pauses: the process does not notice, its clients do.
var (
	PauseLeader   = Fault{"SIGSTOP of the leader", freeze(1, toLeader)}
	PauseFollower = Fault{"SIGSTOP of a follower", freeze(1, toFollower)}
	PauseMajority = Fault{"SIGSTOP of two oms", freeze(2, toOMs)}
	PauseGateway  = Fault{"SIGSTOP of a gateway", freeze(1, toGateway)}
	PauseDatanode = Fault{"SIGSTOP of a datanode", freeze(1, toDatanode)}
)

// Clock jumps, forth or back by up to an hour, while the process runs.
var (
	ClockLeader   = Fault{"clock jump of the leader", jump(toLeader)}
	ClockFollower = Fault{"clock jump of a follower", jump(toFollower)}
	ClockGateway  = Fault{"clock jump of a gateway", jump(toGateway)}
	ClockDatanode = Fault{"clock jump of a datanode", jump(toDatanode)}
	ClockAll      = Fault{"clock jumps of everybody", jump(toAll)}
)

// RestartLeader stops the leader as an operator would.
var RestartLeader = Fault{"restart of the leader", func(ctx context.Context, n *Nemesis) error {
	leader, _, err := n.leader(ctx)
	if err != nil {
		return err
	}
	n.Log("restart %s", leader.Name)
	if err := leader.Stop(); err != nil {
		return err
	}
	return leader.Start()
}}

// TransferLeader hands leadership over, as an administrator would.
var TransferLeader = Fault{"transfer of leadership", func(ctx context.Context, n *Nemesis) error {
	leader, others, err := n.leader(ctx)
	if err != nil {
		return err
	}
	n.Log("transfer from %s to %s", leader.Name, others[0].Name)
	oms, err := omclient.New(n.Cluster.OMAddresses, omclient.Options{})
	if err != nil {
		return err
	}
	defer oms.Close()
	_, err = oms.Submit(ctx, &ompb.Request{Op: &ompb.Request_ChangeGroup{ChangeGroup: &ompb.ChangeGroup{
		Action: ompb.ChangeGroup_TRANSFER, Id: others[0].Name}}})
	if err != nil {
		n.Log("no transfer: %v", err) // the leader may have changed meanwhile
	}
	return nil
}}

// Partitions.
var (
	// IsolateLeader puts the leader on one side with a gateway and a datanode, everybody
	// else on the other. Clients are on both sides.
	IsolateLeader = Fault{"leader isolated with a gateway", split(integration.Drop)}
	// ResetLeader is the same with connections that break at once.
	ResetLeader = Fault{"leader isolated with a gateway, by resets", split(integration.Reset)}
	// DeafLeader hears nobody, but is heard.
	DeafLeader = Fault{"leader deaf", cut(func(n *Nemesis, leader string, others []string) error {
		return n.Network.Cut(leader, integration.Drop, others...)
	})}
	// MuteLeader is heard by nobody, but hears.
	MuteLeader = Fault{"leader mute", cut(func(n *Nemesis, leader string, others []string) error {
		return n.muffle(leader, others)
	})}
	// DeafFollower and MuteFollower are the same for a follower: no reason for an election.
	DeafFollower = Fault{"follower deaf", cut(func(n *Nemesis, leader string, oms []string) error {
		return n.Network.Cut(oms[0], integration.Drop, leader, oms[1])
	})}
	MuteFollower = Fault{"follower mute", cut(func(n *Nemesis, leader string, oms []string) error {
		return n.muffle(oms[0], []string{leader, oms[1]})
	})}
	// PartialPartition cuts the leader from one follower; the other sees both.
	PartialPartition = Fault{"leader and one follower cut, the other sees both", cut(func(n *Nemesis, leader string, oms []string) error {
		return n.Network.Split(integration.Drop, []string{leader}, oms[:1])
	})}
	// GatewayFromLeader cuts a gateway from the leader only.
	GatewayFromLeader = Fault{"gateway and leader cut", cut(func(n *Nemesis, leader string, _ []string) error {
		return n.Network.Split(integration.Drop, []string{leader}, []string{n.oneOf(n.Cluster.S3Gs).Name})
	})}
	// DeafGateway loses what the oms answer, while its requests arrive: they are repeated,
	// and must not take effect twice.
	DeafGateway = Fault{"gateway deaf for oms", cut(func(n *Nemesis, leader string, oms []string) error {
		return n.Network.Cut(n.oneOf(n.Cluster.S3Gs).Name, integration.Drop, append([]string{leader}, oms...)...)
	})}
	// DatanodeFromOMs cuts a datanode from the oms; gateways reach it.
	DatanodeFromOMs = Fault{"datanode and oms cut", cut(func(n *Nemesis, leader string, oms []string) error {
		return n.Network.Split(integration.Drop, []string{n.oneOf(n.Cluster.Datanodes).Name}, append([]string{leader}, oms...))
	})}
	// FlappingFollower loses and regains its links many times.
	FlappingFollower = Fault{"follower's links flap", flap(func(n *Nemesis, leader string, oms []string) error {
		return n.Network.Split(integration.Drop, []string{oms[0]}, []string{leader, oms[1]})
	})}
	// FlappingLeader loses and regains its links many times.
	FlappingLeader = Fault{"leader's links flap", flap(func(n *Nemesis, leader string, oms []string) error {
		return n.Network.Split(integration.Drop, []string{leader}, oms)
	})}
)

// target chooses whom a fault hits; it may offer more than are hit.
type target func(*Nemesis, context.Context) ([]*integration.Process, error)

func toLeader(n *Nemesis, ctx context.Context) ([]*integration.Process, error) {
	leader, _, err := n.leader(ctx)
	return []*integration.Process{leader}, err
}

func toFollower(n *Nemesis, ctx context.Context) ([]*integration.Process, error) {
	_, others, err := n.leader(ctx)
	return others, err
}

// toOMs offers the leader first.
func toOMs(n *Nemesis, ctx context.Context) ([]*integration.Process, error) {
	leader, others, err := n.leader(ctx)
	return append([]*integration.Process{leader}, others...), err
}

func toGateway(n *Nemesis, _ context.Context) ([]*integration.Process, error) {
	return []*integration.Process{n.oneOf(n.Cluster.S3Gs)}, nil
}

func toDatanode(n *Nemesis, _ context.Context) ([]*integration.Process, error) {
	return []*integration.Process{n.oneOf(n.Cluster.Datanodes)}, nil
}

func toAll(n *Nemesis, _ context.Context) ([]*integration.Process, error) {
	return n.Cluster.All(), nil
}

// kill ends count of the targets and starts them again after a moment.
func kill(count int, most time.Duration, who target) func(context.Context, *Nemesis) error {
	return func(ctx context.Context, n *Nemesis) error {
		victims, err := who(n, ctx)
		if err != nil {
			return err
		}
		victims = victims[:count]
		n.Log("kill %s", names(victims))
		for _, p := range victims {
			p.Kill()
		}
		n.hold(ctx, most/10, most)
		var errs []error
		for _, p := range victims {
			errs = append(errs, p.Start())
		}
		return errors.Join(errs...)
	}
}

// freeze stops count of the targets for a while, mostly a few seconds.
func freeze(count int, who target) func(context.Context, *Nemesis) error {
	return func(ctx context.Context, n *Nemesis) error {
		victims, err := who(n, ctx)
		if err != nil {
			return err
		}
		victims = victims[:count]
		n.Log("freeze %s", names(victims))
		var errs []error
		for _, p := range victims {
			errs = append(errs, p.Freeze())
		}
		most := 5 * time.Second
		if n.Rand.IntN(5) == 0 {
			most = 30 * time.Second
		}
		n.hold(ctx, time.Second, most)
		for _, p := range victims {
			errs = append(errs, p.Thaw())
		}
		return errors.Join(errs...)
	}
}

// jump misdates the targets, each in its own way. The clocks stay wrong until they jump
// again or the run ends.
func jump(who target) func(context.Context, *Nemesis) error {
	return func(ctx context.Context, n *Nemesis) error {
		victims, err := who(n, ctx)
		if err != nil {
			return err
		}
		for _, p := range victims {
			by := time.Duration(n.Rand.Int64N(int64(2*time.Hour))) - time.Hour
			n.Log("clock of %s is off by %s", p.Name, by.Round(time.Second))
			if err := errors.Join(n.setClock(p, by), n.checkClock(ctx, p, by)); err != nil {
				return err
			}
		}
		n.hold(ctx, time.Second, 3*time.Second)
		return nil
	}
}

// clockFile says how far the clock of a process is off.
func (n *Nemesis) clockFile(p *integration.Process) string { return filepath.Join(n.Clocks, p.Name) }

// setClock misdates a process.
func (n *Nemesis) setClock(p *integration.Process, by time.Duration) error {
	return integration.SetClock(n.clockFile(p), by)
}

// checkClock asks the process what time it is: programs whose clocks obey nobody would
// make the fault none at all.
func (n *Nemesis) checkClock(ctx context.Context, p *integration.Process, by time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		asked := time.Now()
		date, err := dateOf(ctx, p.HTTP)
		if err == nil && !date.Before(asked.Add(by-2*time.Second)) && !date.After(time.Now().Add(by+2*time.Second)) {
			return nil
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("the clock of %s should be off by %s and says %s (%v)", p.Name, by, date, err)
		}
	}
}

// dateOf is the time in the answer of the server at addr, whatever it answers.
func dateOf(ctx context.Context, addr string) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	return http.ParseTime(resp.Header.Get("Date"))
}

// muffle: nobody hears node.
func (n *Nemesis) muffle(node string, others []string) error {
	var errs []error
	for _, o := range others {
		errs = append(errs, n.Network.Cut(o, integration.Drop, node))
	}
	return errors.Join(errs...)
}

// split isolates the leader with one gateway and one datanode.
func split(how integration.Fault) func(context.Context, *Nemesis) error {
	return func(ctx context.Context, n *Nemesis) error {
		leader, _, err := n.leader(ctx)
		if err != nil {
			return err
		}
		minority := []string{leader.Name, n.oneOf(n.Cluster.S3Gs).Name, n.oneOf(n.Cluster.Datanodes).Name}
		var majority []string
		for _, p := range n.Cluster.All() {
			if !slices.Contains(minority, p.Name) {
				majority = append(majority, p.Name)
			}
		}
		n.Log("split %s from the rest", strings.Join(minority, " "))
		if err := n.Network.Split(how, minority, majority); err != nil {
			return err
		}
		n.hold(ctx, 3*time.Second, 8*time.Second)
		return n.Network.Heal()
	}
}

// cut cuts links between leader and followers.
func cut(links func(n *Nemesis, leader string, followers []string) error) func(context.Context, *Nemesis) error {
	return func(ctx context.Context, n *Nemesis) error {
		leader, others, err := n.leader(ctx)
		if err != nil {
			return err
		}
		n.Log("cut; leader is %s, followers %s", leader.Name, names(others))
		if err := links(n, leader.Name, namesOf(others)); err != nil {
			return err
		}
		n.hold(ctx, 2*time.Second, 6*time.Second)
		return n.Network.Heal()
	}
}

// flap cuts and heals several times.
func flap(links func(n *Nemesis, leader string, followers []string) error) func(context.Context, *Nemesis) error {
	return func(ctx context.Context, n *Nemesis) error {
		leader, others, err := n.leader(ctx)
		if err != nil {
			return err
		}
		n.Log("flap; leader is %s, followers %s", leader.Name, names(others))
		for range 6 {
			if err := links(n, leader.Name, namesOf(others)); err != nil {
				return err
			}
			n.hold(ctx, 200*time.Millisecond, 2*time.Second)
			if err := n.Network.Heal(); err != nil {
				return err
			}
			n.hold(ctx, 100*time.Millisecond, time.Second)
		}
		return nil
	}
}

func namesOf(list []*integration.Process) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.Name
	}
	return out
}

func names(list []*integration.Process) string { return strings.Join(namesOf(list), " ") }
