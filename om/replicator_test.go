package om

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// redundantServer has quick rounds, datanodes and a key in each of their open containers.
func redundantServer(t *testing.T, nodes int) (*Server, []*fakeNode, *clock, []uint64) {
	cfg, clk := testConfig(t, t.TempDir())
	cfg.Redundancy.Interval, cfg.Redundancy.Settle = 5*time.Millisecond, 0
	s := openServer(t, cfg)
	t.Cleanup(func() { closeServer(t, s) })
	all := startNodes(t, s, nodes)
	ref := makeBucket(t, s)
	var ids []uint64
	for i, l := range leases(t, s, 8, "THREE") {
		commit(t, s, ref, string(rune('a'+i)), l, 10)
		if slices.Contains(ids, l.Id.Container) {
			continue
		}
		ids = append(ids, l.Id.Container)
		for _, r := range l.Replicas {
			n := all[slices.IndexFunc(all, func(n *fakeNode) bool { return n.beat.Node.Id == r.Id })]
			n.report(l.Id.Container, dnpb.ContainerState_OPEN, 10)
		}
	}
	for _, n := range all {
		for _, c := range n.beat.Containers {
			c.Blocks = 1
		}
		n.heartbeat()
	}
	return s, all, clk, ids
}

func nodeInfo(t *testing.T, s *Server, id string) *ompb.NodeInfo {
	t.Helper()
	for _, n := range submit(t, s, &ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}}).GetNodes().Nodes {
		if n.Node.Id == id {
			return n
		}
	}
	return nil
}

func setNodeState(t *testing.T, s *Server, id, st string) {
	t.Helper()
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_SetNodeState{SetNodeState: &ompb.SetNodeState{Node: id, OpState: st}}})
}

// elsewhere: every container is closed and has three replicas, none of them on the node.
func elsewhere(t *testing.T, s *Server, ids []uint64, node string) bool {
	for _, id := range ids {
		c := containerInfo(t, s, id)
		if c.State != uint32(dnpb.ContainerState_CLOSED) || len(c.Nodes) != 3 || slices.Contains(c.Nodes, node) {
			return false
		}
	}
	return true
}

func TestADeadDatanodeIsReplacedAndForgotten(t *testing.T) {
	s, all, clk, ids := redundantServer(t, 4)
	victim := containerInfo(t, s, ids[0]).Nodes[0]
	rest := slices.DeleteFunc(slices.Clone(all), func(n *fakeNode) bool { return n.beat.Node.Id == victim })
	forget := &ompb.Request{User: "u", Op: &ompb.Request_ForgetNode{ForgetNode: &ompb.ForgetNode{Node: victim}}}
	if _, err := s.Submit(testContext(t), forget); !errors.Is(err, ozerr.InvalidRequest) {
		t.Errorf("forgetting a living datanode: %v", err)
	}
	clk.advance(121 * time.Second)
	until(t, rest, "three replicas without the dead datanode", func() bool { return elsewhere(t, s, ids, victim) })
	report := submit(t, s, &ompb.Request{Op: &ompb.Request_GetReplication{GetReplication: &ompb.GetReplication{}}}).GetReplication()
	if !report.LeaderReady || !report.Running || report.ByHealth["UNDER_REPLICATED"] != 0 || report.ByHealth["MISSING"] != 0 {
		t.Errorf("report %v", report)
	}
	clk.advance(DefaultRedundancy().ForgetAfter)
	until(t, rest, "the dead datanode is forgotten", func() bool { return nodeInfo(t, s, victim) == nil })
	back := all[slices.IndexFunc(all, func(n *fakeNode) bool { return n.beat.Node.Id == victim })]
	until(t, append(rest, back), "its old replicas are deleted when it returns", func() bool {
		return nodeInfo(t, s, victim) != nil && len(back.beat.Containers) == 0
	})
}

func TestDecommissionAndRecommission(t *testing.T) {
	s, all, _, ids := redundantServer(t, 4)
	leaver := containerInfo(t, s, ids[0]).Nodes[0]
	for _, st := range []string{state.Decommissioned, state.InMaintenance} {
		_, err := s.Submit(testContext(t), &ompb.Request{User: "u", Op: &ompb.Request_SetNodeState{SetNodeState: &ompb.SetNodeState{Node: leaver, OpState: st}}})
		if !errors.Is(err, ozerr.InvalidArgument) {
			t.Errorf("setting %s by hand: %v", st, err)
		}
	}
	setNodeState(t, s, leaver, state.Decommissioning)
	for _, l := range leases(t, s, 20, "THREE") {
		for _, n := range l.Replicas {
			if n.Id == leaver {
				t.Fatal("a lease on a datanode that is leaving")
			}
		}
	}
	until(t, all, "everything is elsewhere", func() bool {
		return elsewhere(t, s, ids, leaver) && nodeInfo(t, s, leaver).OpState == state.Decommissioned
	})
	n := all[slices.IndexFunc(all, func(n *fakeNode) bool { return n.beat.Node.Id == leaver })]
	if len(n.beat.Containers) == 0 {
		t.Error("a decommissioned datanode keeps its copies until it is wanted again")
	}
	setNodeState(t, s, leaver, "IN_SERVICE")
	until(t, all, "what is too much is deleted", func() bool { return len(n.beat.Containers) == 0 })
}

func TestMaintenanceBeginsWhenEnoughIsElsewhere(t *testing.T) {
	s, all, clk, ids := redundantServer(t, 3)
	off := containerInfo(t, s, ids[0]).Nodes[0]
	setNodeState(t, s, off, state.EnteringMaintenance)
	until(t, all, "in maintenance", func() bool { return nodeInfo(t, s, off).OpState == state.InMaintenance })
	rest := slices.DeleteFunc(slices.Clone(all), func(n *fakeNode) bool { return n.beat.Node.Id == off })
	clk.advance(121 * time.Second)
	until(t, rest, "dead", func() bool { return nodeInfo(t, s, off).Health == "DEAD" })
	for _, id := range ids {
		info := submit(t, s, &ompb.Request{Op: &ompb.Request_GetContainer{GetContainer: &ompb.GetContainer{Container: id}}}).GetContainer()
		if info.Health != "HEALTHY" || len(info.Replicas) != 3 {
			t.Errorf("container %d in maintenance: %v", id, info)
		}
	}
}

func TestBadBlocksAreOrderedAnew(t *testing.T) {
	for _, by := range []string{"reader", "datanode"} {
		t.Run(by, func(t *testing.T) {
			s, all, _, ids := redundantServer(t, 3)
			accused, local := all[1], uint64(77)
			id := &commonpb.BlockID{Container: ids[0], Local: local}
			if by == "reader" {
				submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_ReportBadReplica{ReportBadReplica: &ompb.ReportBadReplica{
					Block: id, NodeId: accused.beat.Node.Id, Reason: "checksum"}}})
			} else {
				accused.beat.BadBlocks = []*dnpb.BadBlock{{Block: id, Reason: "scrub"}}
				accused.heartbeat()
				accused.beat.BadBlocks = nil
			}
			repaired := func(n *fakeNode) bool {
				return slices.ContainsFunc(n.taken, func(o *dnpb.Order) bool {
					r := o.GetReconcileContainer()
					return r.GetContainer() == ids[0] && r.Verify && slices.Equal(r.Locals, []uint64{local}) && len(r.Sources) == 2
				})
			}
			until(t, all, "the order", func() bool { return repaired(accused) })
			if repaired(all[0]) || repaired(all[2]) {
				t.Error("others were told to repair it")
			}
		})
	}
}

// TestOrdersThatFailAreGivenElsewhere: a copy that one datanode can't make, another makes.
func TestOrdersThatFailAreGivenElsewhere(t *testing.T) {
	s, all, clk, ids := redundantServer(t, 5)
	members := containerInfo(t, s, ids[0]).Nodes
	victim := members[0]
	var rest, spare []*fakeNode
	for _, n := range all {
		if id := n.beat.Node.Id; id != victim {
			rest = append(rest, n)
			if !slices.Contains(members, id) {
				spare = append(spare, n)
			}
		}
	}
	spare[0].refuses = true
	clk.advance(121 * time.Second)
	until(t, rest, "replaced by another", func() bool {
		c := containerInfo(t, s, ids[0])
		return len(c.Nodes) == 3 && !slices.Contains(c.Nodes, victim) && slices.Contains(c.Nodes, spare[1].beat.Node.Id)
	})
}
