package container

import (
	"context"
	"slices"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
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
	fresh := c.undeleted(locals)
	for ids := range slices.Chunk(fresh, chunk.MaxDelete) {
		if _, _, err := c.append(record{Record: chunk.NewDelete(ids)}); err != nil {
			return nil, 0, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var rows []row
	for _, local := range fresh {
		p := c.pending[local]
		delete(c.pending, local)
		old, was := c.index.remove(local)
		if !was && p != nil && p.commit != nil {
			old, was = p.commit.row, true // its writer is still waiting for the sync
		}
		if was {
			rows = append(rows, old)
		}
	}
	c.touch()
	return rows, c.end, nil
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
	m, err := c.manifest(r)
	if err != nil {
		return
	}
	for _, p := range m.Pieces {
		if err := c.file.PunchHole(p.Off, int64(p.Length)); err != nil {
			c.opt.Log.Warn().Err(err).Uint64("container", c.id).Msg("no space given back for a deleted block")
			return
		}
	}
}
