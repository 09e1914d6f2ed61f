package raftnode

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

const (
	markerTick = time.Second
	spoolKept  = 10 * time.Minute
)

// markerLoop keeps the replay after a crash short: after MarkerEntries applied
// entries, MarkerRequests requests, or MarkerPeriod with any, it makes the table durable and lets raft cut
// its log.
func (n *Node) markerLoop() {
	tick := time.NewTicker(markerTick)
	defer tick.Stop()
	lastIndex, lastRequests, lastTime := n.fsm.applied.get(), n.fsm.requests.Load(), time.Now()
	spoolDue := time.Now().Add(spoolKept)
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		now := time.Now()
		if now.After(spoolDue) {
			spoolDue = now.Add(spoolKept)
			if err := n.snaps.dropSpool(); err != nil {
				n.log.Warn().Err(err).Msg("drop snapshot spool")
			}
		}
		applied := n.fsm.applied.get()
		fresh := applied - min(lastIndex, applied)
		requests := n.fsm.requests.Load()
		many := fresh >= n.cfg.MarkerEntries || n.cfg.MarkerRequests > 0 && requests-lastRequests >= n.cfg.MarkerRequests
		if fresh == 0 || !many && now.Sub(lastTime) < n.cfg.MarkerPeriod {
			continue
		}
		lastIndex, lastRequests, lastTime = applied, requests, now
		if err := n.Mark(); err != nil {
			n.log.Warn().Err(err).Msg("durable marker not made, will be tried again")
		}
	}
}

// Mark makes everything applied durable and cuts the log behind it. It is what
// raft calls a snapshot.
func (n *Node) Mark() error {
	err := n.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// index of the marker, 0 if there is none.
func (s *snapshots) index() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marker == nil {
		return 0
	}
	return s.marker.Meta.Index
}
