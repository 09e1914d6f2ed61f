package container

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Compaction says when a closed container's log is written anew without its dead bytes.
type Compaction struct {
	// MinDead is how many bytes of the disk dead records must take at least.
	MinDead int64
	// Ratio is which part of what the log takes must be dead at least.
	Ratio float64
}

// due says whether the log is worth compacting: closed, healthy, and much of it dead.
func (c *container) due(rule Compaction) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.state != dnpb.ContainerState_CLOSED || c.broken != nil || c.building {
		return false
	}
	if c.allocated-int64(c.index.bytes) < rule.MinDead {
		return false // needs no look at every block
	}
	dead := c.allocated - c.needed()
	return dead >= rule.MinDead && float64(dead) >= rule.Ratio*float64(c.allocated)
}

// needed estimates the bytes of the log without anything dead. c.mu is held.
func (c *container) needed() int64 {
	n := int64(chunk.FileHeaderSize)
	for _, r := range c.index.rows {
		if r.deleted() {
			n += 8 // in the table of a delete record
			continue
		}
		units := (int64(r.length) + chunk.Unit - 1) / chunk.Unit
		n += chunk.RecordHeaderSize + int64(r.length) + 8*units + 8
	}
	return n
}

// Compact rewrites, one after the other, the containers of a volume that are worth it,
// and returns how many bytes of the disk that gave back. throttle is asked before bytes
// are copied. A container with a bad block is left as it is, and the block is reported.
func (s *Set) Compact(ctx context.Context, dir string, rule Compaction, throttle func(context.Context, int) error) (freed int64, err error) {
	var errs []error
	for _, c := range s.containers() {
		if c.vol.Dir != dir || c.vol.healthy() != nil || !c.due(rule) {
			continue
		}
		start := time.Now()
		var n int64
		err := c.vol.do(ctx, func() (err error) {
			n, err = s.compact(ctx, c, throttle)
			return err
		})
		if err != nil && ctx.Err() != nil {
			break
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		freed += n
		s.opt.Log.Info().Uint64("container", c.id).Int64("freed", n).Dur("took", time.Since(start)).Msg("container compacted")
	}
	return freed, errors.Join(errs...)
}

func (s *Set) compact(ctx context.Context, c *container, throttle func(context.Context, int) error) (freed int64, err error) {
	if err := c.begin(); err != nil {
		return 0, nil // it is being repaired
	}
	defer c.finish()
	c.mu.RLock()
	need, before := c.needed(), c.allocated
	c.mu.RUnlock()
	if _, room, err := c.vol.space(true); err != nil || room < uint64(need) {
		return 0, errors.Join(err, ozerr.New(ozerr.DiskFull, "no room to compact container %d", c.id))
	}
	to, err := s.beginLog(ctx, c.id, s.bornAfter(c), c.vol)
	if err != nil {
		return 0, err
	}
	if err = s.copyLive(ctx, to, c, throttle); err == nil {
		if err = to.setQuarantine(ctx, c.quarantine()); err == nil {
			err = s.install(ctx, to, c)
		}
	}
	if to.unnamed() {
		err = errors.Join(err, s.abandon(to))
	}
	if err != nil {
		return 0, err
	}
	to.mu.RLock()
	defer to.mu.RUnlock()
	return before - to.allocated, nil
}

// copyLive takes every block over that is still there.
func (s *Set) copyLive(ctx context.Context, to, c *container, throttle func(context.Context, int) error) error {
	for after, more := uint64(0), true; more; {
		var rows []row
		rows, more = c.rowsOf(after)
		for _, r := range rows {
			failpoint.Hit("dn/compact-mid")
			after = r.local
			err := to.copyFrom(ctx, c, r, throttle)
			if err == nil {
				continue
			}
			if _, ok := c.lookup(r.local); !ok {
				continue // deleted meanwhile, and its bytes gone
			}
			if errors.Is(err, ozerr.ChecksumMismatch) {
				c.opt.badBlock(c.id, r.local, err)
			}
			return err
		}
	}
	return to.syncTo(ctx, to.tail())
}
