package om

import (
	"slices"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// without are the nodes but one, which is dead from now on.
func without(all []*fakeNode, clk *clock, id string) []*fakeNode {
	clk.advance(121 * time.Second)
	return slices.DeleteFunc(slices.Clone(all), func(n *fakeNode) bool { return n.beat.Node.Id == id })
}

// A freed block waits for a datanode that is dead only as long as that is a member of the
// replica set: nobody need wait for a new leader.
func TestAFreedBlockIsForgottenWhenTheDeadDatanodeIsReplaced(t *testing.T) {
	s, all, clk, ids := redundantServer(t, 4)
	victim := containerInfo(t, s, ids[0]).Nodes[0]
	all[slices.IndexFunc(all, func(n *fakeNode) bool { return n.beat.Node.Id == victim })].lazy = true
	deleteKey(t, s, &ompb.BucketRef{Volume: "s3u", Bucket: "bucket"}, "a")
	until(t, all, "only the one waits", func() bool { return deletedRows(t, s) > 0 && s.present().orders.count() > 0 })
	rest := without(all, clk, victim)
	until(t, rest, "the rows are forgotten", func() bool { return elsewhere(t, s, ids[:1], victim) && deletedRows(t, s) == 0 })
}

// A container whose last block was deleted while a member was dead: nobody has anything to
// copy, so it is not missing, and the dead one is crossed out when no writer can come any more.
func TestAnEmptiedContainerLetsADeadDatanodeGo(t *testing.T) {
	s, all, clk, ids := redundantServer(t, 3)
	victim := containerInfo(t, s, ids[0]).Nodes[0]
	rest := without(all, clk, victim)
	until(t, rest, "closed without the dead one", func() bool {
		return !slices.ContainsFunc(ids, func(id uint64) bool { return containerInfo(t, s, id).State != uint32(dnpb.ContainerState_CLOSED) })
	})
	for i := range 8 {
		deleteKey(t, s, &ompb.BucketRef{Volume: "s3u", Bucket: "bucket"}, string(rune('a'+i)))
	}
	until(t, rest, "the living deleted theirs", func() bool {
		n := 0
		for _, x := range rest {
			for _, o := range x.taken {
				n += len(o.GetDeleteBlocks().GetBlocks())
			}
		}
		return n >= 8*len(rest)
	})
	for _, n := range rest {
		n.beat.Containers = nil // a closed container without a block is removed
	}
	health := func() map[string]uint64 {
		return submit(t, s, &ompb.Request{Op: &ompb.Request_GetReplication{GetReplication: &ompb.GetReplication{}}}).GetReplication().ByHealth
	}
	until(t, rest, "empty", func() bool { h := health(); return h["MISSING"] == 0 && h["EMPTY"] >= uint64(len(ids)) })
	if _, err := s.propose(testContext(t), &ompb.Request{Op: &ompb.Request_FenceContainers{FenceContainers: &ompb.FenceContainers{Containers: ids}}}); err != nil {
		t.Fatal(err)
	}
	until(t, rest, "the dead one is crossed out and its rows go", func() bool {
		return deletedRows(t, s) == 0 && !slices.ContainsFunc(ids, func(id uint64) bool { return slices.Contains(containerInfo(t, s, id).Nodes, victim) })
	})
}

// A block that no source has keeps nobody from making all the others whole elsewhere: the
// copy becomes a member, once, and nothing is deleted for its sake.
func TestACopyThatLacksALostBlockIsAMember(t *testing.T) {
	s, all, clk, ids := redundantServer(t, 6)
	members := containerInfo(t, s, ids[0]).Nodes
	victim := members[0]
	rest := without(all, clk, victim)
	for _, n := range rest {
		n.lacks = true
	}
	until(t, rest, "the copy is a member", func() bool { return elsewhere(t, s, ids[:1], victim) })
	holders := 0
	for _, n := range rest {
		if slices.ContainsFunc(n.beat.Containers, func(c *dnpb.ContainerReport) bool { return c.Id == ids[0] }) {
			holders++
		}
	}
	if holders != 3 {
		t.Errorf("%d datanodes have the container", holders)
	}
}
