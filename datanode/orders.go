package datanode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

const (
	maxOrders    = 256         // waiting; om repeats what we drop
	orderTimeout = time.Minute // for one
)

// orders carries out what om asks for, one after the other. om repeats an order until
// it is reported done, so one that waits or runs is not taken twice, and one that
// fails is simply waited for again.
type orders struct {
	s     *Server
	queue chan *dnpb.Order

	mu   sync.Mutex
	have map[uint64]bool // in the queue or running
}

func newOrders(s *Server) *orders {
	return &orders{s: s, queue: make(chan *dnpb.Order, maxOrders), have: map[uint64]bool{}}
}

// add queues what isn't there yet.
func (o *orders) add(list []*dnpb.Order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, order := range list {
		if o.have[order.GetId()] {
			continue
		}
		select {
		case o.queue <- order:
			o.have[order.GetId()] = true
		default:
			return
		}
	}
}

func (o *orders) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case order := <-o.queue:
			o.carryOut(ctx, order)
		}
	}
}

func (o *orders) carryOut(ctx context.Context, order *dnpb.Order) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	start := time.Now()
	err := o.do(ctx, order)
	o.mu.Lock()
	delete(o.have, order.GetId())
	o.mu.Unlock()
	if errors.Is(err, container.ErrClosing) {
		o.s.log.Debug().Err(err).Uint64("order", order.GetId()).Msg("order not done yet")
		return
	}
	o.s.metrics.ordered(err)
	if err != nil {
		o.s.log.Warn().Err(err).Uint64("order", order.GetId()).Msg("order failed")
		return
	}
	o.s.log.Debug().Uint64("order", order.GetId()).Dur("took", time.Since(start)).Msg("order carried out")
	for _, l := range o.s.links {
		l.acknowledge(order.GetId())
	}
}

func (o *orders) do(ctx context.Context, order *dnpb.Order) error {
	switch what := order.GetWhat().(type) {
	case *dnpb.Order_DeleteBlocks:
		return o.s.set.Delete(ctx, what.DeleteBlocks.GetBlocks())
	case *dnpb.Order_CloseContainer:
		return o.s.set.CloseContainer(ctx, what.CloseContainer.GetContainer())
	default:
		return ozerr.New(ozerr.NotSupported, "order %d of a kind that this version doesn't know", order.GetId())
	}
}
