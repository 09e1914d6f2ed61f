package container

import (
	"context"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Bounds on what is written but not durable, in bytes.
const (
	writebackStep = 2 << 20   // ask the kernel to start writing each so much
	syncStep      = 32 << 20  // sync in the background when so much waits
	maxUnsynced   = 128 << 20 // writers wait beyond this
)

// syncTo returns when the log is durable up to off. One sync is in flight at a time
// and serves everybody whose records were written before it began. When ctx ends
// first, the outcome is unknown.
func (c *container) syncTo(ctx context.Context, off int64) error {
	for {
		c.mu.Lock()
		if c.durable >= off {
			c.mu.Unlock()
			return nil
		}
		if c.broken != nil {
			defer c.mu.Unlock()
			return c.broken
		}
		c.want(off)
		round := c.round
		c.mu.Unlock()
		select {
		case <-round:
		case <-c.vol.hung:
			return c.vol.answers()
		case <-ctx.Done():
			return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for the disk of container %d", c.id)
		}
	}
}

// want starts the sync loop if it doesn't run. c.mu is held.
func (c *container) want(off int64) {
	c.wanted = max(c.wanted, off)
	if !c.syncing && !c.stopped {
		c.syncing = true
		c.loops.Add(1)
		go c.syncLoop()
	}
}

// syncLoop syncs until nobody waits. A failed sync is not repeated: the kernel may
// have dropped the pages and would report success the second time.
func (c *container) syncLoop() {
	defer c.loops.Done()
	for {
		c.mu.Lock()
		if c.broken != nil || c.wanted <= c.durable {
			c.syncing = false
			c.mu.Unlock()
			return
		}
		target := c.end
		c.mu.Unlock()

		start := time.Now()
		err := c.file.Sync()
		if err != nil {
			_ = c.fail(err)
		}
		failpoint.Hit("dn/after-sync")

		c.mu.Lock()
		if err == nil {
			c.durable = target
			n := c.publish()
			c.opt.onSync(time.Since(start), n)
		}
		close(c.round)
		c.round = make(chan struct{})
		c.mu.Unlock()
	}
}

// publish makes the blocks visible whose commit has become durable, and returns how
// many. c.mu is held.
func (c *container) publish() (n int) {
	for n < len(c.committing) && c.committing[n].end <= c.durable {
		cm := c.committing[n]
		c.committing[n] = nil
		if cm.repair {
			if old, was := c.index.replace(cm.row); was {
				c.dead = append(c.dead, dead{row: old, until: cm.end})
			}
		} else if p := c.pending[cm.row.local]; p != nil && p.commit == cm {
			delete(c.pending, cm.row.local)
			c.index.put(cm.row)
		}
		n++
	}
	c.committing = c.committing[n:]
	if n > 0 {
		c.touch()
	}
	return n
}

// flow keeps the amount of dirty memory bounded after an append: it asks for early
// writeback, syncs in the background, and makes the writer wait if all that is not
// enough. A final commit of a large block then has little left to sync.
func (c *container) flow(ctx context.Context) error {
	c.mu.Lock()
	from, end, durable := c.flushed, c.end, c.durable
	due := end-from >= writebackStep
	if due {
		c.flushed = end
	}
	if end-durable >= syncStep {
		c.want(end)
	}
	c.mu.Unlock()
	if due {
		// A hint; the sync will tell. The kernel may take its time, for ever if the disk hangs.
		_ = c.vol.do(ctx, func() error { return c.file.Writeback(from, end-from) })
	}
	if end-durable >= maxUnsynced {
		return c.syncTo(ctx, end-maxUnsynced/2)
	}
	return nil
}
