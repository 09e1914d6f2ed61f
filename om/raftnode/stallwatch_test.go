package raftnode

import (
	"testing"
	"time"
)

// A write that hangs is seen to hang; a process that was stopped during one (SIGSTOP, a
// machine that was paused) goes on. Found by integration/lin: oms ended themselves after
// a pause, and when their clock was set during a write.
func TestAPauseIsNoStall(t *testing.T) {
	const tick = 250 * time.Millisecond
	w := stallWatch{interval: tick}
	now := time.Minute
	looks := func(n int, write int64) (held time.Duration) {
		for range n {
			now += tick
			held = w.look(now, write)
		}
		return held
	}
	if held := looks(5, 0); held != 0 {
		t.Errorf("no write: %s", held)
	}
	if held := looks(41, 7); held != 40*tick {
		t.Errorf("a write that hangs: %s", held)
	}
	if held := looks(1, 8); held != 0 {
		t.Errorf("the next write: %s", held)
	}
	now += time.Hour
	if held := looks(2, 8); held > 3*tick {
		t.Errorf("a write, and a pause of an hour: %s", held)
	}
}
