package om

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// resendAfter is how long an order that was sent waits for its "done" before it
// is sent again: the reply may have been lost, or the node restarted. Orders are
// idempotent.
const resendAfter = 10 * time.Second

// orders are what the leader wants of each datanode. They ride on heartbeat
// replies until the node reports them done. They are soft: a new leader derives
// its own from the tables, with ids that no leader used before.
type orders struct {
	ids *idRange

	mu     sync.Mutex
	byNode map[string]map[uint64]*order
}

type order struct {
	msg    *dnpb.Order
	sent   time.Time
	done   func()
	failed func(*dnpb.OrderFailure) // nil: what fails is sent again and again
}

func newOrders(ids *idRange) *orders {
	return &orders{ids: ids, byNode: map[string]map[uint64]*order{}}
}

// give queues an order. done is called once, when the node has reported it.
func (o *orders) give(ctx context.Context, nodeID string, msg *dnpb.Order, done func()) error {
	_, err := o.watch(ctx, nodeID, msg, done, nil)
	return err
}

// watch queues an order that may fail: either done or failed is called, once. withdraw
// takes the order back, as far as the node doesn't have it yet; neither is called then.
func (o *orders) watch(ctx context.Context, nodeID string, msg *dnpb.Order, done func(), failed func(*dnpb.OrderFailure)) (withdraw func(), err error) {
	id, err := o.ids.take(ctx, 1)
	if err != nil {
		return nil, err
	}
	msg.Id = id
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byNode[nodeID] == nil {
		o.byNode[nodeID] = map[uint64]*order{}
	}
	o.byNode[nodeID][id] = &order{msg: msg, done: done, failed: failed}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.byNode[nodeID], id)
	}, nil
}

// forget drops all orders of a node that is gone.
func (o *orders) forget(nodeID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byNode, nodeID)
}

// fail takes a node's word on orders that it could not carry out.
func (o *orders) fail(nodeID string, failures []*dnpb.OrderFailure) {
	var calls []func()
	o.mu.Lock()
	for _, f := range failures {
		if ord := o.byNode[nodeID][f.GetId()]; ord != nil && ord.failed != nil {
			delete(o.byNode[nodeID], f.GetId())
			calls = append(calls, func() { ord.failed(f) })
		}
	}
	o.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

// done takes a node's report; ids of another leader's orders are ignored.
func (o *orders) done(nodeID string, ids []uint64) {
	var calls []func()
	o.mu.Lock()
	for _, id := range ids {
		if ord := o.byNode[nodeID][id]; ord != nil {
			delete(o.byNode[nodeID], id)
			calls = append(calls, ord.done)
		}
	}
	o.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

// pending returns up to limit orders to send now: first what was never sent, oldest
// first, then what was sent longest ago.
func (o *orders) pending(nodeID string, now time.Time, limit int) []*dnpb.Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	var due []*order
	for _, ord := range o.byNode[nodeID] {
		if ord.sent.IsZero() || now.Sub(ord.sent) >= resendAfter {
			due = append(due, ord)
		}
	}
	slices.SortFunc(due, func(a, b *order) int {
		return cmp.Or(a.sent.Compare(b.sent), cmp.Compare(a.msg.Id, b.msg.Id))
	})
	due = due[:min(len(due), limit)]
	out := make([]*dnpb.Order, len(due))
	for i, ord := range due {
		ord.sent = now
		out[i] = ord.msg
	}
	return out
}

// count returns how many orders wait for all nodes together.
func (o *orders) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, m := range o.byNode {
		n += len(m)
	}
	return n
}
