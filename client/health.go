package client

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
)

// closedFor is how long a container that takes no more writes is remembered: much
// longer than a lease into it may be in the pool.
const closedFor = 10 * time.Minute

// health remembers what went wrong lately, so that the next call need not find
// out again. It is advice: who has no better choice tries all the same.
type health struct {
	avoidFor time.Duration

	mu         sync.Mutex
	failed     map[string]time.Time // node id → when to trust it again
	slow       map[string]time.Time // the same, for reads only
	closed     map[uint64]time.Time // container → when to forget it
	reported   map[replicaKey]time.Time
	readsBegun uint64 // rotates the first choice among replicas
}

type replicaKey struct {
	container uint64
	local     uint64 // 0: the container as a whole
	node      string
}

func newHealth(avoidFor time.Duration) *health {
	return &health{
		avoidFor: avoidFor, failed: map[string]time.Time{}, slow: map[string]time.Time{},
		closed: map[uint64]time.Time{}, reported: map[replicaKey]time.Time{},
	}
}

// remember sets m[k] for d from now and drops what has expired, now and then.
func remember[K comparable](m map[K]time.Time, k K, d time.Duration) {
	now := time.Now()
	if len(m)%64 == 63 {
		for k, until := range m {
			if now.After(until) {
				delete(m, k)
			}
		}
	}
	m[k] = now.Add(d)
}

func (h *health) nodeFailed(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	remember(h.failed, id, h.avoidFor)
}

// nodeSlow says that a read from the node took so long that another was asked.
func (h *health) nodeSlow(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	remember(h.slow, id, h.avoidFor)
}

// nodeWorks forgets what was held against a node.
func (h *health) nodeWorks(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failed)+len(h.slow) > 0 {
		delete(h.failed, id)
		delete(h.slow, id)
	}
}

func (h *health) containerClosed(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	remember(h.closed, id, closedFor)
}

// shouldReport is true once per avoidFor for the same fault.
func (h *health) shouldReport(k replicaKey) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.reported[k]) {
		return false
	}
	remember(h.reported, k, h.avoidFor)
	return true
}

func (h *health) isFailed(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.failed[id])
}

func (h *health) isClosed(container uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.closed[container])
}

// avoided lists failed nodes and closed containers, sorted.
func (h *health) avoided() (nodes []string, containers []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for id, until := range h.failed {
		if now.Before(until) {
			nodes = append(nodes, id)
		}
	}
	for id, until := range h.closed {
		if now.Before(until) {
			containers = append(containers, id)
		}
	}
	slices.Sort(nodes)
	slices.Sort(containers)
	return nodes, containers
}

// readOrder is nodes in the order in which to try them: a different first one each
// time, for load, and those that are slow or failed at the end.
func (h *health) readOrder(nodes []*commonpb.Node) []*commonpb.Node {
	if len(nodes) < 2 {
		return nodes
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readsBegun++
	first := int(h.readsBegun % uint64(len(nodes)))
	order := slices.Concat(nodes[first:], nodes[:first])
	if len(h.failed)+len(h.slow) == 0 {
		return order
	}
	now := time.Now()
	fault := func(n *commonpb.Node) int {
		switch {
		case now.Before(h.failed[n.GetId()]):
			return 2
		case now.Before(h.slow[n.GetId()]):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b *commonpb.Node) int { return cmp.Compare(fault(a), fault(b)) })
	return order
}
