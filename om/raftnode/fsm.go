package raftnode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Meta rows of the table that belong to this package.
const (
	metaConfiguration = "raft.configuration" // index (8 bytes), raft's encoding
	metaTime          = "raft.time"          // highest applied time stamp, ns
)

// maxTxnBytes cuts a batch between two entries, so that a transaction stays far
// below badger's limit however much raft hands over at once.
const maxTxnBytes = 2 << 20

// fsm applies committed entries to the table. raft calls ApplyBatch, Snapshot and
// Restore from one goroutine. Any storage error panics: raft has no other way to
// hear of it, and a replica that skips an entry has diverged.
type fsm struct {
	dir   string
	opts  table.Options
	snaps *snapshots

	mu    sync.RWMutex // Restore changes db under the readers
	db    *table.DB
	ended bool

	applied  progress
	lastTime atomic.Int64
	requests atomic.Uint64 // applied requests, for metrics
}

func openFSM(dir string, opts table.Options) (*fsm, error) {
	db, err := table.Open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open table %s: %w", dir, err)
	}
	f := &fsm{dir: dir, opts: opts, db: db}
	f.loaded()
	return f, nil
}

// loaded takes over what the table says after it was opened.
func (f *fsm) loaded() {
	tx := f.db.View()
	defer tx.Discard()
	if b := tx.Meta(metaTime); len(b) == 8 {
		f.raiseTime(int64(binary.BigEndian.Uint64(b)))
	}
	index, _ := f.db.Applied()
	f.applied.set(index)
}

// close makes the table durable and closes it, after the readers under way.
func (f *fsm) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	return f.db.Close()
}

func (f *fsm) raiseTime(t int64) {
	if t > f.lastTime.Load() {
		f.lastTime.Store(t)
	}
}

// view calls read with a transaction at the applied index.
func (f *fsm) view(read func(*table.Txn) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.ended {
		return errClosed()
	}
	tx := f.db.View()
	defer tx.Discard()
	if err := read(tx); err != nil {
		return err
	}
	return ozerr.Wrap(ozerr.Internal, tx.Err(), "read the table")
}

// Apply is ApplyBatch of one entry.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies the entries in one transaction together with the index and
// term of the last one. Entries the table already has are skipped: raft replays
// from its marker, which is older. The answer to an entry is []*ompb.Response.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	out := make([]any, len(logs))
	applied, _ := f.db.Applied()
	var tx *table.Txn
	var last *raft.Log
	for i, l := range logs {
		if l.Index <= applied {
			continue
		}
		if tx != nil && tx.Size() > maxTxnBytes {
			f.commit(tx, last)
			tx = nil
		}
		if tx == nil {
			tx = f.db.Update()
		}
		out[i], last = f.applyEntry(tx, l), l
	}
	if tx != nil {
		f.commit(tx, last)
	}
	return out
}

func (f *fsm) applyEntry(tx *table.Txn, l *raft.Log) []*ompb.Response {
	if l.Type == raft.LogConfiguration {
		row := binary.BigEndian.AppendUint64(nil, l.Index)
		tx.SetMeta(metaConfiguration, append(row, l.Data...))
		return nil
	}
	reqs, err := decodeEntry(l.Data)
	if err != nil {
		panic(fmt.Errorf("raftnode: entry %d: %w", l.Index, err))
	}
	out := make([]*ompb.Response, len(reqs))
	for i, req := range reqs {
		out[i] = state.Apply(tx, l.Index, req)
		f.raiseTime(req.TimeNs)
	}
	f.requests.Add(uint64(len(reqs)))
	return out
}

func (f *fsm) commit(tx *table.Txn, last *raft.Log) {
	tx.SetMeta(metaTime, binary.BigEndian.AppendUint64(nil, uint64(f.lastTime.Load())))
	failpoint.Hit("om/fsm-before-txn")
	if err := tx.Commit(last.Index, last.Term); err != nil {
		panic(fmt.Errorf("raftnode: commit up to entry %d: %w", last.Index, err))
	}
	failpoint.Hit("om/fsm-after-txn")
	f.applied.set(last.Index)
}

// Snapshot is the promise to make everything applied so far durable.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	index, _ := f.db.Applied()
	return &barrier{f: f, index: index}, nil
}

// Restore builds a new table from a snapshot that was received, verifies it, and
// puts it in the place of the old one. Only then the marker moves: a crash before
// leaves the old marker with a newer table, which is harmless. Whoever waits for
// the snapshot's entries is woken last, when all of this has happened.
func (f *fsm) Restore(r io.ReadCloser) error {
	next := f.dir + ".restore"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	index, term, err := table.Import(next, r, f.opts)
	if err != nil {
		return fmt.Errorf("import snapshot: %w", err)
	}
	if err := f.snaps.checkIncoming(index, term); err != nil {
		return err
	}
	if err := f.snaps.installing(); err != nil {
		return err
	}
	failpoint.Hit("om/restore-before-swap")
	f.swap(next)
	failpoint.Hit("om/restore-after-swap")
	if err := f.snaps.installed(); err != nil {
		return err
	}
	failpoint.Hit("om/restore-after-marker")
	f.loaded()
	return nil
}

// swap panics on failure: there is no table to go on with.
func (f *fsm) swap(next string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.db.Close()
	if err == nil {
		failpoint.Hit("om/restore-mid-swap")
		err = table.Replace(f.dir, next)
	}
	if err == nil {
		f.db, err = table.Open(f.dir, f.opts)
	}
	if err != nil {
		panic(fmt.Errorf("raftnode: replace table: %w", err))
	}
}

// configuration is the raft membership the table has applied.
func configuration(tx *table.Txn) (raft.Configuration, uint64) {
	row := tx.Meta(metaConfiguration)
	if len(row) < 8 {
		return raft.Configuration{}, 0
	}
	return raft.DecodeConfiguration(row[8:]), binary.BigEndian.Uint64(row)
}

// export streams the table and tells the membership of the same state: it is a row
// of the table, and if it did not change meanwhile it is the one at index.
func (f *fsm) export(w io.Writer) (index, term uint64, c raft.Configuration, cIndex uint64, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.ended {
		return 0, 0, c, 0, errClosed()
	}
	before := f.db.View()
	c, cIndex = configuration(before)
	before.Discard()
	if index, term, err = f.db.Export(w); err != nil {
		return 0, 0, c, 0, err
	}
	after := f.db.View()
	defer after.Discard()
	if _, now := configuration(after); now != cIndex {
		return 0, 0, c, 0, errors.New("membership changed during the export")
	}
	return index, term, c, cIndex, nil
}

// barrier is a snapshot without content: the table itself, made durable.
type barrier struct {
	f     *fsm
	index uint64 // applied when the snapshot was taken
}

// Persist writes the durable marker. It runs beside further applies.
func (b *barrier) Persist(s raft.SnapshotSink) error {
	durable, err := b.f.barrier()
	if err != nil {
		return fmt.Errorf("barrier: %w", err)
	}
	if durable < b.index {
		return fmt.Errorf("barrier at %d, below the snapshot's index %d", durable, b.index)
	}
	failpoint.Hit("om/before-marker")
	defer failpoint.Hit("om/after-marker")
	return s.(*sink).mark(b.index)
}

func (f *fsm) barrier() (uint64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.ended {
		return 0, errClosed()
	}
	index, _, err := f.db.Barrier()
	return index, err
}

// Release has nothing to free.
func (b *barrier) Release() {}
