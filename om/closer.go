package om

import (
	"context"
	"errors"
	"sync"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// closer takes containers from CLOSING to CLOSED: it orders every replica to close
// and waits until each says that it has, in a report or by the order done. That takes
// a while where blocks are being written: a replica lets them finish first.
type closer struct {
	view     *placement.View
	registry *registry
	orders   *orders
	propose  proposeFunc

	mu      sync.Mutex
	closing map[uint64]*closingContainer
}

type closingContainer struct {
	info    *ompb.ContainerInfo
	ordered map[string]bool // nodes with an order under way
	closed  map[string]bool // nodes that carried it out
}

func newCloser(view *placement.View, r *registry, o *orders, propose proposeFunc) *closer {
	return &closer{view: view, registry: r, orders: o, propose: propose, closing: map[uint64]*closingContainer{}}
}

func (c *closer) add(info *ompb.ContainerInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing[info.Id] = &closingContainer{info: info, ordered: map[string]bool{}, closed: map[string]bool{}}
}

// step gives orders and finishes containers all of whose replicas are closed.
func (c *closer) step(ctx context.Context) error {
	var errs []error
	for _, cc := range c.list() {
		open := c.stillOpen(cc)
		if len(open) > 0 {
			errs = append(errs, c.order(ctx, cc, open))
			continue
		}
		failpoint.Hit("om/before-closed")
		_, err := c.propose(ctx, closingRequest(cc.info.Id, dnpb.ContainerState_CLOSED))
		if err != nil && !errors.Is(err, ozerr.ContainerNotFound) {
			errs = append(errs, err)
			continue
		}
		c.mu.Lock()
		delete(c.closing, cc.info.Id)
		c.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (c *closer) list() []*closingContainer {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*closingContainer, 0, len(c.closing))
	for _, cc := range c.closing {
		out = append(out, cc)
	}
	return out
}

// stillOpen returns the replica nodes whose closing is not known. A dead node is
// not waited for if a live one has closed: it will be told when it returns.
func (c *closer) stillOpen(cc *closingContainer) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var open, dead []string
	for _, id := range cc.info.Nodes {
		switch {
		case cc.closed[id] || !c.registry.has(id) || c.reportedClosed(id, cc.info.Id):
		case c.view.Health(id) == placement.Dead:
			dead = append(dead, id)
		default:
			open = append(open, id)
		}
	}
	if len(dead) == len(cc.info.Nodes) {
		return dead
	}
	return open
}

func (c *closer) reportedClosed(nodeID string, container uint64) bool {
	r, _ := c.view.Replica(nodeID, container)
	switch r.GetState() {
	case dnpb.ContainerState_CLOSED, dnpb.ContainerState_QUASI_CLOSED, dnpb.ContainerState_UNHEALTHY:
		return true
	}
	return false
}

func (c *closer) order(ctx context.Context, cc *closingContainer, nodes []string) error {
	for _, id := range nodes {
		c.mu.Lock()
		ordered := cc.ordered[id]
		cc.ordered[id] = true
		c.mu.Unlock()
		if ordered {
			continue
		}
		msg := &dnpb.Order{What: &dnpb.Order_CloseContainer{CloseContainer: &dnpb.CloseContainer{Container: cc.info.Id}}}
		err := c.orders.give(ctx, id, msg, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			cc.closed[id] = true
		})
		if err != nil {
			c.mu.Lock()
			delete(cc.ordered, id)
			c.mu.Unlock()
			return err
		}
	}
	return nil
}
