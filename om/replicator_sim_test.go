package om

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	simTick  = 3 * time.Second
	simRound = 10 * time.Second
)

// simulation is a replicator among datanodes in memory that carry out its orders, in
// time of its own.
type simulation struct {
	*rapid.T
	now    time.Time
	nodes  []*simNode
	log    map[uint64]*ompb.ContainerInfo
	blocks map[uint64]map[uint64]bool // what the log lists, by container
	ids    uint64
	reg    *registry
	view   *placement.View
	orders *orders
	repl   *replicator
	calm   bool // no order fails
	looked time.Time
}

type simNode struct {
	id       string
	up       bool
	replicas map[uint64]*simReplica
	told     map[uint64]bool // it had these whole at its last heartbeat
	done     []uint64
	failed   []*dnpb.OrderFailure
	queue    []*dnpb.Order
}

type simReplica struct {
	state  dnpb.ContainerState
	blocks map[uint64]bool
}

func (r *simReplica) report(id uint64) *dnpb.ContainerReport {
	var sum uint64
	for b := range r.blocks {
		sum += b * 0x9E3779B97F4A7C15
	}
	n := uint64(len(r.blocks))
	return &dnpb.ContainerReport{Id: id, State: r.state, Blocks: n, UsedBytes: 10 * n, Content: sum}
}

func newSimulation(t *rapid.T) *simulation {
	s := &simulation{T: t, now: time.Unix(1_700_000_000, 0), log: map[uint64]*ompb.ContainerInfo{}, blocks: map[uint64]map[uint64]bool{}}
	s.view = placement.NewView(placement.DefaultConfig(), func() time.Time { return s.now })
	s.reg = &registry{nodes: map[string]*ompb.NodeInfo{}}
	s.orders = newOrders(&idRange{kind: "order", step: 1000, propose: s.propose})
	cfg := DefaultConfig()
	cfg.MinFree = 0
	cfg.Redundancy.ForgetAfter = 365 * 24 * time.Hour
	cfg.Redundancy.Limit = rapid.SampledFrom([]int{1, 2, 20}).Draw(t, "limit")
	s.repl = newReplicator(&cfg, zerolog.Nop(), s.view, s.reg, s.orders, s.propose, s.load)
	s.repl.one, s.repl.now = s.one, func() time.Time { return s.now }
	s.repl.intn = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).IntN
	racks := rapid.IntRange(1, 2).Draw(t, "racks")
	for i := range rapid.IntRange(3, 6).Draw(t, "nodes") {
		n := &simNode{id: fmt.Sprintf("dn%d", i), up: true, replicas: map[uint64]*simReplica{}}
		s.nodes = append(s.nodes, n)
		s.reg.put(&ompb.NodeInfo{Node: &commonpb.Node{Id: n.id, Rack: fmt.Sprintf("/r%d", i%racks)}})
	}
	for id := range uint64(rapid.IntRange(1, 4).Draw(t, "containers")) {
		s.fill(id + 1)
	}
	return s
}

// fill makes a closed container, whose replicas may have blocks of nobody.
func (s *simulation) fill(id uint64) {
	info := &ompb.ContainerInfo{Id: id, State: uint32(dnpb.ContainerState_CLOSED), Replication: "THREE",
		CreatedNs: s.now.UnixNano(), ModifiedNs: s.now.UnixNano()}
	if rapid.IntRange(0, 4).Draw(s.T, "single") == 0 {
		info.Replication = "ONE"
	}
	s.blocks[id] = map[uint64]bool{}
	for b := range uint64(rapid.IntRange(0, 4).Draw(s.T, "blocks")) {
		s.blocks[id][b+1] = true
	}
	members := rapid.Permutation(s.nodes).Draw(s.T, "members")[:s.factor(info)]
	for _, n := range members {
		info.Nodes = append(info.Nodes, n.id)
		r := &simReplica{state: dnpb.ContainerState_CLOSED, blocks: maps.Clone(s.blocks[id])}
		if rapid.IntRange(0, 2).Draw(s.T, "orphan") == 0 {
			r.blocks[100+uint64(rapid.IntRange(0, 3).Draw(s.T, "local"))] = true
		}
		n.replicas[id] = r
	}
	s.log[id] = info
}

func (s *simulation) factor(info *ompb.ContainerInfo) int {
	n, _ := replicationFactor(info.Replication, 3)
	return n
}

func (s *simulation) node(id string) *simNode {
	return s.nodes[slices.IndexFunc(s.nodes, func(n *simNode) bool { return n.id == id })]
}

// whole tells whether a node's replica has all that the log lists.
func (s *simulation) whole(n *simNode, id uint64) bool {
	r := n.replicas[id]
	if r == nil || r.state == dnpb.ContainerState_UNHEALTHY {
		return false
	}
	for b := range s.blocks[id] {
		if !r.blocks[b] {
			return false
		}
	}
	return true
}

// wholes counts the other members with whole replicas on nodes that run.
func (s *simulation) wholes(info *ompb.ContainerInfo, but string) (n int) {
	for _, id := range info.Nodes {
		if id != but && s.whole(s.node(id), info.Id) && s.node(id).up {
			n++
		}
	}
	return n
}

// told counts the members that last said they have a whole replica.
func (s *simulation) told(info *ompb.ContainerInfo) (n int) {
	for _, id := range info.Nodes {
		if s.node(id).told[info.Id] {
			n++
		}
	}
	return n
}

func (s *simulation) load(f func(*ompb.ContainerInfo, func() bool)) error {
	for _, id := range slices.Sorted(maps.Keys(s.log)) {
		f(s.log[id], func() bool { return len(s.blocks[id]) > 0 })
	}
	return nil
}

func (s *simulation) one(id uint64, f func(*ompb.ContainerInfo, func() bool)) error {
	if info := s.log[id]; info != nil {
		f(info, func() bool { return len(s.blocks[id]) > 0 })
	}
	return nil
}

// propose is the log. It checks what a change of a replica set must not do.
func (s *simulation) propose(_ context.Context, req *ompb.Request) (*ompb.Response, error) {
	switch op := req.Op.(type) {
	case *ompb.Request_ReserveIds:
		from := s.ids
		s.ids += op.ReserveIds.Count
		return &ompb.Response{Result: &ompb.Response_Ids{Ids: &ompb.IDRange{First: from + 1, End: s.ids + 1}}}, nil
	case *ompb.Request_SetContainerReplicas:
		return &ompb.Response{}, s.setReplicas(op.SetContainerReplicas)
	case *ompb.Request_FenceContainers:
		for _, id := range op.FenceContainers.Containers {
			s.log[id].Fenced = true
		}
		return &ompb.Response{}, nil
	case *ompb.Request_SetNodeState:
		return &ompb.Response{}, nil // the registry is told by the caller
	}
	s.Fatalf("proposed: %v", req)
	return nil, nil
}

func (s *simulation) setReplicas(r *ompb.SetContainerReplicas) error {
	info := s.log[r.Container]
	before := s.told(info)
	nodes := slices.DeleteFunc(slices.Clone(info.Nodes), func(id string) bool { return slices.Contains(r.Remove, id) })
	for _, id := range r.Add {
		if !slices.Contains(nodes, id) {
			nodes = append(nodes, id)
		}
	}
	if len(nodes) == 0 {
		return ozerr.New(ozerr.InvalidRequest, "no nodes")
	}
	next := &ompb.ContainerInfo{Id: info.Id, State: info.State, Replication: info.Replication, Fenced: info.Fenced,
		CreatedNs: info.CreatedNs, ModifiedNs: info.ModifiedNs, Nodes: nodes}
	if after := s.told(next); after < before && after < s.factor(info) && len(s.blocks[info.Id]) > 0 {
		s.Fatalf("container %d had %d whole replicas in %v, now %d in %v", info.Id, before, info.Nodes, after, nodes)
	}
	s.log[r.Container] = next
	return nil
}

// tick is a heartbeat of all, what they do about it, and a round if it is due.
func (s *simulation) tick() {
	s.now = s.now.Add(simTick)
	for _, n := range s.nodes {
		if !n.up {
			continue
		}
		hb := &dnpb.Heartbeat{Node: &commonpb.Node{Id: n.id}, FullReport: true, Capacity: 1000, Remaining: 1000}
		n.told = map[uint64]bool{}
		for _, id := range slices.Sorted(maps.Keys(n.replicas)) {
			n.told[id] = s.whole(n, id)
			hb.Containers = append(hb.Containers, n.replicas[id].report(id))
		}
		s.view.Heartbeat(hb)
		s.orders.done(n.id, n.done)
		s.orders.fail(n.id, n.failed)
		n.done, n.failed = nil, nil
		n.queue = s.orders.pending(n.id, s.now, maxOrders)
	}
	if s.repl.due(s.now, s.looked) {
		s.looked = s.now
		if err := s.repl.step(context.Background(), s.now); err != nil {
			s.Fatalf("round: %v", err)
		}
	}
	for _, n := range s.nodes {
		for _, o := range n.queue {
			s.carryOut(n, o)
		}
		n.queue = nil
	}
}

func (s *simulation) carryOut(n *simNode, o *dnpb.Order) {
	if !n.up {
		return
	}
	err := ""
	switch what := o.What.(type) {
	case *dnpb.Order_DeleteContainer:
		s.deleteReplica(n, what.DeleteContainer.Container)
	case *dnpb.Order_CloseContainer:
		if r := n.replicas[what.CloseContainer.Container]; r != nil {
			r.state = dnpb.ContainerState_CLOSED
		}
	case *dnpb.Order_ReconcileContainer:
		if err = s.reconcile(n, what.ReconcileContainer); err == "" && !s.calm && rapid.IntRange(0, 5).Draw(s.T, "fails") == 0 {
			err = "bad luck"
		}
	}
	if err != "" {
		n.failed = append(n.failed, &dnpb.OrderFailure{Id: o.Id, Code: "UNAVAILABLE", Reason: err})
		return
	}
	n.done = append(n.done, o.Id)
}

// deleteReplica: there must be another; that it was not needed when the order was given
// is for the order of events before it to show.
func (s *simulation) deleteReplica(n *simNode, id uint64) {
	info := s.log[id]
	if slices.Contains(info.Nodes, n.id) {
		s.Fatalf("container %d: the replica of member %s is deleted", id, n.id)
	}
	others := 0
	for _, m := range info.Nodes {
		if s.whole(s.node(m), id) {
			others++
		}
	}
	if len(s.blocks[id]) > 0 && others == 0 && s.whole(n, id) {
		s.Fatalf("container %d: the last whole replica, on %s, is deleted", id, n.id)
	}
	delete(n.replicas, id)
}

// reconcile does what the datanode's part promises.
func (s *simulation) reconcile(n *simNode, o *dnpb.ReconcileContainer) string {
	info, mine := s.log[o.Container], n.replicas[o.Container]
	if mine == nil || mine.state == dnpb.ContainerState_UNHEALTHY {
		fresh := &simReplica{state: dnpb.ContainerState_CLOSED, blocks: map[uint64]bool{}}
		if mine != nil {
			fresh.blocks = mine.blocks
		} else if !info.Fenced {
			for _, src := range o.Sources {
				if r := s.node(src.Id).replicas[o.Container]; r != nil && s.node(src.Id).up {
					maps.Copy(fresh.blocks, r.blocks)
				}
			}
		}
		mine = fresh
	}
	blocks := maps.Clone(mine.blocks)
	for b := range s.blocks[o.Container] {
		for _, src := range o.Sources {
			if r := s.node(src.Id).replicas[o.Container]; r != nil && s.node(src.Id).up && r.blocks[b] {
				blocks[b] = true
			}
		}
		if !blocks[b] {
			return fmt.Sprintf("block %d is nowhere", b)
		}
	}
	if info.Fenced {
		maps.DeleteFunc(blocks, func(b uint64, _ bool) bool { return !s.blocks[o.Container][b] })
	}
	n.replicas[o.Container] = &simReplica{state: dnpb.ContainerState_CLOSED, blocks: blocks}
	return ""
}

// damage does something bad to a node's replicas, where another whole member runs. Not
// between the end of an order and the report about it: that only the checks would find.
func (s *simulation) damage() {
	n := rapid.SampledFrom(s.nodes).Draw(s.T, "node")
	if len(n.done) > 0 {
		return
	}
	what := rapid.IntRange(0, 2).Draw(s.T, "what")
	for _, id := range slices.Sorted(maps.Keys(n.replicas)) {
		if len(s.blocks[id]) > 0 && s.wholes(s.log[id], n.id) == 0 {
			continue
		}
		switch r := n.replicas[id]; what {
		case 0:
			delete(n.replicas, id)
		case 1:
			r.state = dnpb.ContainerState_UNHEALTHY
		case 2:
			r.blocks = maps.Clone(r.blocks)
			delete(r.blocks, 1)
		}
	}
}

// wantState is what an administrator does.
func (s *simulation) wantState() {
	n := rapid.SampledFrom(s.nodes).Draw(s.T, "node")
	want := rapid.SampledFrom([]string{state.InService, state.Decommissioning, state.EnteringMaintenance}).Draw(s.T, "state")
	s.reg.setState(n.id, want, 0)
	s.view.Bar(s.reg.barred())
	s.repl.poke()
}

// converged tells what is still wrong, "" if nothing is: as many whole replicas as there
// should be in service, and no others but on nodes that leave.
func (s *simulation) converged() string {
	serving := 0
	for _, n := range s.nodes {
		if s.reg.state(n.id) == state.InService {
			serving++
		}
	}
	for id, info := range s.log {
		want := min(s.factor(info), serving)
		if len(s.blocks[id]) == 0 {
			continue
		}
		good := 0
		for _, n := range s.nodes {
			member, inService := slices.Contains(info.Nodes, n.id), s.reg.state(n.id) == state.InService
			switch {
			case member && inService && s.whole(n, id):
				good++
			case member && inService:
				return fmt.Sprintf("container %d on %s is not whole", id, n.id)
			case !member && inService && n.replicas[id] != nil:
				return fmt.Sprintf("container %d is still on %s", id, n.id)
			}
		}
		if good < want || good > s.factor(info) {
			return fmt.Sprintf("container %d has %d whole replicas in service, want %d: %v", id, good, want, info.Nodes)
		}
	}
	for _, n := range s.nodes {
		if s.reg.state(n.id) == state.Decommissioning && serving >= 3 {
			return "decommissioning of " + n.id + " does not end"
		}
	}
	return ""
}

// TestReplicationConverges: whatever happens to datanodes, no container is lost by the
// replicator's own doing, and in the end each has its replicas.
func TestReplicationConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSimulation(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"time": func(rt *rapid.T) {
				s.T = rt
				for range rapid.IntRange(1, 60).Draw(rt, "ticks") {
					s.tick()
				}
			},
			"power": func(rt *rapid.T) {
				s.T = rt
				n := rapid.SampledFrom(s.nodes).Draw(rt, "node")
				n.up = !n.up
				n.done, n.failed, n.queue = nil, nil, nil
			},
			"damage": func(rt *rapid.T) { s.T = rt; s.damage() },
			"state":  func(rt *rapid.T) { s.T = rt; s.wantState() },
		})
		s.T, s.calm = rt, true
		for _, n := range s.nodes {
			n.up = true
			if s.repl.nodes.state(n.id) == state.EnteringMaintenance || s.repl.nodes.state(n.id) == state.InMaintenance {
				s.reg.setState(n.id, state.InService, 0)
			}
		}
		s.view.Bar(s.reg.barred())
		why := ""
		for range 5000 {
			s.tick()
			if why = s.converged(); why == "" && s.repl.idle() {
				return
			}
		}
		rt.Fatalf("after hours: %s; %v\n%s", why, s.repl.status(), s.describe())
	})
}

// describe is for the reader of a failure.
func (s *simulation) describe() (out string) {
	nodes := s.repl.survey()
	for _, id := range slices.Sorted(maps.Keys(s.log)) {
		c := s.repl.describe(s.log[id], func() bool { return len(s.blocks[id]) > 0 }, nodes, s.now)
		out += fmt.Sprintf("%v of %v: %+v, %d arriving\n", s.log[id], s.blocks[id], replication.Judge(c), c.Arriving)
		for _, x := range c.Replicas {
			out += fmt.Sprintf("  %+v\n", x)
		}
	}
	return out
}

func (r *replicator) idle() bool {
	n, _ := r.inFlight()
	return n == 0
}
