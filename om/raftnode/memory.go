package raftnode

import "fmt"

// memory is what a directory, or a running node, remembers of a group.
type memory struct {
	term        uint64 // newest it has heard of; begun logs have 1
	first, last uint64 // of the log; 0: none
	marker      uint64 // index, 0: none
	applied     uint64 // by the table
}

// empty: no part was ever taken in a group. Such a node must not vote on its own
// account: it may be one that was wiped, and voted before.
func (m memory) empty() bool { return m == memory{} }

// fresh: at most the first entry of a log is there, and nobody ever stood for leader.
func (m memory) fresh() bool { return m.term <= 1 && m.last <= 1 && m.marker == 0 && m.applied == 0 }

// whole finds that a part of the directory is missing.
func (m memory) whole() error {
	switch {
	case m.term == 0 && (m.last > 0 || m.marker > 0 || m.applied > 0):
		return fmt.Errorf("%w: the log's vote is gone, but there is a log to %d, a marker at %d and a table at %d",
			ErrDamaged, m.last, m.marker, m.applied)
	case m.first > 1 && m.marker == 0:
		return fmt.Errorf("%w: the log begins at %d but the marker is gone", ErrDamaged, m.first)
	}
	return nil
}

// remembered reads it from the stores, before raft is started or while it runs.
func (n *Node) remembered() (m memory, err error) {
	if m.first, err = n.logs.FirstIndex(); err != nil {
		return m, err
	}
	if m.last, err = n.logs.LastIndex(); err != nil {
		return m, err
	}
	if m.term, err = n.logs.term(); err != nil {
		return m, err
	}
	m.marker, m.applied = n.snaps.index(), n.fsm.applied.get()
	return m, nil
}
