package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	firstBatch = 4 // leases fetched at first; doubles up to Config.LeaseBatch
	// excludeTimeout bounds the request for leases that avoid the nodes that failed;
	// if om can't serve it, they are taken where they are.
	excludeTimeout = time.Second
)

// lease is the right to write one new block.
type lease struct {
	id       *commonpb.BlockID
	replicas []*commonpb.Node
	min      int    // fewer acknowledgements are a failure
	size     uint64 // most bytes in the block
	expires  time.Time
	token    []byte    // shown with every write; secure mode
	ends     time.Time // the block must be whole before that; zero: whenever
	// despite: om has nothing without the nodes that failed lately.
	despite bool
}

// leasePool keeps leases at hand, per replication, so that most writes need not
// ask om. At most one request to om is under way per replication.
type leasePool struct {
	c      *Client
	mu     sync.Mutex
	queues map[string]*leaseQueue
}

type leaseQueue struct {
	ready []lease
	batch int
	fetch *leaseFetch // under way
}

type leaseFetch struct {
	done chan struct{}
	err  error
}

// take returns a lease for a block that may be written now.
func (p *leasePool) take(ctx context.Context, replication string) (lease, error) {
	for {
		l, fetch := p.pop(replication)
		if fetch == nil {
			return l, nil
		}
		select {
		case <-fetch.done:
		case <-ctx.Done():
			return lease{}, contextError(ctx, "allocating a block")
		}
		if fetch.err != nil {
			return lease{}, fetch.err
		}
	}
}

// pop returns a usable lease, or the fetch to wait for. It starts one when few
// leases are left.
func (p *leasePool) pop(replication string) (lease, *leaseFetch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[replication]
	if q == nil {
		q = &leaseQueue{batch: min(firstBatch, p.c.cfg.LeaseBatch)}
		p.queues[replication] = q
	}
	var got *lease
	now := time.Now()
	for got == nil && len(q.ready) > 0 {
		l := q.ready[0]
		q.ready = q.ready[1:]
		if p.usable(l, now) {
			got = &l
		}
	}
	if q.fetch == nil && (got == nil || len(q.ready) < q.batch/4) {
		q.fetch = &leaseFetch{done: make(chan struct{})}
		count := q.batch
		p.c.wg.Go(func() { p.fill(q, replication, count) })
		q.batch = min(2*q.batch, p.c.cfg.LeaseBatch)
	}
	if got != nil {
		return *got, nil
	}
	return lease{}, q.fetch
}

func (p *leasePool) usable(l lease, now time.Time) bool {
	if !now.Before(l.expires) || p.c.health.isClosed(l.id.GetContainer()) {
		return false
	}
	if l.despite {
		return true
	}
	for _, n := range l.replicas {
		if p.c.health.isFailed(n.GetId()) {
			return false
		}
	}
	return true
}

// fill asks om for leases and adds them to q.
func (p *leasePool) fill(q *leaseQueue, replication string, count int) {
	ctx, cancel := context.WithTimeout(p.c.ctx, p.c.cfg.OMTimeout)
	defer cancel()
	leases, err := p.allocate(ctx, replication, count)
	p.mu.Lock()
	defer p.mu.Unlock()
	q.ready = append(q.ready, leases...)
	q.fetch.err = err
	close(q.fetch.done)
	q.fetch = nil
}

// allocate asks om for leases without the nodes that failed lately; if there are
// none, for any.
func (p *leasePool) allocate(ctx context.Context, replication string, count int) ([]lease, error) {
	nodes, containers := p.c.health.avoided()
	op := &ompb.AllocateBlocks{
		Count: uint32(count), Replication: replication,
		ExcludeNodes: nodes, ExcludeContainers: containers,
	}
	if len(nodes) > 0 {
		short, cancel := context.WithTimeout(ctx, excludeTimeout)
		leases, err := p.request(short, op, false)
		cancel()
		if err == nil {
			return leases, nil
		}
		if !errors.Is(err, ozerr.Unavailable) && !errors.Is(err, ozerr.Timeout) {
			return nil, err
		}
		op.ExcludeNodes = nil
	}
	return p.request(ctx, op, len(nodes) > 0)
}

func (p *leasePool) request(ctx context.Context, op *ompb.AllocateBlocks, despite bool) ([]lease, error) {
	asked := time.Now()
	resp, err := p.c.read(ctx, &ompb.Request{Op: &ompb.Request_AllocateBlocks{AllocateBlocks: op}})
	if err != nil {
		return nil, err
	}
	granted := resp.GetLeases()
	var out []lease
	now := time.Now()
	size := granted.GetBlockSize()
	if size > usualUnit {
		size -= size % usualUnit // all chunks of a block but the last are whole units
	}
	for _, g := range granted.GetLeases() {
		l := lease{
			id: g.GetId(), replicas: g.GetReplicas(), size: size,
			min:     min(max(int(g.GetMinReplicas()), 1), len(g.GetReplicas())),
			expires: asked.Add(time.Duration(granted.GetValidNs())), despite: despite, token: g.GetToken(),
		}
		if valid := time.Duration(granted.GetTokenValidNs()); valid > 0 {
			l.expires = asked.Add(min(time.Duration(granted.GetValidNs()), valid/2))
			l.ends = asked.Add(valid / 4 * 3) // clocks may differ
		}
		if len(l.replicas) > 0 && l.size > 0 && p.usable(l, now) {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return nil, ozerr.New(ozerr.Unavailable, "om grants no block that can be written")
	}
	return out, nil
}
