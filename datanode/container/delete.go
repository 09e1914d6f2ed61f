package container

import (
	"context"
	"slices"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
)

// delete removes blocks for ever; ids that are unknown are remembered too, so that
// a write which is still on its way is refused. It returns when that is durable.
func (c *container) delete(ctx context.Context, locals []uint64) error {
	rows, end, err := c.bury(ctx, locals)
	if err != nil {
		return err
	}
	if err := c.syncTo(ctx, end); err != nil {
		return err
	}
	failpoint.Hit("dn/delete-before-punch")
	for _, r := range rows {
		c.punch(r)
	}
	return nil
}

// bury appends the delete records and takes the blocks out of the index. It returns
// the rows of those that were committed and where the log must be durable to.
func (c *container) bury(ctx context.Context, locals []uint64) ([]row, int64, error) {
	if err := c.lock(ctx); err != nil {
		return nil, 0, err
	}
	defer c.unlock()
	rows, err := c.buryLocked(locals)
	return rows, c.tail(), err
}

// buryLocked is bury for a caller that holds appending.
func (c *container) buryLocked(locals []uint64) ([]row, error) {
	fresh := c.undeleted(locals)
	for ids := range slices.Chunk(fresh, chunk.MaxDelete) {
		if _, _, err := c.append(record{Record: chunk.NewDelete(ids)}); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var rows []row
	for _, local := range fresh {
		p := c.pending[local]
		c.drop(p)
		old, was := c.index.remove(local)
		if !was && p != nil && p.commit != nil {
			old, was = p.commit.row, true // its writer is still waiting for the sync
		}
		if was {
			rows = append(rows, old)
		}
	}
	c.touch()
	return rows, nil
}

func (c *container) undeleted(locals []uint64) []uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	fresh := make([]uint64, 0, len(locals))
	for _, local := range locals {
		if r, ok := c.index.get(local); !ok || !r.deleted() {
			fresh = append(fresh, local)
		}
	}
	slices.Sort(fresh)
	return slices.Compact(fresh)
}

// punch gives back the whole pages of a deleted block. What can't be given back is
// wasted, not wrong, and a record that can't be read any more is left alone.
func (c *container) punch(r row) {
	m, err := c.readManifest(r)
	if err != nil {
		return
	}
	c.punchPieces(m.Pieces)
}

func (c *container) punchPieces(pieces []chunk.Piece) {
	c.stale.Store(true)
	for _, p := range pieces {
		if err := c.file.PunchHole(p.Off, int64(p.Length)); err != nil {
			c.opt.Log.Warn().Err(err).Uint64("container", c.id).Msg("no space given back for dead bytes")
			return
		}
	}
}

// dead is a run of bytes that no reader needs any more. It can be given back once the
// checkpoint covers the log up to until: what a start scans beyond it must be whole, or
// it is taken for a torn write.
type dead struct {
	row    row           // a block that was replaced; or
	pieces []chunk.Piece // of a block that was never committed, or sealed short
	until  int64
}

// drop forgets a block that was being written, and remembers what it leaves. c.mu is
// held. A block whose commit is in the log is the sync loop's.
func (c *container) drop(p *pending) {
	if p == nil {
		return
	}
	delete(c.pending, p.local)
	if p.commit == nil && len(p.pieces) > 0 {
		c.dead = append(c.dead, dead{pieces: p.pieces, until: c.end})
	}
}

// giveBack punches what is dead and below the checkpoint.
func (c *container) giveBack() {
	c.mu.Lock()
	var due []dead
	c.dead = slices.DeleteFunc(c.dead, func(d dead) bool {
		if d.until > c.covered {
			return false
		}
		due = append(due, d)
		return true
	})
	c.mu.Unlock()
	for _, d := range due {
		if d.pieces != nil {
			c.punchPieces(d.pieces)
		} else {
			c.punch(d.row)
		}
	}
}
