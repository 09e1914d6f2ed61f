// Package omclient submits requests to om over the network: it finds the leader,
// follows it, and repeats what may be repeated until it has an answer or the time
// is up. A mutating request carries (client id, sequence), so that om gives a
// repetition the first answer; this package never changes them.
package omclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// maxHints bounds how many oms are learnt from NOT_LEADER hints.
const maxHints = 16

// Options configure a Client; the zero value is usable.
type Options struct {
	Budget         time.Duration // for requests whose ctx has no deadline; 0 means 15 s
	AttemptTimeout time.Duration // for one try at one om; 0 means 5 s
	MinBackoff     time.Duration // between tries; 0 means 20 ms, doubling
	MaxBackoff     time.Duration // 0 means 250 ms
	SuspectAfter   time.Duration // without an answer, the other oms are asked who leads; 0 means 500 ms
	RPC            rpc.ClientOptions
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Budget, 15 * time.Second}, {&o.AttemptTimeout, 5 * time.Second},
		{&o.MinBackoff, 20 * time.Millisecond}, {&o.MaxBackoff, 250 * time.Millisecond},
		{&o.SuspectAfter, 500 * time.Millisecond},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.RPC.Conns <= 0 {
		o.RPC.Conns = 1 // om gets no bulk
	}
	return o
}

// Client submits to the leader of one or several oms. It implements
// client.Submitter. Safe for concurrent use.
type Client struct {
	opts  Options
	given []*OM // as configured

	leader atomic.Pointer[OM] // who answered last
	mu     sync.Mutex
	all    []*OM // given, and those learnt from hints
	closed bool
	wg     sync.WaitGroup // of suspicions

	scouting sync.Mutex // held while the oms are asked who leads
	scouted  struct {   // the last answer
		of     *OM
		at     time.Time
		leader string
	}
}

// OM is one om, wherever its leader is.
type OM struct {
	addr string
	rpc  *rpc.Client
}

// New returns a client of the oms at addrs (host:port). It connects when first used.
func New(addrs []string, o Options) (*Client, error) {
	if len(addrs) == 0 {
		return nil, ozerr.New(ozerr.InvalidArgument, "no address of an om is given")
	}
	c := &Client{opts: o.withDefaults()}
	for _, a := range addrs {
		c.given = append(c.given, &OM{addr: a, rpc: rpc.NewClient(a, c.opts.RPC)})
	}
	c.all = slices.Clone(c.given)
	c.leader.Store(c.given[0])
	return c, nil
}

// OMs returns the configured oms, for what concerns each of them: a datanode's
// heartbeats.
func (c *Client) OMs() []*OM { return slices.Clone(c.given) }

// Close breaks the connections; requests under way fail.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	all := slices.Clone(c.all)
	c.mu.Unlock()
	var errs []error
	for _, o := range all {
		errs = append(errs, o.rpc.Close())
	}
	c.wg.Wait()
	return errors.Join(errs...)
}

// Addr is the om's address.
func (o *OM) Addr() string { return o.addr }

// Heartbeat tells this om about a datanode. It is not retried: the next one comes anyway.
func (o *OM) Heartbeat(ctx context.Context, hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
	var reply dnpb.HeartbeatReply
	if err := o.rpc.Call(ctx, "om.Heartbeat", hb, &reply); err != nil {
		return nil, err
	}
	return &reply, nil
}

// Submit sends this om a request once.
func (o *OM) Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	var resp ompb.Response
	if err := o.rpc.Call(ctx, "om.Submit", req, &resp); err != nil {
		return nil, err
	}
	if err := ozerr.FromProto(resp.GetError()); err != nil {
		return nil, err
	}
	return &resp, nil
}

// Submit sends req to the leader and returns its response. A lost connection, an
// om that is down, slow or no leader costs another try, with back-off, as long as
// ctx lives (Options.Budget, if it has no deadline). Then the error is
// ozerr.Unavailable, or ozerr.Timeout if no om said anything; whether a mutating
// request took effect is then unknown.
func (c *Client) Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.opts.Budget)
		defer cancel()
	}
	repeatable := mayRepeat(req)
	target := c.leader.Load()
	var last error
	for backoff, hops := c.opts.MinBackoff, 0; ; {
		resp, err := c.try(ctx, target, req)
		if err == nil {
			c.leader.Store(target)
			return resp, nil
		}
		if !wantsRetry(err, repeatable) {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, giveUp(ctx, last, err)
		}
		last = err
		leader := c.hinted(err)
		if leader != nil {
			target = leader
		} else {
			target = c.next(target)
		}
		if hops++; leader != nil && hops == 1 {
			continue // a hint is worth a try at once, but not for ever
		}
		if err := pause(ctx, backoff); err != nil {
			return nil, giveUp(ctx, last, err)
		}
		backoff = min(2*backoff, c.opts.MaxBackoff)
	}
}

// mayRepeat: om recognises the repetition, or it changes nothing.
func mayRepeat(req *ompb.Request) bool {
	if req.GetClientId() != "" {
		return true
	}
	switch op := req.GetOp().(type) {
	case *ompb.Request_GetVolume, *ompb.Request_ListVolumes, *ompb.Request_GetBucket, *ompb.Request_ListBuckets,
		*ompb.Request_GetKey, *ompb.Request_ListKeys, *ompb.Request_GetUpload, *ompb.Request_ListParts,
		*ompb.Request_ListUploads, *ompb.Request_AllocateBlocks, *ompb.Request_ReportBadReplica,
		*ompb.Request_ListNodes, *ompb.Request_ListContainers, *ompb.Request_GetRoles, *ompb.Request_GetGroup,
		*ompb.Request_GetContainer, *ompb.Request_ListContainerBlocks, *ompb.Request_GetReplication,
		*ompb.Request_GetBucketDocument, *ompb.Request_ListVersions, *ompb.Request_FindUser, *ompb.Request_ListUsers:
		return true
	case *ompb.Request_GetSecret:
		return op.GetSecret.GetAction() == ompb.GetSecret_VERIFY
	}
	return false
}

func wantsRetry(err error, repeatable bool) bool {
	switch ozerr.CodeOf(err) {
	case ozerr.NotLeader:
		return true
	case ozerr.Unavailable, ozerr.Timeout:
		return repeatable
	}
	return false
}

// giveUp is the error for the caller when the time is up: the last thing an om
// said, if one said anything.
func giveUp(ctx context.Context, last, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &ozerr.Error{Code: ozerr.Canceled, Message: "request to om was canceled", Err: ctx.Err()}
	}
	if last == nil {
		last = err
	}
	code := ozerr.CodeOf(last)
	if code == ozerr.NotLeader {
		code = ozerr.Unavailable
	}
	return &ozerr.Error{Code: code, Message: fmt.Sprintf("no answer from om in time: %v", last), Err: last}
}

// hinted is the om that an error names as the leader, nil if none.
func (c *Client) hinted(err error) *OM {
	var e *ozerr.Error
	if !errors.As(err, &e) || e.Detail == "" || e.Detail == ozerr.Busy || e.Code != ozerr.NotLeader && e.Code != ozerr.Unavailable {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.all {
		if o.addr == e.Detail {
			return o
		}
	}
	if c.closed || len(c.all) >= len(c.given)+maxHints {
		return nil
	}
	o := &OM{addr: e.Detail, rpc: rpc.NewClient(e.Detail, c.opts.RPC)}
	c.all = append(c.all, o)
	return o
}

// next is the om to try after failed did: the next in turn, or what other requests
// have found out meanwhile.
func (c *Client) next(failed *OM) *OM {
	next := c.given[(slices.Index(c.given, failed)+1)%len(c.given)]
	if c.leader.CompareAndSwap(failed, next) {
		return next
	}
	return c.leader.Load()
}

// pause waits between half of d and d.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
