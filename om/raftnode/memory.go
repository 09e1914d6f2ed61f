package raftnode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"

	"github.com/mini-ozone/mini-ozone/internal/dirlock"
	"github.com/mini-ozone/mini-ozone/om/table"
)

// ErrDamaged is in the chain of an error of Open about state that is not what was
// written. Such a node must not vote: it rejoins its group with an empty directory.
var ErrDamaged = errors.New("the state of this om is damaged")

// damage adds ErrDamaged to an error of opening state, unless it is about the machine:
// a disk that cannot be read, a directory in use or not ours.
func damage(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil, errors.Is(err, ErrDamaged), errors.Is(err, table.ErrLocked), errors.Is(err, dirlock.ErrInUse):
		return err
	case errors.As(err, &errno) && errno != syscall.ENOENT, ofMachine(err):
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// guarded calls read, which opens files that are mapped into memory. Pages that make no
// sense (bbolt panics) or that a cut file does not have any more (SIGBUS, which would end
// the process at each start) are damage. What read had open then stays open.
func guarded(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damage(fmt.Errorf("read the state: %v", p))
		}
	}()
	return read()
}

// ofMachine looks for the machine's troubles in the text of an error: badger, raft and
// raft-wal keep no more of them in theirs.
func ofMachine(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EDQUOT, syscall.EACCES, syscall.EPERM, syscall.EROFS,
		syscall.EIO, syscall.ENOMEM, syscall.EAGAIN, syscall.EBUSY, syscall.EFBIG, syscall.ENXIO, syscall.ESTALE, syscall.ETIMEDOUT,
	}, func(e syscall.Errno) bool { return strings.Contains(text, e.Error()) })
}

// stateParts are the parts of a node's directory that make up its memory.
var stateParts = []string{"log", "snapshot", "table", "table.restore"}

// asidePrefix begins the names of directories with damaged state, and maxAside is how
// many there may be: a disk that fails again and again must not be filled with them.
const (
	asidePrefix = "damaged-"
	maxAside    = 3
	// minAside free bytes: without them a full disk may be all that is wrong (a mapped file
	// that cannot grow is a fault like that of a cut one), and nobody can join anew on it.
	minAside = 64 << 20
)

// SetAside moves the state in a node's directory into a new one beside it, whose path
// it returns: nothing is deleted, and the next Open finds an empty node. A part that a
// crash leaves behind is damage again, and moved by the next call. It refuses while a
// process has the directory, when there are three such directories already, and when the
// disk is full.
func SetAside(dir string, now time.Time) (_ string, err error) {
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return "", err
	}
	if disk.Bavail*uint64(disk.Bsize) < minAside {
		return "", fmt.Errorf("the disk of %s is full: make room, and start again", dir)
	}
	if old, err := Aside(dir); err != nil || len(old) >= maxAside {
		return "", errors.Join(err, fmt.Errorf("%d directories %s* are in %s already: the disk seems to fail; look at it, and delete them",
			len(old), asidePrefix, dir))
	}
	aside := filepath.Join(dir, asidePrefix+now.UTC().Format("20060102T150405.000Z"))
	if err := os.Mkdir(aside, 0o750); err != nil {
		return "", err
	}
	for _, part := range stateParts {
		if err := os.Rename(filepath.Join(dir, part), filepath.Join(aside, part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside, errors.Join(syncDir(aside), syncDir(dir))
}

// Aside lists the directories that SetAside has left in dir.
func Aside(dir string) ([]string, error) { return filepath.Glob(filepath.Join(dir, asidePrefix+"*")) }

// memory is what a directory, or a running node, remembers of a group.
type memory struct {
	term        uint64 // newest it has heard of; begun logs have 1
	first, last uint64 // of the log; 0: none
	newest      uint64 // term of its last entry, as Open finds it
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
	case m.term < m.newest: // the term is on the disk before any entry of it
		return fmt.Errorf("%w: the log is of term %d, its vote of term %d", ErrDamaged, m.newest, m.term)
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

// recall is remembered, and the term of the log's last entry: for Open, while nobody
// changes the log.
func (n *Node) recall() (m memory, err error) {
	if m, err = n.remembered(); err != nil || m.last == 0 {
		return m, err
	}
	var l raft.Log
	err = n.logs.GetLog(m.last, &l)
	m.newest = l.Term
	return m, err
}
