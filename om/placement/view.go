// Package placement is om's soft view of the datanodes: who is alive, who holds
// which container, who has room. It is fed by heartbeats on every om, leader or
// not, so a new leader need not learn it again; nothing here is logged. From it
// come the node sets of new containers (Pick).
package placement

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Health of a datanode, by the age of its last heartbeat.
type Health string

// The words are Ozone's.
const (
	Healthy Health = "HEALTHY"
	Stale   Health = "STALE" // no new containers or leases; reads go elsewhere first
	Dead    Health = "DEAD"  // taken for lost
)

// Config has the ages at which a silent node changes health.
type Config struct {
	StaleAfter time.Duration
	DeadAfter  time.Duration
}

// DefaultConfig suits our heartbeat interval of 3 s.
func DefaultConfig() Config {
	return Config{StaleAfter: 15 * time.Second, DeadAfter: 2 * time.Minute}
}

// Validate checks the relation of the two.
func (c Config) Validate() error {
	if c.StaleAfter <= 0 || c.DeadAfter < c.StaleAfter {
		return errors.New("placement: the dead interval must not be below the stale interval, and both above 0")
	}
	return nil
}

// View is safe for concurrent use.
type View struct {
	cfg   Config
	now   func() time.Time
	since time.Time // when it began to listen

	mu      sync.Mutex
	nodes   map[string]*node
	holders map[uint64]map[string]struct{} // nodes that report a container
	barred  map[string]bool                // nodes that get nothing new
	changed chan struct{}                  // closed at the next heartbeat of a node that was not healthy
}

type node struct {
	last       *dnpb.Heartbeat // its scalar fields and disks
	seen       time.Time
	full       bool // a full container report has come
	containers map[uint64]*dnpb.ContainerReport
}

// NewView returns an empty view; now nil is time.Now.
func NewView(cfg Config, now func() time.Time) *View {
	if now == nil {
		now = time.Now
	}
	return &View{cfg: cfg, now: now, since: now(), nodes: map[string]*node{}, holders: map[uint64]map[string]struct{}{}, changed: make(chan struct{})}
}

// Heartbeat takes in one heartbeat and tells whether a full report is wanted:
// this om has not seen one of the node. The message must not change afterwards.
func (v *View) Heartbeat(hb *dnpb.Heartbeat) (wantFull bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id, now := hb.GetNode().GetId(), v.now()
	n := v.nodes[id]
	if n == nil {
		n = &node{containers: map[uint64]*dnpb.ContainerReport{}}
		v.nodes[id] = n
	}
	woke := n.last == nil || v.health(now.Sub(n.seen)) != Healthy
	n.last, n.seen = hb, now
	if hb.FullReport {
		n.full = true
		for c := range n.containers {
			v.unhold(id, c)
		}
		n.containers = make(map[uint64]*dnpb.ContainerReport, len(hb.Containers))
	}
	for _, c := range hb.Containers {
		n.containers[c.Id] = c
		if v.holders[c.Id] == nil {
			v.holders[c.Id] = map[string]struct{}{}
		}
		v.holders[c.Id][id] = struct{}{}
	}
	if woke {
		close(v.changed)
		v.changed = make(chan struct{})
	}
	return !n.full
}

func (v *View) unhold(nodeID string, container uint64) {
	delete(v.holders[container], nodeID)
	if len(v.holders[container]) == 0 {
		delete(v.holders, container)
	}
}

// Holders returns the ids of the nodes that report the container, in order.
func (v *View) Holders(container uint64) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.holders[container]))
}

// Held returns the ids of all containers that a node reports, in order.
func (v *View) Held() []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.holders))
}

// Gone says that a node has deleted its replica; it would not be heard before the
// node's next full report.
func (v *View) Gone(nodeID string, container uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := v.nodes[nodeID]; n != nil {
		delete(n.containers, container)
		v.unhold(nodeID, container)
	}
}

// Forget drops all that is known of a node.
func (v *View) Forget(nodeID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := v.nodes[nodeID]; n != nil {
		for c := range n.containers {
			v.unhold(nodeID, c)
		}
		delete(v.nodes, nodeID)
	}
}

// Bar names the nodes that are to get nothing new, whatever their health, instead of
// those named before: the administrator takes them out of service.
func (v *View) Bar(nodes map[string]bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.barred = nodes
}

// AnyBarred tells whether one of the nodes is barred.
func (v *View) AnyBarred(nodeIDs []string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(nodeIDs, func(id string) bool { return v.barred[id] })
}

// Now is the time by which this view judges.
func (v *View) Now() time.Time { return v.now() }

// Listening tells since when this view has taken heartbeats.
func (v *View) Listening() time.Time { return v.since }

// Changed returns a channel that is closed when a node becomes healthy.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

func (v *View) health(age time.Duration) Health {
	switch {
	case age < v.cfg.StaleAfter:
		return Healthy
	case age < v.cfg.DeadAfter:
		return Stale
	}
	return Dead
}

// Health of a node. One that has never been heard is stale until it had the time
// to report here, and dead then.
func (v *View) Health(id string) Health {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.healthOf(id)
}

func (v *View) healthOf(id string) Health {
	if n := v.nodes[id]; n != nil {
		return v.health(v.now().Sub(n.seen))
	}
	if v.health(v.now().Sub(v.since)) == Dead {
		return Dead
	}
	return Stale
}

// Status is what the view knows of a node.
type Status struct {
	ID                        string
	Node                      *commonpb.Node // nil if never heard
	Health                    Health
	Seen                      time.Time // zero if never heard
	Version                   string
	Capacity, Used, Remaining uint64
	Containers                int
	Full                      bool // it has reported all its containers
	Disks                     []*dnpb.Disk
}

// Status of one node.
func (v *View) Status(id string) Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.status(id)
}

func (v *View) status(id string) Status {
	s := Status{ID: id, Health: v.healthOf(id)}
	if n := v.nodes[id]; n != nil {
		s.Node, s.Seen, s.Version, s.Disks = n.last.Node, n.seen, n.last.Version, n.last.Disks
		s.Capacity, s.Used, s.Remaining = n.last.Capacity, n.last.Used, n.last.Remaining
		s.Containers, s.Full = len(n.containers), n.full
	}
	return s
}

// Nodes returns all nodes heard of, by id.
func (v *View) Nodes() []Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]Status, 0, len(v.nodes))
	for id := range v.nodes {
		out = append(out, v.status(id))
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Replica returns the node's last word on a container, nil if there is none.
// known tells whether the node has reported in full, so that nil means "has it not".
func (v *View) Replica(nodeID string, container uint64) (r *dnpb.ContainerReport, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.nodes[nodeID]
	if n == nil {
		return nil, false
	}
	return n.containers[container], n.full
}

// Usage returns the largest used bytes and block count that a replica of the
// container reported.
func (v *View) Usage(container uint64, nodeIDs []string) (bytes, blocks uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range nodeIDs {
		if n := v.nodes[id]; n != nil {
			if r := n.containers[container]; r != nil {
				bytes, blocks = max(bytes, r.UsedBytes, r.FileBytes), max(blocks, r.Blocks)
			}
		}
	}
	return bytes, blocks
}

// AllUsable tells whether every one of the nodes is healthy and has room bytes left.
func (v *View) AllUsable(nodeIDs []string, room uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range nodeIDs {
		if !v.usable(id, room) {
			return false
		}
	}
	return true
}

// Usable counts the nodes that are healthy, have room bytes left, and are not
// among the excluded.
func (v *View) Usable(exclude []string, room uint64) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for id := range v.nodes {
		if v.usable(id, room) && !slices.Contains(exclude, id) {
			n++
		}
	}
	return n
}

func (v *View) usable(id string, room uint64) bool {
	return v.healthOf(id) == Healthy && !v.barred[id] && v.nodes[id].last.Remaining >= room
}
