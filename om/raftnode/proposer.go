package raftnode

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Limits of an entry. Cost is an estimate of the rows a request touches.
const (
	maxEntryRequests = 256
	maxEntryBytes    = 512 << 10
	maxEntryCost     = 4096
	maxRequestBytes  = 8 << 20
	inFlight         = 2 // entries, with peers; alone nothing can overlap, and larger entries are cheaper
	entropyBytes     = 16
	enqueueTimeout   = 5 * time.Second
)

// proposer groups requests into entries: what queued while entries are in flight
// becomes the next one. There is no timer, so a lone request never waits.
type proposer struct {
	apply func(entry []byte, timeout time.Duration) raft.ApplyFuture
	floor func() int64 // no stamp may be below the highest applied one
	now   func() time.Time

	workers  int // entries in flight
	queue    chan *proposal
	bytes    atomic.Int64
	maxBytes int64

	// turn makes one worker at a time gather and hand over its entry, so that
	// time stamps grow in the order of the log. It guards carry and last.
	turn  sync.Mutex
	carry *proposal // gathered, but it did not fit any more
	last  int64     // last time stamp given

	entries atomic.Uint64

	stop chan struct{}
	wg   sync.WaitGroup
}

type proposal struct {
	ctx  context.Context
	body []byte // the marshalled request
	cost int
	done chan result // buffered
}

type result struct {
	resp *ompb.Response
	err  error
}

func (p *proposer) start() {
	for range p.workers {
		p.wg.Go(p.work)
	}
}

// close answers what is queued and waits for the workers. raft must be shut down
// by then, or entries in flight would be waited for.
func (p *proposer) close() {
	close(p.stop)
	p.wg.Wait()
	for q := p.carry; ; {
		if q != nil {
			q.done <- result{err: errClosed()}
		}
		select {
		case q = <-p.queue:
		default:
			return
		}
	}
}

func errClosed() error { return ozerr.New(ozerr.Unavailable, "om is shutting down") }

// propose waits until req is applied here. The response may carry the request's
// own error; err means that the outcome is not known, unless the code is NotLeader.
func (p *proposer) propose(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	body, err := proto.Marshal(req)
	if err != nil {
		return nil, ozerr.Wrap(ozerr.InvalidRequest, err, "encode request")
	}
	if len(body) > maxRequestBytes {
		return nil, ozerr.New(ozerr.InvalidRequest, "a request of %d bytes, the limit is %d", len(body), maxRequestBytes)
	}
	q := &proposal{ctx: ctx, body: body, cost: cost(req), done: make(chan result, 1)}
	if err := p.enqueue(q); err != nil {
		return nil, err
	}
	select {
	case r := <-q.done:
		return r.resp, r.err
	case <-ctx.Done():
		return nil, ozerr.Wrap(ctxCode(ctx), ctx.Err(), "waiting for the log")
	case <-p.stop:
		return nil, errClosed()
	}
}

func (p *proposer) enqueue(q *proposal) error {
	n := int64(len(q.body))
	if p.bytes.Add(n) > p.maxBytes {
		p.bytes.Add(-n)
		return errQueueFull()
	}
	select {
	case p.queue <- q:
		return nil
	default:
		p.bytes.Add(-n)
		return errQueueFull()
	}
}

func errQueueFull() error {
	return &ozerr.Error{Code: ozerr.Unavailable, Message: "too many requests are waiting", Detail: ozerr.Busy}
}

func ctxCode(ctx context.Context) ozerr.Code {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ozerr.Canceled
	}
	return ozerr.Timeout
}

// work hands over one entry after the other and waits for each.
func (p *proposer) work() {
	for {
		p.turn.Lock()
		group := p.gather()
		if group == nil {
			p.turn.Unlock()
			return
		}
		failpoint.Hit("om/before-apply")
		f := p.apply(p.encode(group), enqueueTimeout)
		p.turn.Unlock()
		p.entries.Add(1)
		deliver(group, f)
	}
}

// gather waits for a proposal and takes what else is queued, up to the limits of
// an entry. It returns nil at the end.
func (p *proposer) gather() []*proposal {
	first := p.next()
	if first == nil {
		return nil
	}
	group, size, price := []*proposal{first}, len(first.body), first.cost
	for len(group) < maxEntryRequests {
		var q *proposal
		select {
		case q = <-p.queue:
			p.bytes.Add(-int64(len(q.body)))
		default:
			return group
		}
		if q.ctx.Err() != nil {
			continue // nobody waits for it, and it is not in the log
		}
		size, price = size+len(q.body), price+q.cost
		if size > maxEntryBytes || price > maxEntryCost {
			p.carry = q
			return group
		}
		group = append(group, q)
	}
	return group
}

func (p *proposer) next() *proposal {
	for {
		q := p.carry
		p.carry = nil
		if q == nil {
			select {
			case q = <-p.queue:
				p.bytes.Add(-int64(len(q.body)))
			case <-p.stop:
				return nil
			}
		}
		if q.ctx.Err() == nil {
			return q
		}
	}
}

// encode stamps and frames a group. p.turn is held.
func (p *proposer) encode(group []*proposal) []byte {
	size := 0
	for _, q := range group {
		size += len(q.body)
	}
	entropy := make([]byte, entropyBytes*len(group))
	rand.Read(entropy) // never fails
	entry := newEntry(len(group), size)
	for i, q := range group {
		p.last = max(p.now().UnixNano(), p.last+1, p.floor()+1)
		entry = appendRequest(entry, q.body, p.last, entropy[i*entropyBytes:(i+1)*entropyBytes])
	}
	return entry
}

// deliver waits for an entry and hands each proposer its answer.
func deliver(group []*proposal, f raft.ApplyFuture) {
	err := f.Error()
	failpoint.Hit("om/before-answer")
	var responses []*ompb.Response
	if err == nil {
		responses, _ = f.Response().([]*ompb.Response)
		if len(responses) != len(group) {
			err = ozerr.New(ozerr.Internal, "%d answers to an entry of %d requests", len(responses), len(group))
		}
	}
	for i, q := range group {
		if err != nil {
			q.done <- result{err: proposeError(err)}
			continue
		}
		q.done <- result{resp: responses[i]}
	}
}

// proposeError tells "certainly not in the log" (NotLeader) from "unknown"
// (Unavailable): both may be retried with the same client id and sequence.
func proposeError(err error) error {
	var coded *ozerr.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ozerr.New(ozerr.NotLeader, "this om is not the leader")
	}
	return ozerr.Wrap(ozerr.Unavailable, err, "the request may or may not have been carried out")
}

// cost estimates the rows a request touches, to keep a transaction small.
func cost(req *ompb.Request) int {
	switch op := req.Op.(type) {
	case *ompb.Request_DeleteKeys:
		return 1 + 2*len(op.DeleteKeys.GetKeys())
	case *ompb.Request_CompleteUpload:
		return 1 + 3*len(op.CompleteUpload.GetParts())
	case *ompb.Request_AbortUpload:
		return maxEntryCost / 4
	case *ompb.Request_ForgetDeletedBlocks:
		return 1 + len(op.ForgetDeletedBlocks.GetBlocks())
	case *ompb.Request_CommitKey:
		return 1 + len(op.CommitKey.GetBlocks())
	}
	return 1
}
