package om

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// offersKept bounds the containers that a round considers for moving from one node.
const offersKept = 64

// balancer evens out how full the datanodes are, by moving closed, healthy containers:
// a copy to the new node, whose arrival takes the old one out of the replica set. It
// runs when told to, until nobody is farther from the mean than the threshold. It ends
// with the leader's term.
type balancer struct {
	threshold float64
	maxBytes  uint64 // per iteration
	running   bool
	stopped   string // why
	moved     uint64 // bytes
	count     uint64 // containers
	iteration uint32
	budget    uint64    // bytes left in this iteration
	pause     time.Time // no iteration before

	offers map[string][]offer // by node that should give; of the present round
}

type offer struct {
	c     replication.Container
	bytes uint64
}

// status is nil-safe: one that was never started.
func (b *balancer) status() *ompb.Balancer {
	if b == nil {
		return &ompb.Balancer{}
	}
	return &ompb.Balancer{Running: b.running, Threshold: b.threshold, MaxBytes: b.maxBytes, MovedBytes: b.moved,
		MovedContainers: b.count, Iterations: b.iteration, Stopped: b.stopped}
}

func (b *balancer) stop(why string) {
	if b != nil && b.running {
		b.running, b.stopped = false, why
	}
}

func (b *balancer) arrived(bytes uint64) {
	if b != nil {
		b.moved += bytes
		b.count++
	}
}

// startBalancer; the caller holds mu.
func (r *replicator) startBalancer(o *ompb.Balancer) error {
	if r.bal != nil && r.bal.running {
		return ozerr.New(ozerr.InvalidRequest, "the container balancer is running")
	}
	b := &balancer{running: true, threshold: o.GetThreshold(), maxBytes: o.GetMaxBytes()}
	if b.threshold == 0 {
		b.threshold = r.cfg.Redundancy.BalancerThreshold
	}
	if b.maxBytes == 0 {
		b.maxBytes = r.cfg.Redundancy.BalancerMaxBytes
	}
	if b.threshold <= 0 || b.threshold >= 1 {
		return ozerr.New(ozerr.InvalidArgument, "the threshold must be between 0 and 100 percent")
	}
	b.iteration, b.budget = 1, b.maxBytes
	r.bal = b
	return nil
}

// uses is how full the nodes are that may be balanced.
type uses struct {
	part map[string]float64
	size map[string]float64 // capacity
	mean float64
}

func usesOf(s *survey) uses {
	u := uses{part: map[string]float64{}, size: map[string]float64{}}
	var used, capacity float64
	for id, n := range s.nodes {
		st := s.used[id]
		if n.Health != placement.Healthy || n.OpState != state.InService || !n.Known || st.Capacity == 0 {
			continue
		}
		u.part[id], u.size[id] = float64(st.Used)/float64(st.Capacity), float64(st.Capacity)
		used, capacity = used+float64(st.Used), capacity+float64(st.Capacity)
	}
	if capacity > 0 {
		u.mean = used / capacity
	}
	return u
}

// balancing prepares a round: which nodes are to give.
func (r *replicator) balancing(s *survey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bal == nil || !r.bal.running {
		return
	}
	u := usesOf(s)
	out, in := false, false
	r.bal.offers = map[string][]offer{}
	for id, part := range u.part {
		out, in = out || part > u.mean+r.bal.threshold, in || part < u.mean-r.bal.threshold
		if part > u.mean {
			r.bal.offers[id] = nil
		}
	}
	if !out && !in {
		r.bal.offers = nil
	}
}

// offer notes a container that could move.
func (r *replicator) offer(c replication.Container, v replication.Verdict, s *survey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bal == nil || !r.bal.running || r.bal.offers == nil || v.Health != replication.Healthy || len(v.Actions) > 0 || c.Arriving > 0 ||
		c.Info.State != uint32(dnpb.ContainerState_CLOSED) {
		return
	}
	bytes := uint64(0)
	for _, x := range c.Replicas {
		bytes = max(bytes, x.Report.GetUsedBytes(), x.Report.GetDiskBytes())
	}
	for _, x := range c.Replicas {
		list, gives := r.bal.offers[x.Node.ID]
		if x.Member && gives && bytes > 0 && len(list) < offersKept && r.tasks[place{c.Info.Id, x.Node.ID}] == nil {
			r.bal.offers[x.Node.ID] = append(list, offer{c, bytes})
		}
	}
}

// balance orders moves, the fullest node first.
func (r *replicator) balance(ctx context.Context, now time.Time, s *survey) error {
	r.mu.Lock()
	b := r.bal
	active := b != nil && b.running && !now.Before(b.pause)
	u, busy := usesOf(s), 0
	if active {
		for p, t := range r.tasks {
			if t.balance {
				busy++
				r.shift(u, t.replaces, p.node, t.bytes)
			}
		}
	}
	r.mu.Unlock()
	if !active {
		return nil
	}
	if b.offers == nil && busy == 0 {
		r.endBalancer("balanced")
		return nil
	}
	ordered := 0
	for _, from := range byUse(u, b.offers) {
		for _, o := range b.offers[from] {
			if u.part[from] <= u.mean || o.bytes > b.budget {
				break
			}
			to := r.receiver(s, u, o, from)
			if to == "" {
				continue
			}
			if err := r.copy(ctx, now, s, o.c, replication.Action{Kind: replication.Copy, Node: to, Replaces: from}, true); err != nil {
				return err
			}
			if !r.underWay(place{o.c.Info.Id, to}) {
				continue // over a limit
			}
			r.shift(u, from, to, o.bytes)
			b.budget -= o.bytes
			ordered++
		}
	}
	if ordered == 0 && busy == 0 {
		r.nextIteration(b, now)
	}
	return nil
}

// shift counts a move as done.
func (r *replicator) shift(u uses, from, to string, bytes uint64) {
	if u.size[from] > 0 {
		u.part[from] -= float64(bytes) / u.size[from]
	}
	if u.size[to] > 0 {
		u.part[to] += float64(bytes) / u.size[to]
	}
}

func (r *replicator) underWay(p place) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tasks[p] != nil
}

func byUse(u uses, offers map[string][]offer) []string {
	var ids []string
	for id := range offers {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(-cmp.Compare(u.part[a], u.part[b]), cmp.Compare(a, b)) })
	return ids
}

// receiver is the emptiest node that may take the container without becoming fuller
// than the mean, or than who gives it; and without leaving one rack with all replicas.
func (r *replicator) receiver(s *survey, u uses, o offer, from string) string {
	var racks []string
	for _, x := range o.c.Replicas {
		if x.Member && x.Node.ID != from && !slices.Contains(racks, x.Node.Rack) {
			racks = append(racks, x.Node.Rack)
		}
	}
	best := ""
	for _, n := range s.targets {
		after := u.part[n.ID] + float64(o.bytes)/max(u.size[n.ID], 1)
		giver := u.part[from] - float64(o.bytes)/max(u.size[from], 1)
		together := len(racks) == 1 && racks[0] == n.Rack && len(s.racks) > 1 && o.c.Factor > 1
		if u.size[n.ID] == 0 || after > max(u.mean, giver) || together || n.Remaining < o.bytes+r.cfg.MinFree || !r.free(o.c, n.ID) {
			continue
		}
		if best == "" || u.part[n.ID] < u.part[best] {
			best = n.ID
		}
	}
	return best
}

func (r *replicator) endBalancer(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bal.stop(why)
	r.log.Info().Str("why", why).Uint64("bytes", r.bal.moved).Uint64("containers", r.bal.count).Msg("container balancer stopped")
}

// nextIteration follows a pause if there may be more to do, else it is the end.
func (r *replicator) nextIteration(b *balancer, now time.Time) {
	if b.budget == b.maxBytes {
		r.endBalancer("nothing more can be moved")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.iteration++
	b.budget, b.pause = b.maxBytes, now.Add(r.cfg.Redundancy.BalancerInterval)
}
