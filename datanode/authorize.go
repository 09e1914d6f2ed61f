package datanode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/blocktoken"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// lateKey is how long a call waits for a key that om may have made a moment ago, or that
// this datanode has not heard of since it started.
const lateKey = time.Second

// guard lets nobody read or write without a block token that is good for it. In open mode
// there is none: nil lets everybody.
type guard struct {
	keys blocktoken.Keys
	now  func() time.Time
	ask  func() // asks every om for its keys, soon

	mu      sync.Mutex
	changed chan struct{} // closed when there is a new key
}

// newGuard returns the guard of secure mode, nil in open mode.
func newGuard(cfg Config, ask func()) *guard {
	if cfg.AdminKey == nil {
		return nil
	}
	g := &guard{now: cfg.Now, ask: ask, changed: make(chan struct{})}
	if g.now == nil {
		g.now = time.Now
	}
	return g
}

// learn takes in the keys that an om told.
func (g *guard) learn(keys []*dnpb.TokenKey) {
	if g == nil || !g.keys.Add(keys, g.now()) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.changed)
	g.changed = make(chan struct{})
}

// allow returns nil when the token is good for the use. With a key that is not known it
// asks and waits for a moment; then the error is ozerr.Unavailable, as another replica may
// know it.
func (g *guard) allow(ctx context.Context, token []byte, use blocktoken.Use) error {
	if g == nil {
		return nil
	}
	for timer := (<-chan time.Time)(nil); ; {
		g.mu.Lock()
		changed := g.changed
		g.mu.Unlock()
		err := g.keys.Verify(token, use, g.now())
		if !errors.Is(err, blocktoken.ErrUnknownKey) {
			return err
		}
		if timer == nil {
			timer = time.After(lateKey)
			g.ask()
		}
		select {
		case <-changed:
		case <-timer:
			return ozerr.New(ozerr.Unavailable, "no om has told this datanode the key of the block token yet")
		case <-ctx.Done():
			return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for a key of block tokens")
		}
	}
}

// allowWrite returns nil for a write of n bytes that the token is good for.
func (g *guard) allowWrite(ctx context.Context, req *dnpb.WriteRequest, n int) error {
	if g == nil {
		return nil
	}
	length := req.GetOffset() + uint64(n)
	if length < req.GetOffset() {
		return ozerr.New(ozerr.InvalidRequest, "offset %d is no place in a block", req.GetOffset())
	}
	return g.allow(ctx, req.GetToken(), blocktoken.Use{Block: req.GetBlock(), Write: true, Length: max(length, req.GetBlockLength())})
}

func (g *guard) allowRead(ctx context.Context, req *dnpb.ReadRequest) error {
	if g == nil {
		return nil
	}
	return g.allow(ctx, req.GetToken(), blocktoken.Use{Block: req.GetBlock()})
}

func (g *guard) allowList(ctx context.Context, req *dnpb.ListBlocksRequest) error {
	if g == nil {
		return nil
	}
	return g.allow(ctx, req.GetToken(), blocktoken.Use{Block: &commonpb.BlockID{Container: req.GetContainer()}, Container: true})
}
