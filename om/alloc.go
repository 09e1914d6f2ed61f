package om

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// maxLeases in one answer.
const maxLeases = 1024

// allocator leases blocks out of open containers. The log knows containers and id
// ranges, not leases: a lease nobody uses leaves nothing behind but a gap in the
// local ids.
type allocator struct {
	cfg     *Config
	view    *placement.View
	ids     *idRange
	propose proposeFunc

	growing chan struct{} // semaphore of one: a container is being created

	mu   sync.Mutex
	open map[uint64]*openContainer
}

type openContainer struct {
	info   *ompb.ContainerInfo
	nodes  []*commonpb.Node
	used   uint64 // bytes committed as seen here; reports may know more
	leased uint64 // blocks, to spread the load
}

func newAllocator(cfg *Config, view *placement.View, ids *idRange, propose proposeFunc) *allocator {
	return &allocator{cfg: cfg, view: view, ids: ids, propose: propose,
		growing: make(chan struct{}, 1), open: map[uint64]*openContainer{}}
}

func (a *allocator) add(c *ompb.ContainerInfo, nodes []*commonpb.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[c.Id] = &openContainer{info: c, nodes: nodes}
}

// remove takes a container out; it returns it, or nil if it is not open here.
func (a *allocator) remove(id uint64) *ompb.ContainerInfo {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.open[id]
	if c == nil {
		return nil
	}
	delete(a.open, id)
	return c.info
}

func (a *allocator) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// filled counts committed bytes, so that a container that fills within one
// heartbeat interval is noticed.
func (a *allocator) filled(blocks []*commonpb.Block) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range blocks {
		if c := a.open[b.GetId().GetContainer()]; c != nil {
			c.used += b.Length
		}
	}
}

// wish is one allocation.
type wish struct {
	count       int
	replication string // normalised
	factor, min int
	without     []string // nodes
	not         []uint64 // containers
}

func (a *allocator) wish(req *ompb.AllocateBlocks) (wish, error) {
	w := wish{count: int(max(req.Count, 1)), without: req.ExcludeNodes, not: req.ExcludeContainers}
	if req.Count > maxLeases {
		return w, ozerr.New(ozerr.InvalidArgument, "%d blocks asked for, at most %d at once", req.Count, maxLeases)
	}
	factor, err := replicationFactor(req.Replication, a.cfg.Replication)
	if err != nil {
		return w, err
	}
	w.factor, w.min, w.replication = factor, a.cfg.minReplicas(factor), replicationName(factor)
	return w, nil
}

// lease answers a wish, growing the set of open containers if it is small.
func (a *allocator) lease(ctx context.Context, w wish) (*ompb.BlockLeases, error) {
	usable := a.usable(w)
	target := a.target(w)
	if len(usable) < target {
		var err error
		if usable, err = a.grow(ctx, w, target); err != nil {
			return nil, err
		}
	}
	first, err := a.ids.take(ctx, uint64(w.count))
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := &ompb.BlockLeases{BlockSize: a.cfg.BlockSize, ValidNs: int64(a.cfg.LeaseTTL)}
	for i := range w.count {
		c := lessLeased(usable)
		c.leased++
		out.Leases = append(out.Leases, &ompb.BlockLease{
			Id:          &commonpb.BlockID{Container: c.info.Id, Local: first + uint64(i)},
			Replicas:    c.nodes,
			MinReplicas: uint32(min(w.min, len(c.nodes))),
		})
	}
	return out, nil
}

// target is how many containers should be open for a wish: as many as it takes to
// keep each node busy with about one. Writers that share a container share its
// fdatasync, and on one disk that is worth more than having several (see DESIGN.md).
func (a *allocator) target(w wish) int {
	if len(w.without) > 0 || a.hasOpen(w.not) {
		return 1 // a client in trouble needs one; the rest recovers without it
	}
	return max(1, a.view.Usable(nil, a.cfg.MinFree)/w.factor)
}

// hasOpen tells whether a client avoids containers that are open here. Those that
// are closing anyway it avoids for good reason, and long after: that is no trouble.
func (a *allocator) hasOpen(ids []uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(ids, func(id uint64) bool { return a.open[id] != nil })
}

// lessLeased draws two and takes the one with fewer leases.
func lessLeased(cs []*openContainer) *openContainer {
	a, b := cs[rand.IntN(len(cs))], cs[rand.IntN(len(cs))]
	if b.leased < a.leased {
		return b
	}
	return a
}

// usable returns the open containers that fit the wish.
func (a *allocator) usable(w wish) []*openContainer {
	full := min(w.factor, a.view.Usable(w.without, a.cfg.MinFree))
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*openContainer
	for _, c := range a.open {
		if c.info.Replication == w.replication && len(c.nodes) >= max(full, w.min) &&
			!slices.Contains(w.not, c.info.Id) && !a.excluded(c, w.without) &&
			a.view.AllUsable(c.info.Nodes, a.cfg.MinFree) && !a.isFull(c) {
			out = append(out, c)
		}
	}
	return out
}

func (a *allocator) excluded(c *openContainer, without []string) bool {
	return slices.ContainsFunc(c.info.Nodes, func(id string) bool { return slices.Contains(without, id) })
}

func (a *allocator) isFull(c *openContainer) bool {
	used, _ := a.view.Usage(c.info.Id, c.info.Nodes)
	return float64(max(used, c.used)) >= a.cfg.CloseThreshold*float64(a.cfg.ContainerSize)
}

// isOld: one that has blocks and was open for long, see Redundancy.OpenMax.
func (a *allocator) isOld(c *openContainer, now time.Time) bool {
	_, blocks := a.view.Usage(c.info.Id, c.info.Nodes)
	return blocks > 0 && now.Sub(time.Unix(0, c.info.CreatedNs)) >= a.cfg.Redundancy.OpenMax
}

// grow creates containers until target fit the wish. With at least one in hand,
// a failure to create more is not the caller's trouble.
func (a *allocator) grow(ctx context.Context, w wish, target int) ([]*openContainer, error) {
	select {
	case a.growing <- struct{}{}:
		defer func() { <-a.growing }()
	case <-ctx.Done():
		return nil, ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for a container to be created")
	}
	usable := a.usable(w)
	for range target {
		if len(usable) >= target {
			return usable, nil
		}
		if err := a.create(ctx, w); err != nil {
			if len(usable) > 0 {
				return usable, nil
			}
			return nil, err
		}
		usable = a.usable(w)
	}
	if len(usable) == 0 { // the nodes changed under our hands
		return nil, ozerr.New(ozerr.Unavailable, "datanodes come and go, no container has enough of them")
	}
	return usable, nil
}

func (a *allocator) create(ctx context.Context, w wish) error {
	nodes, err := a.view.Pick(placement.Request{Want: w.factor, Min: w.min, Exclude: w.without, Room: a.cfg.MinFree})
	if err != nil {
		return err
	}
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.Id
	}
	resp, err := a.propose(ctx, &ompb.Request{Op: &ompb.Request_CreateContainer{
		CreateContainer: &ompb.CreateContainer{Replication: w.replication, Nodes: ids}}})
	if err != nil {
		return err
	}
	failpoint.Hit("om/container-created")
	a.add(resp.GetContainer(), nodes)
	return nil
}

// spent returns the open containers that should close: full ones, old ones, those with
// fewer replicas than could be had now, and those on a node that is to get nothing new.
func (a *allocator) spent(now time.Time) []uint64 {
	healthy := a.view.Usable(nil, a.cfg.MinFree)
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []uint64
	for id, c := range a.open {
		factor, err := replicationFactor(c.info.Replication, a.cfg.Replication)
		if err == nil && (a.isFull(c) || a.isOld(c, now) || len(c.info.Nodes) < min(factor, healthy) || a.view.AnyBarred(c.info.Nodes)) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// replicationFactor understands Ozone's names; "" is the default.
func replicationFactor(name string, def int) (int, error) {
	name = strings.ToUpper(name)
	if _, factor, ok := strings.Cut(name, "/"); ok { // RATIS/THREE
		name = factor
	}
	switch name {
	case "":
		return def, nil
	case "ONE", "1":
		return 1, nil
	case "THREE", "3":
		return 3, nil
	}
	return 0, ozerr.New(ozerr.InvalidArgument, "replication %q is not ONE or THREE", name)
}

func replicationName(factor int) string {
	if factor == 1 {
		return "ONE"
	}
	return "THREE"
}

// closingRequest is the log's entry for a container that begins to close.
func closingRequest(id uint64, st dnpb.ContainerState) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_SetContainerState{
		SetContainerState: &ompb.SetContainerState{Container: id, State: uint32(st)}}}
}
