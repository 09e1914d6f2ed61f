package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// format is the first byte of every value.
const format = 1

var prefixApplied = []byte{'M'}

// Txn is a view of the tables at an index, with buffered writes when it came from
// Update. Not for concurrent use.
//
// Reads don't return errors: the first one is kept, Err tells it, later reads find
// nothing and Commit refuses. A storage error must stop the replica, whatever the
// operation was, so passing it through every rule of the state machine would only
// invite handling it wrongly.
type Txn struct {
	db     *DB
	b      *badger.Txn
	index  uint64
	writes map[string][]byte // nil value: deleted; nil map: a view
	reads  map[string][]byte // of Update: what badger said, as one request asks for a row
	// several times and the requests of a batch for the same bucket; nil value: no row.
	// Body rows are not in it: they are large, and read once.
	versions map[string][]string // names of buffered version rows, by VersionsKey with the table's byte
	size     int
	err      error
	done     bool

	ordinalOf uint64
	ordinal   uint32

	chargeOf uint64
	charge   int
}

// Index is the applied index this transaction reads at.
func (t *Txn) Index() uint64 { return t.index }

// Err is the first storage error (I/O, corruption) met. What was read through such a
// transaction must not be answered, and it can't commit.
func (t *Txn) Err() error { return t.err }

// Fail records err as Err, if it is the first.
func (t *Txn) Fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Size is about the bytes of buffered writes, for cutting batches between entries.
func (t *Txn) Size() int { return t.size }

// Ordinal counts from 0 within one raft index, for rows named (index, ordinal). Entries
// are never split over transactions, so every replica counts alike.
func (t *Txn) Ordinal(index uint64) uint32 {
	if t.ordinalOf != index {
		t.ordinalOf, t.ordinal = index, 0
	}
	t.ordinal++
	return t.ordinal - 1
}

// Commit writes all at timestamp index and moves applied there. index must be above
// applied. Whatever it returns, the transaction is over; after an error the DB must
// be closed and reopened, as part of the batch may be in the files.
func (t *Txn) Commit(index, term uint64) error {
	defer t.Discard()
	switch {
	case t.err != nil:
		return t.err
	case t.done:
		return errors.New("commit of a finished transaction")
	case t.writes == nil:
		return errors.New("commit of a view")
	case index <= t.index:
		return fmt.Errorf("commit at index %d, applied is %d", index, t.index)
	}
	p := position{index, term}
	if err := t.db.write(t.writes, p); err != nil {
		return fmt.Errorf("commit at index %d: %w", index, err)
	}
	t.db.mu.Lock()
	t.db.applied = p
	t.db.mu.Unlock()
	return nil
}

// Discard ends the transaction without effect. After Commit it does nothing.
func (t *Txn) Discard() {
	if t.done {
		return
	}
	t.done = true
	t.b.Discard()
	t.db.release(t.index)
	if t.writes != nil {
		t.db.writer.Unlock()
	}
}

// get calls f with the row's value (without the format byte; valid only inside f) and
// reports whether the row exists.
func (t *Txn) get(key []byte, f func(value []byte) error) bool {
	if t.err != nil {
		return false
	}
	if value, ok := t.writes[string(key)]; ok {
		if value == nil {
			return false
		}
		t.decode(key, value, f)
		return t.err == nil
	}
	if t.reads != nil && key[0] != bodyRows.prefix {
		return t.getCached(key, f)
	}
	item, err := t.b.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false
	}
	if err == nil {
		err = item.Value(func(v []byte) error { t.decode(key, v, f); return nil })
	}
	if err != nil {
		t.Fail(fmt.Errorf("read row %q: %w", key, err))
	}
	return t.err == nil
}

// getCached is get below our own writes: nobody else writes, so badger is asked once.
func (t *Txn) getCached(key []byte, f func([]byte) error) bool {
	value, ok := t.reads[string(key)]
	if !ok {
		item, err := t.b.Get(key)
		if err == nil {
			value, err = item.ValueCopy(nil)
		}
		if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
			t.Fail(fmt.Errorf("read row %q: %w", key, err))
			return false
		}
		t.reads[string(key)] = value
	}
	if value == nil {
		return false
	}
	t.decode(key, value, f)
	return t.err == nil
}

func (t *Txn) decode(key, value []byte, f func([]byte) error) {
	if len(value) == 0 || value[0] != format {
		t.Fail(fmt.Errorf("%w: row %q has an unknown format", ErrCorrupt, key))
		return
	}
	if f == nil {
		return
	}
	if err := f(value[1:]); err != nil {
		t.Fail(fmt.Errorf("%w: row %q: %v", ErrCorrupt, key, err))
	}
}

// put stores value, which must start with the format byte and isn't copied.
func (t *Txn) put(key, value []byte) {
	if len(value) > MaxValue {
		t.Fail(fmt.Errorf("row %q of %d bytes is too big", key[:min(len(key), 64)], len(value)))
		return
	}
	t.write(key, value)
}

// del removes a row. The tombstone is written even if the row was made in this very
// transaction: an earlier run, cut differently, may have left it in the files.
func (t *Txn) del(key []byte) { t.write(key, nil) }

func (t *Txn) write(key, value []byte) {
	if t.writes == nil {
		t.Fail(errors.New("write in a view"))
		return
	}
	if t.err != nil {
		return
	}
	if key[0] == versionRows {
		t.noteVersion(string(key))
	}
	t.writes[string(key)] = value
	t.size += len(key) + len(value)
}

// noteVersion remembers the name of a version row: who deletes the newest version looks
// for the next one, a thousand times in one request, and may not search all writes for it.
func (t *Txn) noteVersion(row string) {
	if _, known := t.writes[row]; known {
		return
	}
	if t.versions == nil {
		t.versions = map[string][]string{}
	}
	of := row[:len(row)-positionSize]
	t.versions[of] = append(t.versions[of], row)
}

// buffered returns the names of buffered rows under a prefix, sorted.
func (t *Txn) buffered(prefix string) []string {
	var names []string
	const shortest = 1 + 8 + 1 + 2 // of VersionsKey
	if prefix[0] == versionRows && len(prefix) >= shortest && strings.HasSuffix(prefix, "\x00\x01") {
		// A VersionsKey: what is cut short does not end so, as esc(s) has no such bytes
		// before its end.
		names = slices.Clone(t.versions[prefix])
	} else {
		for key := range t.writes {
			if strings.HasPrefix(key, prefix) {
				names = append(names, key)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (t *Txn) appliedRow() (p position, err error) {
	t.get(prefixApplied, func(v []byte) error {
		if len(v) != 16 {
			return errors.New("bad length")
		}
		p = position{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])}
		return nil
	})
	return p, t.err
}

// Meta is a small named row for the server around the state machine (raft's
// configuration); it travels in snapshots and is no part of the state. Nil if absent.
func (t *Txn) Meta(name string) []byte {
	value, _ := Extra.Get(t, []byte(name))
	return value
}

// SetMeta stores a Meta row.
func (t *Txn) SetMeta(name string, value []byte) { Extra.Put(t, []byte(name), value) }

// Charge adds n to what requests of this index have charged, and returns the sum: a
// count that bounds an entry alike on every replica.
func (t *Txn) Charge(index uint64, n int) int {
	if t.chargeOf != index {
		t.chargeOf, t.charge = index, 0
	}
	t.charge += n
	return t.charge
}

// All calls f for every row of the state (not the applied row, which says when, nor the
// server's own Extra rows) in order of keys until f returns false. The bytes are valid inside f.
func (t *Txn) All(f func(key, value []byte) bool) {
	for table := byte('A'); table <= 'z'; table++ {
		if table == prefixApplied[0] || table == Extra.prefix {
			continue
		}
		more := true
		Raw{table}.Scan(t, nil, nil, func(key, value []byte) bool {
			more = f(append([]byte{table}, key...), value)
			return more
		})
		if !more {
			return
		}
	}
}
