package datanode

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

const (
	maxOrders    = 256           // waiting in each queue; om repeats what we drop
	orderTimeout = time.Minute   // for a small one
	copyTimeout  = 6 * time.Hour // for a repair; each of its calls has its own
)

// orders carries out what om asks for: small orders one after the other, repairs beside
// them, several at once. om repeats an order until it is reported done, so one that waits
// or runs is not taken twice, and one that fails is reported and waited for again.
type orders struct {
	s      *Server
	small  chan *dnpb.Order
	copies chan *dnpb.Order
	rate   *rate.Limiter // of copies, all together

	mu       sync.Mutex
	have     map[uint64]bool   // in a queue or running
	repairs  map[uint64]uint64 // by container, the latest order to reconcile it
	removing map[uint64]bool   // containers
}

func newOrders(s *Server) *orders {
	return &orders{
		s: s, small: make(chan *dnpb.Order, maxOrders), copies: make(chan *dnpb.Order, maxOrders),
		rate: limiter(s.cfg.CopyRate), have: map[uint64]bool{}, repairs: map[uint64]uint64{}, removing: map[uint64]bool{},
	}
}

// limiter bounds a rate of bytes; 0 means no bound.
func limiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), fetchStep)
}

// add queues what isn't there yet.
func (o *orders) add(list []*dnpb.Order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, order := range list {
		if o.have[order.GetId()] {
			continue
		}
		queue := o.small
		if r := order.GetReconcileContainer(); r != nil {
			queue = o.copies
			o.repairs[r.GetContainer()] = max(o.repairs[r.GetContainer()], order.GetId())
		}
		select {
		case queue <- order:
			o.have[order.GetId()] = true
		default:
		}
	}
}

// run carries out orders until ctx ends.
func (o *orders) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { o.work(ctx, o.small, orderTimeout) })
	for range o.s.cfg.copies() {
		wg.Go(func() { o.work(ctx, o.copies, copyTimeout) })
	}
	wg.Wait()
}

func (o *orders) work(ctx context.Context, queue <-chan *dnpb.Order, timeout time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case order := <-queue:
			o.carryOut(ctx, order, timeout)
		}
	}
}

func (o *orders) carryOut(ctx context.Context, order *dnpb.Order, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	err := o.do(ctx, order)
	// Told before it may be taken again, or a repeated order could be done twice.
	switch {
	case errors.Is(err, container.ErrClosing), err != nil && errors.Is(ctx.Err(), context.Canceled):
		o.s.log.Debug().Err(err).Uint64("order", order.GetId()).Msg("order not done yet")
	case err != nil:
		o.s.metrics.ordered(err)
		o.s.log.Warn().Err(err).Uint64("order", order.GetId()).Msg("order failed")
		for _, l := range o.s.links {
			l.failed(order.GetId(), err)
		}
	default:
		o.s.metrics.ordered(nil)
		o.s.log.Debug().Uint64("order", order.GetId()).Dur("took", time.Since(start)).Msg("order carried out")
		for _, l := range o.s.links {
			l.acknowledge(order.GetId())
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.have, order.GetId())
}

func (o *orders) do(ctx context.Context, order *dnpb.Order) error {
	switch what := order.GetWhat().(type) {
	case *dnpb.Order_DeleteBlocks:
		return o.s.set.Delete(ctx, what.DeleteBlocks.GetBlocks())
	case *dnpb.Order_CloseContainer:
		return o.s.set.CloseContainer(ctx, what.CloseContainer.GetContainer())
	case *dnpb.Order_DeleteContainer:
		return o.remove(ctx, order.GetId(), what.DeleteContainer.GetContainer())
	case *dnpb.Order_ReconcileContainer:
		return o.reconcile(ctx, what.ReconcileContainer)
	default:
		return ozerr.New(ozerr.NotSupported, "order %d of a kind that this version doesn't know", order.GetId())
	}
}

// remove carries out a DeleteContainer, unless the replica is wanted. The order may be one
// of a leader that was deposed, or have waited long here: then the replica can have become
// a member of the replica set since, and others gone in return. So the log is asked; and
// an order that is older than one to reconcile is refused, for what was made here may be
// on its way into the replica set. Order ids rise, from leader to leader too.
func (o *orders) remove(ctx context.Context, order, id uint64) error {
	if o.s.cfg.Leader == nil {
		return ozerr.New(ozerr.NotSupported, "this datanode can't ask whether container %d is wanted", id)
	}
	page, err := listBlocksAtOM(ctx, o.s.cfg.Leader, id, 0, 1)
	if err != nil {
		return err
	}
	if slices.Contains(page.GetContainer().GetNodes(), o.s.id.node) {
		return ozerr.New(ozerr.InvalidRequest, "container %d is not removed: this datanode is in its replica set", id)
	}
	o.mu.Lock()
	stale := order < o.repairs[id]
	o.removing[id] = !stale
	o.mu.Unlock()
	if stale {
		return ozerr.New(ozerr.InvalidRequest, "container %d is not removed: a later order was to repair it", id)
	}
	err = o.s.set.DeleteContainer(ctx, id)
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.removing, id)
	if err == nil && o.repairs[id] < order {
		delete(o.repairs, id)
	}
	return err
}

func (o *orders) reconcile(ctx context.Context, what *dnpb.ReconcileContainer) error {
	if o.s.cfg.Leader == nil || o.s.cfg.Nodes == nil {
		return ozerr.New(ozerr.NotSupported, "this datanode has no way to repair a container")
	}
	o.mu.Lock()
	removing := o.removing[what.GetContainer()]
	o.mu.Unlock()
	if removing {
		return ozerr.New(ozerr.Unavailable, "container %d is being removed", what.GetContainer())
	}
	repair, err := o.s.set.Repair(ctx, what.GetContainer(), o.throttle)
	if err != nil {
		return err
	}
	start := time.Now()
	r := &reconcile{
		order: what, leader: o.s.cfg.Leader, nodes: o.s.cfg.Nodes, repair: repair, slow: map[string]bool{}, dear: map[uint64]bool{},
		take: o.throttle, fetched: o.s.metrics.fetched,
	}
	err = r.run(ctx)
	if err == nil && len(what.GetLocals()) == 0 {
		if derr := o.s.set.DropAside(what.GetContainer()); derr != nil {
			o.s.log.Warn().Err(derr).Uint64("container", what.GetContainer()).Msg("removing what was put aside")
		}
	}
	o.s.log.Info().Err(err).Uint64("container", what.GetContainer()).Bool("anew", repair.Anew()).Dur("took", time.Since(start)).Msg("container reconciled")
	return err
}

// throttle waits until n more bytes may be copied.
func (o *orders) throttle(ctx context.Context, n int) error {
	if err := o.rate.WaitN(ctx, n); err != nil {
		return ozerr.Wrap(ozerr.Timeout, err, "waiting to copy")
	}
	return nil
}
