package table

import (
	"bytes"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// Iter walks the rows of one table under a prefix in byte order. Close it before the
// transaction ends; writes made after its creation may or may not be seen.
type Iter struct {
	t       *Txn
	table   byte
	it      *badger.Iterator
	prefix  []byte   // with the table's byte
	own     []string // names of buffered rows under the prefix, sorted
	next    int
	current []byte
	value   []byte // of own; nil: badger's
	ok      bool
}

func (t *Txn) iter(table byte, prefix []byte) *Iter {
	full := append([]byte{table}, prefix...)
	opts := badger.IteratorOptions{Prefix: full}
	i := &Iter{t: t, table: table, prefix: full, it: t.b.NewIterator(opts), own: t.buffered(string(full))}
	return i
}

// Close frees the iterator.
func (i *Iter) Close() { i.it.Close() }

// Seek moves to the first row at or after key (without the table's byte).
func (i *Iter) Seek(key []byte) bool {
	full := append([]byte{i.table}, key...)
	if bytes.Compare(full, i.prefix) < 0 {
		full = i.prefix
	}
	i.it.Seek(full)
	i.next, _ = slices.BinarySearch(i.own, string(full))
	return i.settle()
}

// Next moves on and reports whether there is a row.
func (i *Iter) Next() bool {
	if !i.ok {
		return false
	}
	if i.value != nil {
		i.next++
	} else {
		i.it.Next()
	}
	return i.settle()
}

// settle finds the smaller of badger's row and our own; our own hides badger's.
func (i *Iter) settle() bool {
	for i.t.err == nil {
		stored := i.it.ValidForPrefix(i.prefix)
		if i.next == len(i.own) {
			i.ok, i.value = stored, nil
			if stored {
				i.current = i.it.Item().Key()
			}
			return i.ok
		}
		own := i.own[i.next]
		if stored {
			cmp := strings.Compare(own, string(i.it.Item().Key()))
			if cmp > 0 {
				i.ok, i.value, i.current = true, nil, i.it.Item().Key()
				return true
			}
			if cmp == 0 {
				i.it.Next()
			}
		}
		if value := i.t.writes[own]; value != nil {
			i.ok, i.value, i.current = true, value, []byte(own)
			return true
		}
		i.next++
	}
	i.ok = false
	return false
}

// Key is the row's key without the table's byte, valid until the next move.
func (i *Iter) Key() []byte { return i.current[1:] }

// Value calls f with the row's value, valid inside f.
func (i *Iter) Value(f func([]byte) error) {
	if i.value != nil {
		i.t.decode(i.current, i.value, f)
		return
	}
	if err := i.it.Item().Value(func(v []byte) error { i.t.decode(i.current, v, f); return nil }); err != nil {
		i.t.Fail(err)
	}
}
