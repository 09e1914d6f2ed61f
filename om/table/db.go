package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// ErrCorrupt says that the files do not hold what the marker promises. The replica
// must not vote with them: wipe, and rejoin from a peer.
var ErrCorrupt = errors.New("om metadata is corrupt")

// ErrLocked is Open's answer when another process (or DB) has the directory.
var ErrLocked = errors.New("om metadata directory is in use")

// position is a place in the raft log.
type position struct{ index, term uint64 }

// DB is om's metadata store. Any number of Views, one Update at a time; all methods
// may be called from any goroutine.
type DB struct {
	dir    string
	b      *badger.DB
	ro     bool
	sync   func(path string) error // syncFile; tests make it fail
	writer sync.Mutex              // held by the Update transaction

	barrier sync.Mutex // one Barrier at a time; guards the next two
	note    []byte     // of the manifest, as last written
	failed  error      // an fsync failed: what is on disk is unknown for ever

	mu      sync.Mutex // guards the rest
	applied position
	durable position
	views   map[uint64]int // open views by index
}

// Open opens or creates the database in dir, completes or undoes an interrupted
// Replace, removes empty logs, verifies the tables, and goes back to the durable marker: Applied is then
// the marker's position (0 if there never was a Barrier), and the log must be replayed
// from there.
func Open(dir string, o Options) (*DB, error) {
	if err := recoverReplace(dir); err != nil {
		return nil, err
	}
	mark, err := readMarker(dir)
	if err != nil {
		return nil, err
	}
	if err := checkManifest(dir); err != nil {
		return nil, err
	}
	options := badgerOptions(dir, o)
	if err := verifyTables(dir, options); err != nil {
		return nil, openError(dir, err)
	}
	if !o.ReadOnly {
		if err := removeEmptyLogs(dir); err != nil {
			return nil, openError(dir, err)
		}
	}
	b, err := badger.OpenManaged(options)
	if err != nil {
		return nil, openError(dir, err)
	}
	db := &DB{dir: dir, b: b, ro: o.ReadOnly, sync: syncFile, applied: mark, durable: mark, views: make(map[uint64]int)}
	if err := db.checkMarker(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.SetDiscardTs(mark.index)
	return db, nil
}

func openError(dir string, err error) error {
	if f, lockErr := os.Open(dir); lockErr == nil { // badger locks the directory itself
		defer f.Close()
		if isLocked(f) {
			return fmt.Errorf("%w: %s", ErrLocked, dir)
		}
	}
	return fmt.Errorf("open metadata in %s: %w", dir, err)
}

// checkMarker compares the marker with the applied row it vouches for. The applied row
// is the last thing a commit writes, so it is missing if anything before it was
// cut off the same log.
func (db *DB) checkMarker() error {
	if db.applied.index == 0 {
		return nil
	}
	t := db.View()
	defer t.Discard()
	got, err := t.appliedRow()
	if err != nil {
		return err
	}
	if got != db.applied {
		return fmt.Errorf("%w: marker says index %d term %d, rows say %d and %d",
			ErrCorrupt, db.applied.index, db.applied.term, got.index, got.term)
	}
	return nil
}

// Close makes a barrier and closes. Discard all transactions first.
func (db *DB) Close() error {
	var err error
	if !db.ro {
		_, _, err = db.Barrier()
	}
	return errors.Join(err, db.b.Close())
}

// Dir is where the database lives.
func (db *DB) Dir() string { return db.dir }

// Applied returns index and term of the last committed transaction.
func (db *DB) Applied() (index, term uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.applied.index, db.applied.term
}

// Newest returns the highest index of any row that is here, those beyond the marker too,
// which nobody sees before they are applied again: the raft log must reach as far.
func (db *DB) Newest() uint64 { return db.b.MaxVersion() }

// Durable returns index and term of the marker: what a crash now would come back to.
func (db *DB) Durable() (index, term uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.durable.index, db.durable.term
}

// View returns a read-only transaction at the applied index. It must be Discarded:
// while it is open, the versions it sees are kept.
func (db *DB) View() *Txn {
	db.mu.Lock()
	defer db.mu.Unlock()
	at := db.applied.index
	db.views[at]++
	return &Txn{db: db, index: at, b: db.b.NewTransactionAt(at, false)}
}

// Update returns the one writing transaction: reads see the applied state and its own
// writes. A second Update before Commit or Discard of the first waits.
func (db *DB) Update() *Txn {
	db.writer.Lock()
	t := db.View()
	t.writes, t.reads = make(map[string][]byte), make(map[string][]byte)
	return t
}

// release ends a view and lets compaction drop what only it needed.
func (db *DB) release(at uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.views[at]--; db.views[at] == 0 {
		delete(db.views, at)
	}
	db.discard()
}

// discard tells badger below which version nobody reads any more: neither an open
// view nor a reopening after a crash. Called with mu held.
func (db *DB) discard() {
	low := db.durable.index
	for at := range db.views {
		low = min(low, at)
	}
	db.b.SetDiscardTs(low)
}

// write commits rows at p.index: any number of badger transactions, all with the same
// timestamp, the applied row last. Splitting is harmless since nothing reads at
// that timestamp before applied moves, and after a crash we are back at the marker anyway.
func (db *DB) write(rows map[string][]byte, p position) error {
	b := db.b.NewTransactionAt(p.index, true)
	defer func() { b.Discard() }()
	put := func(key, value []byte) error {
		if value == nil {
			return b.Delete(key)
		}
		return b.Set(key, value)
	}
	rows[string(prefixApplied)] = applied(p)
	last := string(prefixApplied)
	each := func(key string, value []byte) error {
		err := put([]byte(key), value)
		if errors.Is(err, badger.ErrTxnTooBig) {
			if err := b.CommitAt(p.index, nil); err != nil {
				return err
			}
			b = db.b.NewTransactionAt(p.index, true)
			err = put([]byte(key), value)
		}
		return err
	}
	for key, value := range rows {
		if key == last {
			continue
		}
		if err := each(key, value); err != nil {
			return err
		}
	}
	if err := each(last, rows[last]); err != nil {
		return err
	}
	return b.CommitAt(p.index, nil)
}

func applied(p position) []byte {
	v := []byte{format}
	v = binary.BigEndian.AppendUint64(v, p.index)
	return binary.BigEndian.AppendUint64(v, p.term)
}
