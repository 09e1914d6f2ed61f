package s3g

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// smallBody is up to how many bytes a body needs no place among the streams: what the
// client package reads into memory of its small kind.
const smallBody = 64 << 10

// streamBytes is the memory of one stream of bytes in work: what is read ahead, and the
// chunk at either end.
func streamBytes() int64 {
	c := client.DefaultConfig()
	return int64(c.Window+2) * int64(c.ChunkSize)
}

// admission decides which requests are worked on. There are two limits: slots, one for each
// request, and the memory of large bodies. A request waits a little for either, holding
// neither meanwhile, so that a flood of large bodies leaves small requests their slots. Who
// finds too many waiting already, or has waited for too long, is told to slow down.
type admission struct {
	slots   chan struct{}
	streams *semaphore.Weighted
	wait    time.Duration
	waiting atomic.Int64
	limit   int64        // of waiting
	starved atomic.Int64 // those of the waiting that need a stream
}

func newAdmission(cfg Config) *admission {
	return &admission{
		slots:   make(chan struct{}, cfg.MaxInFlight),
		streams: semaphore.NewWeighted(max(cfg.StreamMemory, streamBytes())),
		wait:    cfg.QueueTimeout,
		limit:   int64(cfg.MaxInFlight),
	}
}

// place is what a request in work holds.
type place struct {
	a      *admission
	slot   bool
	memory int64
}

// enter takes a place for a request whose body has n bytes; negative: unknown.
func (a *admission) enter(ctx context.Context, n int64) (*place, error) {
	p := &place{a: a}
	if err := p.takeMemory(ctx, n); err != nil {
		return nil, err
	}
	if err := p.takeSlot(ctx); err != nil {
		p.leave()
		return nil, err
	}
	return p, nil
}

// grow adds memory for an answer of n bytes. While it waits others have the slot.
func (p *place) grow(ctx context.Context, n int64) error {
	if p.memory > 0 || p.tryMemory(n) {
		return nil
	}
	p.giveSlot()
	if err := p.takeMemory(ctx, n); err != nil {
		return err
	}
	return p.takeSlot(ctx)
}

// leave gives everything back; it may be called once.
func (p *place) leave() {
	p.giveSlot()
	if p.memory > 0 {
		p.a.streams.Release(p.memory)
		p.memory = 0
	}
}

func (p *place) giveSlot() {
	if p.slot {
		<-p.a.slots
		p.slot = false
	}
}

func (p *place) tryMemory(n int64) bool {
	if n >= 0 && n <= smallBody {
		return true
	}
	if !p.a.streams.TryAcquire(streamBytes()) {
		return false
	}
	p.memory = streamBytes()
	return true
}

func (p *place) takeMemory(ctx context.Context, n int64) error {
	if p.tryMemory(n) {
		return nil
	}
	p.a.starved.Add(1)
	defer p.a.starved.Add(-1)
	return p.a.queue(ctx, func(ctx context.Context) error {
		if err := p.a.streams.Acquire(ctx, streamBytes()); err != nil {
			return err
		}
		p.memory = streamBytes()
		return nil
	})
}

func (p *place) takeSlot(ctx context.Context) error {
	select {
	case p.a.slots <- struct{}{}:
		p.slot = true
		return nil
	default:
	}
	return p.a.queue(ctx, func(ctx context.Context) error {
		select {
		case p.a.slots <- struct{}{}:
			p.slot = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// queue lets take wait, unless too many do.
func (a *admission) queue(ctx context.Context, take func(context.Context) error) error {
	if a.waiting.Add(1) > a.limit {
		a.waiting.Add(-1)
		return s3err.SlowDown
	}
	defer a.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	if err := take(ctx); err != nil {
		return s3err.SlowDown.Wrap(err)
	}
	return nil
}

// pressed tells whether somebody waits for the memory of a body. Then clients that are
// slow with theirs are shed sooner.
func (a *admission) pressed() bool { return a.starved.Load() > 0 }

// bodySize is how many bytes of the request's body are going to be read; -1: unknown.
func bodySize(r *http.Request) int64 {
	if r.Body == nil || r.Body == http.NoBody || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return 0
	}
	return r.ContentLength
}
