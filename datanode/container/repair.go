package container

import (
	"context"
	"sync"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Repair is a replica that is being made what it should be: in place if it works; or
// anew, as a log that takes its place, or becomes the replica, in Finish. Its methods
// may be called concurrently, but Finish and Abort come last.
type Repair struct {
	s        *Set
	old      *container // what is here; nil for nothing
	to       *container // where blocks go: old, or the new log
	throttle func(context.Context, int) error

	mu         sync.Mutex
	quarantine map[uint64]int64
}

// StoredBlock is a committed block of a replica.
type StoredBlock struct {
	Block
	Quarantined bool
}

// Repair begins to repair a container; anew also if the replica here is healthy. One
// repair or compaction of a container goes on at a time: another is Unavailable.
// throttle is asked before bytes are copied from the replica that is here.
func (s *Set) Repair(ctx context.Context, id uint64, throttle func(context.Context, int) error) (*Repair, error) {
	old, err := s.find(id)
	if err != nil {
		return s.repairMissing(ctx, id, err, throttle)
	}
	if err := old.begin(); err != nil {
		return nil, err
	}
	r := &Repair{s: s, old: old, to: old, throttle: throttle, quarantine: old.quarantine()}
	if old.report().State != dnpb.ContainerState_UNHEALTHY {
		return r, nil
	}
	v, err := s.choose()
	if err == nil {
		r.to, err = s.beginLog(ctx, id, s.bornAfter(old), v)
	}
	if err != nil {
		old.finish()
		return nil, err
	}
	return r, nil
}

// repairMissing begins to make a replica where none is, if err says so.
func (s *Set) repairMissing(ctx context.Context, id uint64, err error, throttle func(context.Context, int) error) (*Repair, error) {
	if ozerr.CodeOf(err) != ozerr.ContainerNotFound {
		return nil, err
	}
	release, err := s.take(ctx, id)
	if err != nil {
		return nil, err
	}
	defer release()
	if other, _ := s.findAny(id); other != nil {
		return nil, errBusy(id)
	}
	v, err := s.choose()
	if err != nil {
		return nil, err
	}
	c, err := s.beginLog(ctx, id, s.bornAfter(nil), v)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.built[id] = c
	s.mu.Unlock()
	return &Repair{s: s, to: c, throttle: throttle, quarantine: map[uint64]int64{}}, nil
}

func errBusy(id uint64) error {
	return ozerr.New(ozerr.Unavailable, "container %d is being repaired or compacted already", id)
}

// begin takes the right to repair or compact the container.
func (c *container) begin() error {
	select {
	case c.job <- struct{}{}:
		return nil
	default:
		return errBusy(c.id)
	}
}

func (c *container) finish() { <-c.job }

// Anew says that the replica is written anew: every block must be kept or put.
func (r *Repair) Anew() bool { return r.old != r.to }

// Missing says that no replica is here.
func (r *Repair) Missing() bool { return r.old == nil }

// Blocks returns up to n committed blocks of the replica that is here, with ids above
// after, in order, and whether there are more.
func (r *Repair) Blocks(after uint64, n int) (out []StoredBlock, more bool) {
	if r.old == nil {
		return nil, false
	}
	rows, more := r.old.list(after, n, true)
	r.old.mu.RLock()
	defer r.old.mu.RUnlock()
	for _, x := range rows {
		_, q := r.old.index.quarantined[x.local]
		out = append(out, StoredBlock{Block{x.local, uint64(x.length), x.crc}, q})
	}
	return out, more
}

// Verify reads a block that is here and checks every byte of it.
func (r *Repair) Verify(ctx context.Context, local uint64) error {
	x, ok := r.old.lookup(local)
	if !ok {
		return r.old.noBlock(local)
	}
	return r.old.vol.do(ctx, func() error {
		buf := make([]byte, min(copyStep, x.length))
		return r.old.verify(ctx, x, buf, func(_ uint64, p []byte) error { return r.throttle(ctx, len(p)) })
	})
}

// Keep takes a block that is here over into the new log, if all its bytes are good.
func (r *Repair) Keep(ctx context.Context, local uint64) error {
	failpoint.Hit("dn/reconcile-mid")
	x, ok := r.old.lookup(local)
	if !ok {
		return r.old.noBlock(local)
	}
	return r.to.vol.do(ctx, func() error { return r.to.copyFrom(ctx, r.old, x, r.throttle) })
}

// Put stores a block that comes from elsewhere, in place of what is here of it. read
// returns n of its bytes from an offset on, up to 1 MiB at once and in order. The bytes
// are verified against b. It is durable, and seen, when Finish has returned nil. A block
// that was deleted here stays deleted, which is no error.
func (r *Repair) Put(ctx context.Context, b Block, read func(off uint64, n int) ([]byte, error)) error {
	failpoint.Hit("dn/reconcile-mid")
	return r.to.vol.do(ctx, func() error { return r.to.adopt(ctx, b, read) })
}

// Delete removes blocks for ever.
func (r *Repair) Delete(ctx context.Context, locals []uint64) error {
	if len(locals) == 0 {
		return nil
	}
	return r.to.vol.do(ctx, func() error { return r.to.delete(ctx, locals) })
}

// Quarantine makes the block one that doesn't count as live, from now on if it wasn't
// before; or a live one again.
func (r *Repair) Quarantine(local uint64, in bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, was := r.quarantine[local]
	switch {
	case in && !was:
		r.quarantine[local] = r.s.opt.now().Unix()
	case !in:
		delete(r.quarantine, local)
	}
}

// Finish returns nil when everything is durable and the replica is what was made of it.
func (r *Repair) Finish(ctx context.Context) error {
	return r.to.vol.do(ctx, func() error { return r.finish(ctx) })
}

func (r *Repair) finish(ctx context.Context) error {
	if err := r.to.syncTo(ctx, r.to.tail()); err != nil {
		return r.fail(err)
	}
	if err := r.to.setQuarantine(ctx, r.quarantine); err != nil {
		return r.fail(err)
	}
	if r.Anew() {
		if err := r.s.install(ctx, r.to, r.old); err != nil {
			return r.fail(err)
		}
	} else if err := r.to.tidy(ctx); err != nil {
		return r.fail(err)
	}
	if r.old != nil {
		r.old.finish()
	}
	return r.s.removeIfEmpty(ctx, r.to)
}

// tidy gives back what a repair in place replaced, if the container is closed; in an open
// one that is done when it closes.
func (c *container) tidy(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	c.mu.RLock()
	due := c.state == dnpb.ContainerState_CLOSED && len(c.dead) > 0 && c.broken == nil
	c.mu.RUnlock()
	if !due {
		return nil
	}
	if err := c.checkpoint(ctx, dnpb.ContainerState_CLOSED); err != nil {
		return err
	}
	c.giveBack()
	return nil
}

func (r *Repair) fail(err error) error {
	r.abort()
	return err
}

// Abort gives up. What was put in place stays; a new log goes.
func (r *Repair) Abort() {
	if r.to.vol.answers() == nil {
		_ = r.to.vol.do(context.Background(), func() error { r.abort(); return nil })
	}
}

func (r *Repair) abort() {
	if r.Anew() && r.to.unnamed() {
		if err := r.s.abandon(r.to); err != nil {
			r.s.opt.Log.Warn().Err(err).Uint64("container", r.to.id).Msg("giving up a new log")
		}
	}
	if r.old != nil {
		r.old.finish()
	}
}

// unnamed says whether the log has no name of its own yet.
func (c *container) unnamed() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.building
}
