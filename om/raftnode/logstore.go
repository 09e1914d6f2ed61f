package raftnode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
)

// ErrCorruptLog is in the chain of an error about a log record whose checksum
// does not match. Such a node must not vote: wipe it and let it rejoin.
var ErrCorruptLog = errors.New("raft log record is corrupt")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// logStore keeps raft's log and its vote in raft-wal, which does not verify
// records on read; so every record carries a CRC32C of ours at the end of its
// Extensions: over index, term, type, data and the other extensions.
type logStore struct {
	wal    *wal.WAL
	writer recordWriter       // the wal, unless a test puts a bad disk before it
	meta   *metadb.BoltMetaDB // raft-wal leaves it open, and its lock with it

	fatal   func(error)
	opened  time.Time
	writing atomic.Int64 // start of the write in progress, ns since opened, never twice the same; 0: none
}

// recordWriter is the part of the log that can fail or hang.
type recordWriter interface{ StoreLogs([]*raft.Log) error }

func openLogStore(dir string, segment int, fatal func(error)) (*logStore, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	meta := &metadb.BoltMetaDB{}
	var w *wal.WAL
	err := guarded(func() (err error) {
		w, err = wal.Open(dir, wal.WithMetaStore(meta), wal.WithSegmentSize(segment))
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open raft log %s: %w", dir, err), meta.Close())
	}
	return &logStore{wal: w, writer: w, meta: meta, fatal: fatal, opened: time.Now()}, nil
}

func (s *logStore) close() error { return errors.Join(s.wal.Close(), s.meta.Close()) }

// term is the newest that raft has noted, 0 in a log that was never used.
func (s *logStore) term() (uint64, error) { return s.wal.GetUint64([]byte("CurrentTerm")) }

// stalled is how long the write in progress has taken.
func (s *logStore) stalled() time.Duration {
	if t := s.writing.Load(); t != 0 {
		return s.age() - time.Duration(t)
	}
	return 0
}

// age is monotonic: when the clock is set, no write has taken an hour.
func (s *logStore) age() time.Duration { return time.Since(s.opened) }

// StoreLogs appends and fsyncs. A failure is fatal: what is on disk is unknown.
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	sealed := make([]*raft.Log, len(logs))
	copies := make([]raft.Log, len(logs))
	for i, l := range logs {
		copies[i] = *l
		copies[i].Extensions = sealRecord(l)
		sealed[i] = &copies[i]
	}
	s.writing.Store(max(1, int64(s.age())))
	err := s.writer.StoreLogs(sealed)
	s.writing.Store(0)
	if err != nil {
		s.fatal(fmt.Errorf("write raft log: %w", err))
	}
	failpoint.Hit("om/after-logstore")
	return err
}

// StoreLog is StoreLogs of one.
func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// verify reads every record.
func (s *logStore) verify(stop <-chan struct{}) error {
	first, err := s.wal.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	last, err := s.wal.LastIndex()
	if err != nil {
		return err
	}
	for i := first; i <= last; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		var l raft.Log
		if err := s.GetLog(i, &l); errors.Is(err, ErrCorruptLog) {
			return err
		} // others: it was cut off meanwhile
	}
	return nil
}

// GetLog reads and verifies a record. raft-wal still finds records of its last
// segment that were deleted; here they are gone.
func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	first, err := s.wal.FirstIndex()
	if err != nil {
		return err
	}
	if index < first {
		return raft.ErrLogNotFound
	}
	if err := s.wal.GetLog(index, l); err != nil {
		return err
	}
	if !openRecord(l) || l.Index != index {
		return fmt.Errorf("%w: index %d", ErrCorruptLog, index)
	}
	return nil
}

// DeleteRange drops a prefix or a suffix of the log.
func (s *logStore) DeleteRange(first, last uint64) error {
	failpoint.Hit("om/before-compact")
	err := s.wal.DeleteRange(first, last)
	failpoint.Hit("om/after-compact")
	return err
}

// FirstIndex is the lowest index kept, 0 if there is none.
func (s *logStore) FirstIndex() (uint64, error) { return s.wal.FirstIndex() }

// LastIndex is the highest index kept, 0 if there is none.
func (s *logStore) LastIndex() (uint64, error) { return s.wal.LastIndex() }

// IsMonotonic tells raft that the log has no gaps.
func (s *logStore) IsMonotonic() bool { return true }

// sealRecord returns l's extensions with the checksum behind them.
func sealRecord(l *raft.Log) []byte {
	ext := make([]byte, 0, len(l.Extensions)+4)
	ext = append(ext, l.Extensions...)
	return binary.LittleEndian.AppendUint32(ext, recordCRC(l))
}

// openRecord strips the checksum and tells whether it is right.
func openRecord(l *raft.Log) bool {
	n := len(l.Extensions) - 4
	if n < 0 {
		return false
	}
	want := binary.LittleEndian.Uint32(l.Extensions[n:])
	l.Extensions = l.Extensions[:n]
	if n == 0 {
		l.Extensions = nil
	}
	return recordCRC(l) == want
}

func recordCRC(l *raft.Log) uint32 {
	var head [17]byte
	binary.LittleEndian.PutUint64(head[0:], l.Index)
	binary.LittleEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	crc := crc32.Update(0, castagnoli, head[:])
	crc = crc32.Update(crc, castagnoli, l.Data)
	return crc32.Update(crc, castagnoli, l.Extensions)
}
