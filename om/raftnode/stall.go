package raftnode

import (
	"fmt"
	"time"
)

const stallTick = 250 * time.Millisecond

// stallLoop watches the log's writes. raft's main loop is inside them, so a leader whose
// disk hangs can neither hand over nor step down: it falls silent, and its peers elect
// another. If the write comes to its end the node speaks again, as a follower; if not,
// the node ends itself. One without peers has nobody to leave the work to; it only says
// so.
func (n *Node) stallLoop() {
	if n.cfg.StallLimit <= 0 {
		return
	}
	tick := time.NewTicker(min(stallTick, n.cfg.StallSilence/4))
	defer tick.Stop()
	var noticed bool
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		d := n.logs.stalled(time.Now())
		silent := d >= n.cfg.StallSilence && !n.alone()
		if n.trans.muted.Swap(silent) && !silent {
			n.log.Warn().Msg("the write of the raft log came to its end; this node speaks to its peers again")
		}
		if d >= n.cfg.StallSilence && !noticed {
			n.log.Error().Dur("for", d).Bool("silent", silent).Msg("a write of the raft log hangs")
		}
		noticed = d >= n.cfg.StallSilence
		if d >= n.cfg.StallLimit && silent {
			n.cfg.Fatal(fmt.Errorf("a write of the raft log hangs for %s", d))
			return
		}
	}
}
