package table

import (
	"bytes"

	"google.golang.org/protobuf/proto"
)

// deterministic: replicas compare their rows byte by byte.
var deterministic = proto.MarshalOptions{Deterministic: true}

// message is a pointer to M that is a protobuf message.
type message[M any] interface {
	*M
	proto.Message
}

// Rows is a table whose values are messages M.
type Rows[M any, P message[M]] struct{ prefix byte }

// Get returns the row, nil if there is none.
func (r Rows[M, P]) Get(t *Txn, key []byte) P {
	m := P(new(M))
	if !t.get(r.key(key), func(v []byte) error { return proto.Unmarshal(v, m) }) {
		return nil
	}
	return m
}

// Has reports whether the row exists.
func (r Rows[M, P]) Has(t *Txn, key []byte) bool { return t.get(r.key(key), nil) }

// Put stores a row.
func (r Rows[M, P]) Put(t *Txn, key []byte, m P) {
	v, err := deterministic.MarshalAppend([]byte{format}, m)
	if err != nil {
		t.Fail(err)
		return
	}
	t.put(r.key(key), v)
}

// Delete removes a row.
func (r Rows[M, P]) Delete(t *Txn, key []byte) { t.del(r.key(key)) }

// Scan calls f for each row under prefix from `from` on (nil: the first), in byte
// order of keys, until f returns false. f must not write to this table.
func (r Rows[M, P]) Scan(t *Txn, prefix, from []byte, f func(key []byte, m P) bool) {
	Raw(r).Scan(t, prefix, from, func(key, value []byte) bool {
		m := P(new(M))
		if err := proto.Unmarshal(value, m); err != nil {
			t.Fail(err)
			return false
		}
		return f(key, m)
	})
}

// Iter walks the table under prefix; see Iter.Seek.
func (r Rows[M, P]) Iter(t *Txn, prefix []byte) *Iter { return t.iter(r.prefix, prefix) }

// Decode reads the row an Iter of this table stands on.
func (r Rows[M, P]) Decode(it *Iter) P {
	m := P(new(M))
	it.Value(func(v []byte) error { return proto.Unmarshal(v, m) })
	return m
}

func (r Rows[M, P]) key(key []byte) []byte { return Raw(r).key(key) }

// Raw is a table whose values are bytes.
type Raw struct{ prefix byte }

// Get returns a copy of the row's bytes, and whether there is one.
func (r Raw) Get(t *Txn, key []byte) (value []byte, ok bool) {
	ok = t.get(r.key(key), func(v []byte) error { value = bytes.Clone(v); return nil })
	return value, ok
}

// Put stores a row.
func (r Raw) Put(t *Txn, key, value []byte) {
	v := make([]byte, 1, 1+len(value))
	v[0] = format
	t.put(r.key(key), append(v, value...))
}

// Has reports whether the row exists.
func (r Raw) Has(t *Txn, key []byte) bool { return t.get(r.key(key), nil) }

// Delete removes a row.
func (r Raw) Delete(t *Txn, key []byte) { t.del(r.key(key)) }

// Scan is as Rows.Scan; key and value are valid inside f only.
func (r Raw) Scan(t *Txn, prefix, from []byte, f func(key, value []byte) bool) {
	it := t.iter(r.prefix, prefix)
	defer it.Close()
	for ok := it.Seek(from); ok; ok = it.Next() {
		more := false
		it.Value(func(v []byte) error { more = f(it.Key(), v); return nil })
		if !more {
			return
		}
	}
}

func (r Raw) key(key []byte) []byte {
	k := make([]byte, 1, 1+len(key))
	k[0] = r.prefix
	return append(k, key...)
}
