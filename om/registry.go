package om

import (
	"cmp"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// registry is the leader's copy of the registered nodes.
type registry struct {
	mu    sync.Mutex
	nodes map[string]*ompb.NodeInfo // never changed in place
}

func (r *registry) put(n *ompb.NodeInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[n.GetNode().GetId()] = n
}

// address notes how a node is reached; its administrator's wishes stay.
func (r *registry) address(n *commonpb.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &ompb.NodeInfo{}
	if old := r.nodes[n.Id]; old != nil {
		next = proto.CloneOf(old)
	}
	next.Node = n
	r.nodes[n.Id] = next
}

func (r *registry) setState(id, opState string, untilNS int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.nodes[id]
	if old == nil {
		return
	}
	if opState == inService {
		opState = state.InService
	}
	next := proto.CloneOf(old)
	next.OpState, next.UntilNs = opState, untilNS
	r.nodes[id] = next
}

func (r *registry) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.nodes, id)
}

// has tells whether the node is registered.
func (r *registry) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes[id] != nil
}

// state is what the administrator wants of the node.
func (r *registry) state(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes[id].GetOpState()
}

// same tells whether the node is registered exactly so.
func (r *registry) same(n *commonpb.Node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return proto.Equal(r.nodes[n.Id].GetNode(), n)
}

// find returns the nodes of these ids, without those not registered.
func (r *registry) find(ids []string) []*commonpb.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*commonpb.Node, 0, len(ids))
	for _, id := range ids {
		if n := r.nodes[id]; n != nil {
			out = append(out, n.Node)
		}
	}
	return out
}

// all are the nodes by id.
func (r *registry) all() []*ompb.NodeInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*ompb.NodeInfo, 0, len(r.nodes))
	for _, n := range r.nodes {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *ompb.NodeInfo) int { return cmp.Compare(a.Node.Id, b.Node.Id) })
	return out
}

// barred are the nodes that are not in service.
func (r *registry) barred() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]bool{}
	for id, n := range r.nodes {
		if n.OpState != state.InService {
			out[id] = true
		}
	}
	return out
}

func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.nodes)
}
