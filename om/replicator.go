package om

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// containers calls f for each container of the log in order of ids; listed tells
// whether the log has blocks of it. f must not propose.
type containers func(f func(info *ompb.ContainerInfo, listed func() bool)) error

// replicator is the replication manager: every Redundancy.Interval, and sooner when
// something happened, it looks at all containers, has package replication judge them,
// and carries out what that says, within limits. Only the log decides who is a member
// of a replica set; everything here is soft, and a new leader begins with nothing.
type replicator struct {
	cfg     *Config
	log     zerolog.Logger
	view    *placement.View
	nodes   *registry
	orders  *orders
	propose proposeFunc
	load    containers
	one     func(id uint64, f func(info *ompb.ContainerInfo, listed func() bool)) error // as load, of one
	now     func() time.Time
	intn    func(int) int
	moved   func(container uint64, came, left []string) // tells of a new replica set
	close   func(context.Context, uint64) error         // begins to close an open container

	// Only the duty loop uses these.
	strangers map[place]time.Time // since when a replica may be deleted
	slots     map[uint64]int64    // which period's check was ordered
	members   map[string]int      // containers that have the node, as of the last round
	waiting   map[string]int      // of those, which keep it from going into maintenance
	fence     []uint64            // to be fenced

	mu        sync.Mutex
	odd       map[uint64]time.Time // since when something looks wrong; replaced by each round
	stopped   bool
	poked     bool
	tasks     map[place]*task
	lapses    map[place]lapse
	verified  map[place]content
	bad       map[place]*badBlocks
	checkNow  map[uint64]map[string]bool // nodes that were told
	report    *ompb.ReplicationReport
	unhealthy int // replicas
	strange   int // replicas of containers that the log doesn't know
	bal       *balancer
}

// place is a container's replica on a node.
type place struct {
	container uint64
	node      string
}

// content is what a replica said it has.
type content struct{ digest, blocks uint64 }

func contentOf(r *dnpb.ContainerReport) content { return content{r.GetContent(), r.GetBlocks()} }

// lapse is what went wrong at a place.
type lapse struct {
	count int
	until time.Time // not again before
}

const (
	spoiltAfter  = 3 // failures
	lapseLongest = 10 * time.Minute
	lapseKept    = time.Hour
)

func newReplicator(cfg *Config, log zerolog.Logger, view *placement.View, nodes *registry, o *orders, propose proposeFunc, load containers) *replicator {
	return &replicator{
		cfg: cfg, log: log, view: view, nodes: nodes, orders: o, propose: propose, load: load, now: time.Now, intn: rand.IntN,
		moved: func(uint64, []string, []string) {}, close: func(context.Context, uint64) error { return nil },
		odd: map[uint64]time.Time{}, strangers: map[place]time.Time{}, slots: map[uint64]int64{},
		tasks: map[place]*task{}, lapses: map[place]lapse{}, verified: map[place]content{},
		bad: map[place]*badBlocks{}, checkNow: map[uint64]map[string]bool{}, report: &ompb.ReplicationReport{},
	}
}

// poke asks for a round soon.
func (r *replicator) poke() {
	r.mu.Lock()
	r.poked = true
	r.mu.Unlock()
}

// due tells whether a round is to be made, the last having been at last.
func (r *replicator) due(now, last time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.poked || now.Sub(last) >= r.cfg.Redundancy.Interval
}

// finding is a container about which there is something to do.
type finding struct {
	container replication.Container
	verdict   replication.Verdict
	check     bool // compare every replica with om's list
}

// step is one round.
func (r *replicator) step(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	r.poked = false
	stopped := r.stopped
	r.mu.Unlock()
	r.expire(now)
	errs := []error{r.arrivals(ctx, now)}
	s := r.survey()
	findings, err := r.judgeAll(now, s)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	errs = append(errs, r.orderBad(ctx, now, s))
	for _, f := range findings {
		if stopped && !f.check {
			continue
		}
		if err := r.act(ctx, now, s, f); err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	if !stopped {
		errs = append(errs, r.balance(ctx, now, s))
	}
	errs = append(errs, r.fenceOld(ctx), r.moveStates(ctx, now, s))
	return errors.Join(errs...)
}

// survey is the datanodes at the beginning of a round.
type survey struct {
	nodes map[string]replication.Node
	used  map[string]placement.Status
	ready bool // each node has reported, or is dead
	// targets may take a replica; racks are theirs.
	targets []placement.Candidate
	racks   []string

	arriving map[uint64]int // copies under way, by container
}

func (r *replicator) survey() *survey {
	s := &survey{nodes: map[string]replication.Node{}, used: map[string]placement.Status{}, ready: true, arriving: map[uint64]int{}}
	r.mu.Lock()
	for p, t := range r.tasks {
		if t.kind == replication.Copy {
			s.arriving[p.container]++
		}
	}
	r.mu.Unlock()
	for _, n := range r.nodes.all() {
		st := r.view.Status(n.Node.Id)
		node := replication.Node{ID: n.Node.Id, Rack: cmp.Or(n.Node.Rack, placement.DefaultRack), Health: st.Health, OpState: n.OpState, Free: st.Remaining, Known: st.Full}
		s.nodes[node.ID], s.used[node.ID] = node, st
		s.ready = s.ready && (node.Known || node.Health == placement.Dead)
		if node.Health == placement.Healthy && node.Known && node.OpState == state.InService {
			s.targets = append(s.targets, placement.Candidate{ID: node.ID, Rack: node.Rack, Remaining: st.Remaining})
			if !slices.Contains(s.racks, node.Rack) {
				s.racks = append(s.racks, node.Rack)
			}
		}
	}
	return s
}

// judgeAll goes over the containers, takes stock, and returns those with work to do.
func (r *replicator) judgeAll(now time.Time, s *survey) (found []finding, err error) {
	t := newTally()
	members, waiting := map[string]int{}, map[string]int{}
	odd, strangers := map[uint64]time.Time{}, map[place]time.Time{}
	r.fence = r.fence[:0]
	r.balancing(s)
	err = r.load(func(info *ompb.ContainerInfo, listed func() bool) {
		t.known[info.Id] = true
		c := r.describe(info, listed, s, now)
		v := replication.Judge(c)
		if v.Odd {
			if odd[info.Id] = now; !r.odd[info.Id].IsZero() {
				odd[info.Id] = r.odd[info.Id]
			}
		}
		for _, a := range v.Actions {
			if p := (place{info.Id, a.Node}); a.Kind == replication.Delete {
				if strangers[p] = now; !r.strangers[p].IsZero() {
					strangers[p] = r.strangers[p]
				}
			}
		}
		for _, id := range info.Nodes {
			members[id]++
			if r.holdsBack(c, v, id) {
				waiting[id]++
			}
		}
		t.add(c, v, r.view)
		f := finding{container: c, verdict: v, check: r.checkDue(info, v, now)}
		if len(v.Actions) > 0 || f.check {
			found = append(found, f)
		}
		r.offer(c, v, s)
		if r.fenceDue(info, now) && len(r.fence) < maxFenced {
			r.fence = append(r.fence, info.Id)
		}
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.odd = odd
	r.mu.Unlock()
	r.strangers, r.members, r.waiting = strangers, members, waiting
	r.keep(t, s, now)
	return found, nil
}

// describe puts together what is known of a container.
func (r *replicator) describe(info *ompb.ContainerInfo, listed func() bool, s *survey, now time.Time) replication.Container {
	factor, err := replicationFactor(info.Replication, r.cfg.Replication)
	if err != nil {
		factor = r.cfg.Replication // the log checks names; this can't be
	}
	c := replication.Container{Info: info, Factor: factor, Racks: s.racks, MaintenanceMinimum: r.cfg.Redundancy.MaintenanceMinimum}
	holders := r.view.Holders(info.Id)
	r.mu.Lock()
	defer r.mu.Unlock()
	since, isOdd := r.odd[info.Id]
	c.Settled = isOdd && now.Sub(since) >= r.cfg.Redundancy.Settle
	blocks := false
	add := func(id string, member bool) {
		node, ok := s.nodes[id]
		if !ok {
			node = replication.Node{ID: id, Health: placement.Dead}
		}
		p := place{info.Id, id}
		report, _ := r.view.Replica(id, info.Id)
		l := r.lapses[p]
		proof, seen := r.verified[p]
		c.Replicas = append(c.Replicas, replication.Replica{
			Node: node, Member: member, Report: report,
			Verified: seen && report != nil && proof == contentOf(report),
			Spoilt:   l.count >= spoiltAfter, Busy: r.tasks[p] != nil || now.Before(l.until),
		})
		if node.Health != placement.Dead && report.GetBlocks() > 0 {
			blocks = true
		}
	}
	for _, id := range info.Nodes {
		add(id, true)
		holders = slices.DeleteFunc(holders, func(h string) bool { return h == id })
	}
	for _, id := range holders {
		if _, ok := s.nodes[id]; ok {
			add(id, false)
		}
	}
	c.Arriving = s.arriving[info.Id]
	c.Listed = !blocks && listed() // with blocks, nothing asks for it
	return c
}

// setReplicas changes the replica set in the log and tells who has to know.
func (r *replicator) setReplicas(ctx context.Context, container uint64, add, remove []string) error {
	_, err := r.propose(ctx, &ompb.Request{Op: &ompb.Request_SetContainerReplicas{
		SetContainerReplicas: &ompb.SetContainerReplicas{Container: container, Add: add, Remove: remove}}})
	if err != nil && !errors.Is(err, ozerr.InvalidRequest) {
		return err
	}
	if err != nil {
		r.log.Warn().Err(err).Uint64("container", container).Msg("replica set not changed")
		return nil
	}
	r.log.Info().Uint64("container", container).Strs("added", add).Strs("removed", remove).Msg("replica set changed")
	r.moved(container, add, remove)
	return nil
}

// sources are the nodes to copy from, the best first: no damaged replicas before whole
// ones, no stale node before a healthy one, then who has least to do.
func (r *replicator) sources(c replication.Container, but string) []*commonpb.Node {
	load := r.sending()
	var list []replication.Replica
	for _, x := range c.Replicas {
		if x.Node.ID != but && x.Report != nil && x.Node.Health != placement.Dead {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(a, b replication.Replica) int {
		return rankSource(a, load) - rankSource(b, load)
	})
	ids := make([]string, len(list))
	for i, x := range list {
		ids[i] = x.Node.ID
	}
	return r.nodes.find(ids)
}

func rankSource(x replication.Replica, load map[string]int) int {
	n := min(load[x.Node.ID], 1000)
	if x.Report.State != dnpb.ContainerState_CLOSED {
		n += 2000
	}
	if x.Report.State == dnpb.ContainerState_UNHEALTHY {
		n += 4000
	}
	if x.Node.Health != placement.Healthy {
		n += 8000
	}
	return n
}
