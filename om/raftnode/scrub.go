package raftnode

import (
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/om/table"
)

// scrubLoop verifies the tables now and then. Damage ends the process: reads and
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
		switch {
		case errors.Is(err, table.ErrCorrupt):
			n.cfg.Fatal(err)
			return
		case err != nil:
			return // closed
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
