package raftnode

import (
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/om/table"
)

// scrubLoop verifies the tables and the log now and then. Damage ends the process: reads and
// compactions don't notice it, they miss rows. The next Open says what to do.
func (n *Node) scrubLoop() {
	if n.cfg.ScrubPeriod <= 0 {
		return
	}
	tick := time.NewTicker(n.cfg.ScrubPeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		err := n.fsm.verify()
		if err == nil {
			err = n.logs.verify(n.stop)
		}
		switch {
		case errors.Is(err, table.ErrCorrupt), errors.Is(err, ErrCorruptLog):
			n.cfg.Fatal(err)
			return
		case err != nil && n.ctx.Err() == nil:
			n.log.Warn().Err(err).Msg("scrub not done, will be tried again")
		}
	}
}

func (f *fsm) verify() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.ended {
		return errClosed()
	}
	return f.db.Verify()
}
