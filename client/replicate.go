package client

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	// overtime is what a call on a datanode gets to return after its deadline,
	// before it is left behind.
	overtime      = 200 * time.Millisecond
	reportTimeout = 5 * time.Second
	maxReports    = 8 // under way at once; reports are advice, more are dropped
)

// replicaError is a replica that did not take a write, and why.
type replicaError struct {
	node *commonpb.Node
	err  error
}

// stragglerFactor is how many times as long as enough replicas needed the others get
// too: where everything is slow, nobody is a straggler.
const stragglerFactor = 4

// replicate sends one write to all nodes in parallel and returns those that
// acknowledged it and those that failed. When enough have acknowledged, the others
// are not waited for beyond StragglerAfter: a frozen datanode must not hold up a write
// that is safe without it. It returns in bounded time; a call that doesn't end in time
// has failed, and its goroutine holds ch until it does.
func (c *Client) replicate(ctx context.Context, nodes []*commonpb.Node, enough int, req *dnpb.WriteRequest, ch *chunk, data []byte) (acked []*commonpb.Node, failed []replicaError) {
	type result struct {
		i   int
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WriteTimeout)
	defer cancel()
	results := make(chan result, len(nodes))
	for i, n := range nodes {
		if ch != nil {
			ch.hold()
		}
		c.wg.Go(func() {
			err := c.writeTo(ctx, n, req, data)
			if ch != nil {
				ch.release()
			}
			results <- result{i, err}
		})
	}
	errs := make([]error, len(nodes))
	waiting := make([]bool, len(nodes))
	for i := range nodes {
		waiting[i] = true
	}
	ended, begun, done := ctx.Done(), time.Now(), 0
	var late, patience <-chan time.Time
	for left := len(nodes); left > 0; {
		select {
		case r := <-results:
			errs[r.i], waiting[r.i] = r.err, false
			left--
			if r.err != nil {
				continue
			}
			if done++; done == enough {
				took := time.Since(begun)
				patience = time.After(max(c.cfg.StragglerAfter, stragglerFactor*took) - took)
			}
		case <-patience:
			left = 0
		case <-ended:
			ended, late = nil, time.After(overtime)
		case <-late:
			left = 0
		}
	}
	for i, n := range nodes {
		switch {
		case waiting[i] && ctx.Err() != nil:
			failed = append(failed, replicaError{n, contextError(ctx, "write to "+n.GetAddress())})
		case waiting[i]:
			failed = append(failed, replicaError{n, ozerr.New(ozerr.Timeout, "write to %s: not done after %v, others were",
				n.GetAddress(), time.Since(begun).Round(time.Millisecond))})
		case errs[i] != nil:
			failed = append(failed, replicaError{n, errs[i]})
		default:
			acked = append(acked, n)
			c.health.nodeWorks(n.GetId())
		}
	}
	return acked, failed
}

// writeTo is one write to one datanode. If the connection broke it is tried once
// more: repeating a write is harmless, closing a container is not.
func (c *Client) writeTo(ctx context.Context, n *commonpb.Node, req *dnpb.WriteRequest, data []byte) error {
	node := c.nodes.Node(n)
	err := node.Write(ctx, req, data)
	if !errors.Is(err, ozerr.Unavailable) {
		return err
	}
	if pause(ctx, c.cfg.Hiccup) != nil {
		return err
	}
	return node.Write(ctx, req, data)
}

// blame draws the conclusions from the failure of a replica: where not to write
// next, and what om should know.
func (c *Client) blame(ctx context.Context, id *commonpb.BlockID, f replicaError) {
	if ctx.Err() != nil { // the caller gave up; the datanode is not to blame
		return
	}
	c.health.containerClosed(id.GetContainer())
	switch ozerr.CodeOf(f.err) {
	case ozerr.ContainerClosed, ozerr.BlockTokenRefused:
		return // as containers, and clocks, go
	case ozerr.BlockConflict, ozerr.BlockNotFound, ozerr.ContainerNotFound, ozerr.InvalidRequest, ozerr.InvalidArgument:
		// The node works, this replica doesn't: it lost what wasn't committed yet.
	default:
		c.health.nodeFailed(f.node.GetId())
	}
	key := replicaKey{container: id.GetContainer(), node: f.node.GetId()}
	c.report(key, &ompb.ReportBadReplica{
		Block: id, NodeId: f.node.GetId(), Reason: f.err.Error(), CloseContainer: true,
	})
}

// report tells om about a bad replica, in the background and once for each fault.
func (c *Client) report(key replicaKey, op *ompb.ReportBadReplica) {
	if !c.health.shouldReport(key) {
		return
	}
	select {
	case c.reports <- struct{}{}:
	default:
		return
	}
	c.wg.Go(func() {
		defer func() { <-c.reports }()
		ctx, cancel := context.WithTimeout(c.ctx, reportTimeout)
		defer cancel()
		// Advice: om finds out by itself too, from heartbeats and container reports.
		_, _ = c.read(ctx, &ompb.Request{Op: &ompb.Request_ReportBadReplica{ReportBadReplica: op}})
	})
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// contextError says that ctx ended during what.
func contextError(ctx context.Context, what string) error {
	code := ozerr.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = ozerr.Timeout
	}
	return &ozerr.Error{Code: code, Message: what + ": " + ctx.Err().Error(), Err: ctx.Err()}
}
