package state

import (
	"slices"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// maxReplicas bounds a container's replica set: twice what any replication asks for,
// and some while replicas move.
const maxReplicas = 64

// setContainerReplicas changes which nodes a container is said to be on. Copies under
// way are not in it: a node is added when it has everything.
func (c *call) setContainerReplicas(r *ompb.SetContainerReplicas) (*ompb.Response, error) {
	m := Container(c.tx, r.Container)
	if m == nil {
		return nil, ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", r.Container)
	}
	nodes := slices.DeleteFunc(slices.Clone(m.Nodes), func(id string) bool { return slices.Contains(r.Remove, id) })
	for _, id := range r.Add {
		if !table.Nodes.Has(c.tx, []byte(id)) {
			return nil, ozerr.New(ozerr.InvalidArgument, "node %s is not registered", id)
		}
		if !slices.Contains(nodes, id) {
			nodes = append(nodes, id)
		}
	}
	if len(nodes) == 0 || len(nodes) > maxReplicas {
		return nil, ozerr.New(ozerr.InvalidRequest, "container %d would be on %d nodes", r.Container, len(nodes))
	}
	if !slices.Equal(nodes, m.Nodes) {
		m.Nodes = nodes
		table.Containers.Put(c.tx, table.U64(m.Id), m)
	}
	return containerAnswer(m), nil
}

// fenceContainers: from here on, what no key has in these containers no key will ever
// have (see checkBlocks), so it can be taken for an orphan.
func (c *call) fenceContainers(r *ompb.FenceContainers) (*ompb.Response, error) {
	for _, id := range r.Containers {
		m := Container(c.tx, id)
		switch {
		case m == nil:
			return nil, ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", id)
		case stage(m.State) < stage(uint32(dnpb.ContainerState_QUASI_CLOSED)):
			return nil, ozerr.New(ozerr.InvalidRequest, "container %d is still %s", id, dnpb.ContainerState(m.State))
		case !m.Fenced:
			m.Fenced = true
			table.Containers.Put(c.tx, table.U64(id), m)
		}
	}
	return nil, nil
}

// What an administrator wants of a node; the words are Ozone's. "" is IN_SERVICE.
const (
	InService           = ""
	Decommissioning     = "DECOMMISSIONING"
	Decommissioned      = "DECOMMISSIONED"
	EnteringMaintenance = "ENTERING_MAINTENANCE"
	InMaintenance       = "IN_MAINTENANCE"
)

func (c *call) setNodeState(r *ompb.SetNodeState) (*ompb.Response, error) {
	n := table.Nodes.Get(c.tx, []byte(r.Node))
	if n == nil {
		return nil, ozerr.New(ozerr.InvalidArgument, "node %s is not registered", r.Node)
	}
	want := r.OpState
	switch want {
	case "IN_SERVICE":
		want = InService
	case InService, Decommissioning, Decommissioned, EnteringMaintenance, InMaintenance:
	default:
		return nil, ozerr.New(ozerr.InvalidArgument, "no state %q of a node", want)
	}
	n.OpState, n.UntilNs = want, 0
	if want == EnteringMaintenance || want == InMaintenance {
		n.UntilNs = r.UntilNs
	}
	table.Nodes.Put(c.tx, []byte(r.Node), n)
	return nil, nil
}

// forgetNode removes a node that has nothing any more. One that lives registers again.
func (c *call) forgetNode(r *ompb.ForgetNode) (*ompb.Response, error) {
	var holds *ompb.ContainerInfo
	Containers(c.tx, func(m *ompb.ContainerInfo) bool {
		if slices.Contains(m.Nodes, r.Node) {
			holds = m
		}
		return holds == nil
	})
	if holds != nil {
		return nil, ozerr.New(ozerr.InvalidRequest, "node %s still has a replica of container %d", r.Node, holds.Id)
	}
	table.Nodes.Delete(c.tx, []byte(r.Node))
	return nil, nil
}

// tokenKeysRow is the name of the row with the keys of block tokens.
const tokenKeysRow = "token-keys"

func (c *call) setTokenKeys(r *ompb.SetTokenKeys) (*ompb.Response, error) {
	if len(r.Keys) > 64 {
		return nil, ozerr.New(ozerr.InvalidArgument, "%d keys", len(r.Keys))
	}
	newest := func(keys []*ompb.SealedTokenKey) uint64 {
		if len(keys) == 0 {
			return 0
		}
		return keys[len(keys)-1].Id
	}
	if newest(r.Keys) <= newest(TokenKeys(c.tx)) { // of a leader that has not seen the last change
		return nil, ozerr.New(ozerr.InvalidRequest, "the keys of block tokens have changed meanwhile")
	}
	table.TokenKeys.Put(c.tx, []byte(tokenKeysRow), r)
	return nil, nil
}

// TokenKeys are the sealed keys of block tokens, newest last.
func TokenKeys(tx *table.Txn) []*ompb.SealedTokenKey {
	return table.TokenKeys.Get(tx, []byte(tokenKeysRow)).GetKeys()
}
