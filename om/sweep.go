package om

import (
	"context"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Limits of the sweeper.
const (
	sweepOrder = 1000    // blocks in one order and in one entry of the log
	sweepHeld  = 200_000 // rows waiting for datanodes
)

// sweeper gives freed blocks back: row of the deleted table → order to every
// replica → all done → row forgotten, in the log. The row is what makes it safe: a
// block is deleted because the log freed it, never because something looks unused.
// A crash anywhere leaves the row, and the next leader begins again with it.
type sweeper struct {
	grace    time.Duration
	limit    int // rows read in one step
	registry *registry
	orders   *orders
	propose  proposeFunc

	// Only the duty loop uses these.
	index uint64 // the next row to look at
	ord   uint32
	todo  map[string][]*tomb // by node, not yet ordered

	mu   sync.Mutex
	live map[uint64]map[*tomb]bool // by container, those that wait for a node
	held int
	gone []*ompb.DeletedBlock // deleted everywhere, not yet forgotten
}

// tomb is a freed block and the replicas that still have it.
type tomb struct {
	row     *ompb.DeletedBlock
	waiting map[string]bool
}

func newSweeper(cfg *Config, r *registry, o *orders, propose proposeFunc) *sweeper {
	return &sweeper{grace: cfg.DeleteGrace, limit: cfg.DeleteLimit, registry: r, orders: o, propose: propose, todo: map[string][]*tomb{}, live: map[uint64]map[*tomb]bool{}}
}

// step forgets what is deleted everywhere and orders the next rows.
func (w *sweeper) step(ctx context.Context, now time.Time, view func(func(*table.Txn) error) error) error {
	if err := w.forget(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	room := sweepHeld - w.held
	w.mu.Unlock()
	if room <= 0 {
		return nil
	}
	err := view(func(tx *table.Txn) error {
		w.take(w.collect(tx, now, min(room, w.limit)))
		return nil
	})
	if err != nil {
		return err
	}
	return w.order(ctx)
}

// collect reads rows whose grace is over. They are in the order they were freed,
// so the first young one ends it.
func (w *sweeper) collect(tx *table.Txn, now time.Time, limit int) []*tomb {
	before := now.Add(-w.grace).UnixNano()
	nodes := map[uint64][]string{}
	var out []*tomb
	state.DeletedBlocks(tx, w.index, w.ord, func(row *ompb.DeletedBlock) bool {
		if row.DeletedNs > before || len(out) == limit {
			return false
		}
		w.index, w.ord = row.Index, row.Ordinal+1
		id := row.GetId().GetContainer()
		if _, ok := nodes[id]; !ok {
			nodes[id] = w.replicas(state.Container(tx, id))
		}
		t := &tomb{row: row, waiting: map[string]bool{}}
		for _, n := range nodes[id] {
			t.waiting[n] = true
		}
		// An owned block is never in this table. Should it be, its bytes stay.
		if !state.BlockOwned(tx, row.Id) {
			out = append(out, t)
		}
		return true
	})
	return out
}

// replicas are the registered nodes of a container.
func (w *sweeper) replicas(c *ompb.ContainerInfo) []string {
	var out []string
	for _, id := range c.GetNodes() {
		if w.registry.has(id) {
			out = append(out, id)
		}
	}
	return out
}

// take groups the tombs by node.
func (w *sweeper) take(tombs []*tomb) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held += len(tombs)
	for _, t := range tombs {
		if len(t.waiting) == 0 {
			w.gone = append(w.gone, t.row)
			continue
		}
		for n := range t.waiting {
			w.todo[n] = append(w.todo[n], t)
		}
		id := t.row.GetId().GetContainer()
		if w.live[id] == nil {
			w.live[id] = map[*tomb]bool{}
		}
		w.live[id][t] = true
	}
}

// moved takes note of a new replica set: who left it is no longer waited for, and who
// came has to delete too. Only the duty loop may call it.
func (w *sweeper) moved(container uint64, came, left []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range w.live[container] {
		for _, n := range came {
			if !t.waiting[n] {
				t.waiting[n] = true
				w.todo[n] = append(w.todo[n], t)
			}
		}
		for _, n := range left {
			w.deleted(t, n)
		}
	}
}

// deleted: the node doesn't have the block any more. The caller holds mu.
func (w *sweeper) deleted(t *tomb, node string) {
	if !t.waiting[node] {
		return
	}
	delete(t.waiting, node)
	if len(t.waiting) > 0 {
		return
	}
	w.gone = append(w.gone, t.row)
	id := t.row.GetId().GetContainer()
	delete(w.live[id], t)
	if len(w.live[id]) == 0 {
		delete(w.live, id)
	}
}

// order gives the orders; what fails stays to be done.
func (w *sweeper) order(ctx context.Context) error {
	for node := range w.todo {
		for len(w.todo[node]) > 0 {
			n := min(len(w.todo[node]), sweepOrder)
			if err := w.orderNode(ctx, node, w.todo[node][:n:n]); err != nil {
				return err
			}
			w.todo[node] = w.todo[node][n:]
		}
		delete(w.todo, node)
	}
	return nil
}

func (w *sweeper) orderNode(ctx context.Context, node string, ts []*tomb) error {
	blocks := make([]*commonpb.BlockID, len(ts))
	for i, t := range ts {
		blocks[i] = t.row.Id
	}
	failpoint.Hit("om/gc-before-send")
	msg := &dnpb.Order{What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: blocks}}}
	return w.orders.give(ctx, node, msg, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, t := range ts {
			w.deleted(t, node)
		}
	})
}

// forget removes rows of blocks that no datanode has any more.
func (w *sweeper) forget(ctx context.Context) error {
	for {
		w.mu.Lock()
		n := min(len(w.gone), sweepOrder)
		batch := w.gone[:n:n]
		w.mu.Unlock()
		if n == 0 {
			return nil
		}
		failpoint.Hit("om/gc-after-ack")
		short := make([]*ompb.DeletedBlock, n)
		for i, row := range batch {
			short[i] = &ompb.DeletedBlock{Index: row.Index, Ordinal: row.Ordinal}
		}
		_, err := w.propose(ctx, &ompb.Request{Op: &ompb.Request_ForgetDeletedBlocks{
			ForgetDeletedBlocks: &ompb.ForgetDeletedBlocks{Blocks: short}}})
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.gone = w.gone[n:]
		w.held -= n
		w.mu.Unlock()
	}
}
