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
	watch := stallWatch{interval: min(stallTick, n.cfg.StallSilence/4)}
	tick := time.NewTicker(watch.interval)
	defer tick.Stop()
	var noticed bool
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		d := watch.look(n.logs.age(), n.logs.writing.Load())
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

// stallWatch adds up for how long it saw the same write. It does not take the difference
// of two times: a process that was stopped, or whose machine was, has not been writing
// meanwhile, and must not blame its disk when it goes on.
type stallWatch struct {
	interval time.Duration // between looks

	last  time.Duration // of the look before
	write int64         // seen then; 0: none
	held  time.Duration
}

// look tells for how long the write that is in progress now was seen to be; write is
// 0 if there is none, now is monotonic.
func (w *stallWatch) look(now time.Duration, write int64) time.Duration {
	if write == 0 || write != w.write {
		w.held = 0
	} else {
		w.held += min(now-w.last, 2*w.interval)
	}
	w.last, w.write = now, write
	return w.held
}
