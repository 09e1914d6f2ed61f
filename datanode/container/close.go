package container

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// ErrClosing says that a container takes no new blocks any more, but still the rest
// of those that were begun before. It closes by itself when they are done or given up.
var ErrClosing = errors.New("the container waits for unfinished blocks")

// close begins to close the container and finishes if it can: when everything
// committed is durable and the index has its checkpoint. It returns ErrClosing while
// unfinished blocks are written that are not idle. Closing again is fine.
func (c *container) close(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	if c.beginClose() {
		c.stateChanged()
	}
	c.mu.RLock()
	closing := c.state == dnpb.ContainerState_CLOSING
	c.mu.RUnlock()
	switch {
	case !closing:
		return nil
	case c.forget(c.opt.now()) > 0:
		return ErrClosing
	}
	return c.finishClose(ctx)
}

// beginClose takes the container from OPEN to CLOSING and reports whether it did.
func (c *container) beginClose() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != dnpb.ContainerState_OPEN {
		return false
	}
	c.state = dnpb.ContainerState_CLOSING
	return true
}

// finishClose takes a closing container without unfinished blocks to CLOSED. The
// caller holds appending.
func (c *container) finishClose(ctx context.Context) error {
	if err := c.checkpoint(ctx, dnpb.ContainerState_CLOSED); err != nil {
		return err
	}
	c.mu.Lock()
	if c.state == dnpb.ContainerState_CLOSING {
		c.state = dnpb.ContainerState_CLOSED
	}
	c.mu.Unlock()
	c.stateChanged()
	return nil
}

// forget drops uncommitted blocks that nobody has written to for too long and returns
// how many are left. The caller holds appending.
func (c *container) forget(now time.Time) (left int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := now.Add(-c.opt.Idle)
	if c.state == dnpb.ContainerState_CLOSING {
		since = now.Add(-c.opt.ClosingIdle)
	}
	for _, p := range c.pending {
		switch {
		case p.commit != nil: // the next sync publishes it
		case p.touched.Before(since):
			c.drop(p)
		default:
			left++
		}
	}
	return left
}

// maintain gives up blocks that nobody writes any more, goes on with closing, and
// marks a log that fell silent. It reports whether the container has closed.
func (c *container) maintain(ctx context.Context, now time.Time) (closed bool, err error) {
	if err := c.lock(ctx); err != nil {
		return false, err
	}
	defer c.unlock()
	c.mu.RLock()
	state, broken := c.state, c.broken
	c.mu.RUnlock()
	switch left := c.forget(now); {
	case broken != nil:
		return false, nil
	case state == dnpb.ContainerState_CLOSING && left == 0:
		err = c.finishClose(ctx)
		return err == nil, err
	}
	err = c.mark()
	c.giveBack()
	if c.stale.Swap(false) {
		c.measure()
	}
	return false, err
}

func (c *container) tail() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.end
}

// checkpoint makes the whole log durable, says so in it, and writes the index file.
// The caller holds appending.
func (c *container) checkpoint(ctx context.Context, state dnpb.ContainerState) error {
	if err := c.syncTo(ctx, c.tail()); err != nil {
		return err
	}
	if err := c.mark(); err != nil {
		return err
	}
	if err := c.syncTo(ctx, c.tail()); err != nil {
		return err
	}
	c.mu.RLock()
	cp := checkpoint{
		FileHeader: chunk.FileHeader{Container: c.id, Salt: c.salt},
		covered:    c.durable, state: state, rows: slices.Clone(c.index.rows),
	}
	c.mu.RUnlock()
	name := fileName(c.vol, c.id, ".idx")
	if err := vfs.WriteFile(c.vol.FS, name, cp.encode()); err != nil {
		return ozerr.Wrap(ozerr.DiskFailed, err, "checkpoint of container %d", c.id)
	}
	c.mu.Lock()
	c.covered = cp.covered
	c.mu.Unlock()
	return nil
}

// mark appends a record that says how far the log is durable, if that isn't in it
// yet: with it, damage below is told from a write that a crash cut short. The caller
// holds appending.
func (c *container) mark() error {
	c.mu.RLock()
	due := c.durable == c.end && c.marked < c.durable
	c.mu.RUnlock()
	if !due {
		return nil
	}
	_, end, err := c.append(record{Record: chunk.Record{Type: chunk.Mark}})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marked = end
	return nil
}

// stop ends the container's goroutine and closes its file, leaving a checkpoint if
// the log can still be written. That a container closes is kept: the next start
// finishes it.
func (c *container) stop(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	var err error
	c.mu.RLock()
	state, broken, dirty := c.state, c.broken, c.covered < c.end
	c.mu.RUnlock()
	if state == dnpb.ContainerState_CLOSING {
		dirty = true // it is not written anywhere else
	}
	if broken == nil && dirty && state != dnpb.ContainerState_UNHEALTHY {
		err = c.checkpoint(ctx, state)
	}
	return errors.Join(err, c.release(ozerr.New(ozerr.Unavailable, "the datanode is stopping")))
}

// release waits for the sync loop and closes the file; from then on the container
// answers writes with cause. The caller holds appending.
func (c *container) release(cause error) error {
	c.halt(cause)
	c.loops.Wait()
	return c.file.Close()
}

// halt lets nothing more be written; the caller holds appending.
func (c *container) halt(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.broken == nil || errors.Is(cause, errReplaced) {
		c.broken = cause
	}
}
