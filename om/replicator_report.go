package om

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// maxSamples are the ids shown of each health.
const maxSamples = 100

// tally is what one round counts.
type tally struct {
	known     map[uint64]bool
	state     map[string]uint64
	health    map[string]uint64
	samples   map[string]*ompb.SampleIDs
	bytes     uint64 // of replicas that are missing
	unhealthy int
}

func newTally() *tally {
	t := &tally{known: map[uint64]bool{}, state: map[string]uint64{}, health: map[string]uint64{}, samples: map[string]*ompb.SampleIDs{}}
	for _, h := range replication.Healths() {
		t.health[string(h)] = 0
	}
	return t
}

func (t *tally) add(c replication.Container, v replication.Verdict, view *placement.View) {
	t.state[dnpb.ContainerState(c.Info.State).String()]++
	for _, x := range c.Replicas {
		if x.Report.GetState() == dnpb.ContainerState_UNHEALTHY && x.Node.Health != placement.Dead {
			t.unhealthy++
		}
	}
	if v.Health == "" {
		return
	}
	t.health[string(v.Health)]++
	if v.Health == replication.UnderReplicated {
		used, _ := view.Usage(c.Info.Id, c.Info.Nodes)
		t.bytes += used
	}
	if v.Health == replication.Healthy {
		return
	}
	s := t.samples[string(v.Health)]
	if s == nil {
		s = &ompb.SampleIDs{}
		t.samples[string(v.Health)] = s
	}
	if len(s.Ids) < maxSamples {
		s.Ids = append(s.Ids, c.Info.Id)
	}
}

// keep stores what a round found, and cries out where something is lost.
func (r *replicator) keep(t *tally, s *survey, now time.Time) {
	strange := 0
	for _, id := range r.view.Held() {
		if !t.known[id] {
			strange++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := t.health[string(replication.Missing)]
	if lost != r.report.ByHealth[string(replication.Missing)] && lost > 0 {
		r.log.Error().Uint64("containers", lost).Uints64("some", t.samples[string(replication.Missing)].GetIds()).
			Msg("containers without any replica on a living datanode: their objects cannot be read")
	}
	if strange != r.strange && strange > 0 {
		r.log.Error().Int("containers", strange).Msg("datanodes report containers that om does not know; they are left alone")
	}
	r.strange, r.unhealthy = strange, t.unhealthy
	r.report = &ompb.ReplicationReport{
		LeaderReady: s.ready, ByState: t.state, ByHealth: t.health, Samples: t.samples,
		BytesToCopy: t.bytes, ReportedNs: now.UnixNano(),
	}
}

// status is the last round's report, with what is under way now.
func (r *replicator) status() *ompb.ReplicationReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := proto.CloneOf(r.report)
	out.Running, out.Orders, out.Balancer = !r.stopped, uint64(len(r.tasks)), r.bal.status()
	return out
}

// account takes stock anew, for whoever asks; nothing is done about it.
func (r *replicator) account() (*ompb.ReplicationReport, error) {
	now, s, t := r.now(), r.survey(), newTally()
	err := r.load(func(info *ompb.ContainerInfo, listed func() bool) {
		c := r.describe(info, listed, s, now)
		t.add(c, replication.Judge(c), r.view)
	})
	out := r.status()
	out.LeaderReady, out.ByState, out.ByHealth, out.Samples = s.ready, t.state, t.health, t.samples
	out.BytesToCopy, out.ReportedNs = t.bytes, now.UnixNano()
	return out, err
}

// inFlight is what the tasks under way move.
func (r *replicator) inFlight() (tasks int, bytes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tasks {
		bytes += t.bytes
	}
	return len(r.tasks), bytes
}

// damaged counts UNHEALTHY replicas, unknown the containers that the log doesn't have.
func (r *replicator) damaged() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unhealthy
}

func (r *replicator) unknown() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.strange
}

// control carries out what an administrator wants of it.
func (r *replicator) control(c *ompb.ControlReplication) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.poked = true
	switch c.Action {
	case ompb.ControlReplication_START:
		r.stopped = false
	case ompb.ControlReplication_STOP:
		r.stopped = true
	case ompb.ControlReplication_START_BALANCER:
		return r.startBalancer(c.GetBalancer())
	case ompb.ControlReplication_STOP_BALANCER:
		r.bal.stop("stopped by the administrator")
	default:
		return ozerr.New(ozerr.InvalidArgument, "no such action on replication: %d", c.Action)
	}
	return nil
}

// fill adds to a container's answer what is known of its replicas.
func (r *replicator) fill(s *survey, info *ompb.ContainerInfo, listed func() bool, replicas bool) {
	c := r.describe(info, listed, s, r.now())
	info.Health = string(replication.Judge(c).Health)
	if !replicas {
		return
	}
	for _, x := range c.Replicas {
		info.Replicas = append(info.Replicas, &ompb.ReplicaInfo{
			Node: x.Node.ID, Member: x.Member, State: uint32(x.Report.GetState()), UsedBytes: x.Report.GetUsedBytes(),
			Blocks: x.Report.GetBlocks(), Content: x.Report.GetContent(),
			NodeHealth: string(x.Node.Health), NodeState: x.Node.OpState,
		})
	}
}
