package state

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// cluster is the truth about nodes and containers.
type clusterModel struct {
	*rapid.T
	m          *machine
	nodes      map[string]*ompb.NodeInfo
	containers map[uint64]*ompb.ContainerInfo
}

func (c *clusterModel) node() string {
	return fmt.Sprintf("n%d", rapid.IntRange(1, 5).Draw(c.T, "node"))
}

func (c *clusterModel) container() uint64 {
	return uint64(rapid.IntRange(1, len(c.containers)+1).Draw(c.T, "container"))
}

func (c *clusterModel) register() {
	id := c.node()
	n := &commonpb.Node{Id: id, Address: fmt.Sprintf("h:%d", rapid.IntRange(1, 9).Draw(c.T, "port"))}
	c.m.must(&ompb.Request{Op: &ompb.Request_RegisterNode{RegisterNode: &ompb.RegisterNode{Node: n}}})
	if c.nodes[id] == nil {
		c.nodes[id] = &ompb.NodeInfo{}
	}
	c.nodes[id].Node = n // what the administrator wants stays
}

func (c *clusterModel) forget() {
	id, want := c.node(), ozerr.Code("")
	for _, info := range c.containers {
		if slices.Contains(info.Nodes, id) {
			want = ozerr.InvalidRequest
		}
	}
	c.m.wants(&ompb.Request{Op: &ompb.Request_ForgetNode{ForgetNode: &ompb.ForgetNode{Node: id}}}, want)
	if want == "" {
		delete(c.nodes, id)
	}
}

func (c *clusterModel) setState() {
	id := c.node()
	op := &ompb.SetNodeState{Node: id, UntilNs: int64(rapid.IntRange(0, 3).Draw(c.T, "until")),
		OpState: rapid.SampledFrom([]string{"", "IN_SERVICE", Decommissioning, Decommissioned, EnteringMaintenance, InMaintenance, "ASLEEP"}).Draw(c.T, "state")}
	want := ozerr.Code("")
	if c.nodes[id] == nil || op.OpState == "ASLEEP" {
		want = ozerr.InvalidArgument
	}
	c.m.wants(&ompb.Request{Op: &ompb.Request_SetNodeState{SetNodeState: op}}, want)
	if want != "" {
		return
	}
	n := c.nodes[id]
	n.OpState, n.UntilNs = op.OpState, 0
	switch op.OpState {
	case "IN_SERVICE":
		n.OpState = ""
	case EnteringMaintenance, InMaintenance:
		n.UntilNs = op.UntilNs
	}
}

func (c *clusterModel) create() {
	id := c.node()
	want := ozerr.Code("")
	if c.nodes[id] == nil {
		want = ozerr.InvalidArgument
	}
	resp := c.m.wants(&ompb.Request{Op: &ompb.Request_CreateContainer{
		CreateContainer: &ompb.CreateContainer{Replication: "ONE", Nodes: []string{id}}}}, want)
	if want == "" {
		info := resp.GetContainer()
		c.containers[info.Id] = &ompb.ContainerInfo{Id: info.Id, Nodes: []string{id}, State: info.State}
	}
}

func (c *clusterModel) closeContainer() {
	id, want := c.container(), ozerr.Code("")
	if c.containers[id] == nil {
		want = ozerr.ContainerNotFound
	}
	c.m.wants(&ompb.Request{Op: &ompb.Request_SetContainerState{
		SetContainerState: &ompb.SetContainerState{Container: id, State: uint32(dnpb.ContainerState_CLOSED)}}}, want)
	if want == "" {
		c.containers[id].State = uint32(dnpb.ContainerState_CLOSED)
	}
}

func (c *clusterModel) fence() {
	id, want := c.container(), ozerr.Code("")
	switch info := c.containers[id]; {
	case info == nil:
		want = ozerr.ContainerNotFound
	case info.State != uint32(dnpb.ContainerState_CLOSED):
		want = ozerr.InvalidRequest
	default:
		info.Fenced = true
	}
	c.m.wants(&ompb.Request{Op: &ompb.Request_FenceContainers{FenceContainers: &ompb.FenceContainers{Containers: []uint64{id}}}}, want)
}

func (c *clusterModel) replicas() {
	id := c.container()
	draw := func(what string) []string {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("n%d", rapid.IntRange(1, 5).Draw(t, "n")) }), 0, 3).Draw(c.T, what)
	}
	op := &ompb.SetContainerReplicas{Container: id, Add: draw("add"), Remove: draw("remove")}
	want := ozerr.Code("")
	info := c.containers[id]
	if info == nil {
		want = ozerr.ContainerNotFound
	} else {
		nodes := slices.DeleteFunc(slices.Clone(info.Nodes), func(n string) bool { return slices.Contains(op.Remove, n) })
		for _, n := range op.Add {
			if c.nodes[n] == nil {
				want = ozerr.InvalidArgument
			}
			if !slices.Contains(nodes, n) {
				nodes = append(nodes, n)
			}
		}
		if want == "" && len(nodes) == 0 {
			want = ozerr.InvalidRequest
		}
		if want == "" {
			info.Nodes = nodes
		}
	}
	c.m.wants(&ompb.Request{Op: &ompb.Request_SetContainerReplicas{SetContainerReplicas: op}}, want)
}

func (c *clusterModel) check() {
	list := c.m.must(&ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}}).GetNodes().GetNodes()
	if len(list) != len(c.nodes) {
		c.Fatalf("%d nodes, want %d", len(list), len(c.nodes))
	}
	for _, n := range list {
		want := c.nodes[n.Node.Id]
		if want == nil || n.Node.Address != want.Node.Address || n.OpState != want.OpState || n.UntilNs != want.UntilNs {
			c.Fatalf("node %v, want %v", n, want)
		}
	}
	for id, want := range c.containers {
		got := c.m.must(&ompb.Request{Op: &ompb.Request_GetContainer{GetContainer: &ompb.GetContainer{Container: id}}}).GetContainer()
		if !slices.Equal(got.Nodes, want.Nodes) || got.State != want.State || got.Fenced != want.Fenced {
			c.Fatalf("container %v, want %v", got, want)
		}
	}
}

// TestReplicaSetsFollowTheModel: nodes, their states, replica sets and fences, in any order.
func TestReplicaSetsFollowTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, remove := tempDir(rt)
		defer remove()
		db := openDB(rt, dir)
		defer db.Close()
		c := &clusterModel{T: rt, m: newMachine(rt, db),
			nodes:      map[string]*ompb.NodeInfo{"n1": {Node: &commonpb.Node{Id: "n1", Address: "h:1"}}},
			containers: map[uint64]*ompb.ContainerInfo{1: {Id: 1, Nodes: []string{"n1"}, State: uint32(dnpb.ContainerState_OPEN)}}}
		action := func(f func()) func(*rapid.T) {
			return func(rt *rapid.T) { c.T, c.m.t = rt, rt; f() }
		}
		rt.Repeat(map[string]func(*rapid.T){
			"register": action(c.register), "forget": action(c.forget), "state": action(c.setState), "create": action(c.create),
			"close": action(c.closeContainer), "fence": action(c.fence), "replicas": action(c.replicas), "": action(c.check),
		})
	})
}

// TestAFencedContainerTakesNoNewBlocks: what a key has already stays its own.
func TestAFencedContainerTakesNoNewBlocks(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "old", nil, block(7, 10)))
	m.must(&ompb.Request{Op: &ompb.Request_SetContainerState{
		SetContainerState: &ompb.SetContainerState{Container: 1, State: uint32(dnpb.ContainerState_CLOSED)}}})
	m.must(commit("bkt", "late", nil, block(8, 10)))
	m.must(&ompb.Request{Op: &ompb.Request_FenceContainers{FenceContainers: &ompb.FenceContainers{Containers: []uint64{1}}}})
	m.wants(commit("bkt", "too-late", nil, block(9, 10)), ozerr.ContainerClosed)
	for _, key := range []string{"old", "late"} {
		m.must(get("bkt", key))
	}
	m.must(&ompb.Request{Op: &ompb.Request_ListContainerBlocks{ListContainerBlocks: &ompb.ListContainerBlocks{Container: 1}}})
}

// TestContainerBlocksComeInPages, freed ones among them.
func TestContainerBlocksComeInPages(t *testing.T) {
	m := testMachine(t)
	for i := range uint64(5) {
		m.must(commit("bkt", fmt.Sprint("k", i), nil, block(10+i, 10)))
	}
	m.must(remove("bkt", "k2"))
	var got []string
	after := uint64(0)
	for more := true; more; {
		page := m.must(&ompb.Request{Op: &ompb.Request_ListContainerBlocks{
			ListContainerBlocks: &ompb.ListContainerBlocks{Container: 1, AfterLocal: after, Limit: 2}}}).GetContainerBlocks()
		for _, b := range page.Blocks {
			after = b.Local
			got = append(got, fmt.Sprint(b.Local, b.Length, b.HasCrc, b.Freed))
		}
		more = page.Truncated
	}
	want := []string{"10 10 true false", "11 10 true false", "12 10 true true", "13 10 true false", "14 10 true false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
