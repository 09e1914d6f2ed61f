package table

import (
	"encoding/binary"
	"errors"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

// InlinePieces is how many blocks and parts together a key row holds itself;
// BodyPieces how many of each a body row holds.
const (
	InlinePieces = 64
	BodyPieces   = 512
)

// Keys has the current version of each key in rows named by ObjectKey, Versions every
// other version and the delete markers in rows named by VersionKey. Their rows come in
// two readings: see the package comment.
var (
	Keys     = keyTable{Raw{'k'}, objectName}
	Versions = keyTable{Raw{versionRows}, versionName}
)

// versionRows is the table byte of Versions.
const versionRows = 'w'

type keyTable struct {
	rows Raw
	name func(row []byte) string // the key a row is of
}

var bodyRows = Rows[ompb.KeyInfo, *ompb.KeyInfo]{'y'}

var errKeyRow = errors.New("key row is cut short")

// body names the body rows of a key.
type body struct {
	chunks  uint64
	index   uint64
	ordinal uint32
}

func (b body) key(chunk uint64) []byte {
	return binary.BigEndian.AppendUint32(DeletedKey(b.index, b.ordinal), uint32(chunk))
}

// split cuts a key row's value.
func split(v []byte) (head []byte, b body, rest []byte, err error) {
	n, w := binary.Uvarint(v)
	if w <= 0 || uint64(len(v)-w) < n {
		return nil, b, nil, errKeyRow
	}
	head, v = v[w:w+int(n)], v[w+int(n):]
	if b.chunks, w = binary.Uvarint(v); w <= 0 {
		return nil, b, nil, errKeyRow
	}
	v = v[w:]
	if b.chunks == 0 {
		return head, b, v, nil
	}
	if len(v) < 12 {
		return nil, b, nil, errKeyRow
	}
	b.index, b.ordinal = binary.BigEndian.Uint64(v), binary.BigEndian.Uint32(v[8:])
	return head, b, v[12:], nil
}

// Head returns what a listing shows (no blocks, parts, metadata), or nil.
func (k keyTable) Head(t *Txn, row []byte) *ompb.KeyInfo {
	info := &ompb.KeyInfo{}
	if !t.get(k.rows.key(row), func(v []byte) error { return head(v, info) }) {
		return nil
	}
	info.Key = k.name(row)
	return info
}

func head(v []byte, info *ompb.KeyInfo) error {
	h, _, _, err := split(v)
	if err != nil {
		return err
	}
	return proto.Unmarshal(h, info)
}

// Get returns the whole of a version, or nil.
func (k keyTable) Get(t *Txn, row []byte) *ompb.KeyInfo {
	info, b := &ompb.KeyInfo{}, body{}
	merge := proto.UnmarshalOptions{Merge: true}
	ok := t.get(k.rows.key(row), func(v []byte) error {
		h, at, rest, err := split(v)
		if err != nil {
			return err
		}
		b = at
		return errors.Join(proto.Unmarshal(h, info), merge.Unmarshal(rest, info))
	})
	if !ok {
		return nil
	}
	for c := range b.chunks {
		more := t.get(bodyRows.key(b.key(c)), func(v []byte) error { return merge.Unmarshal(v, info) })
		if !more {
			t.Fail(errors.Join(ErrCorrupt, errors.New("a body row is missing")))
			return nil
		}
	}
	info.Key = k.name(row)
	return info
}

// Put stores a version, replacing what was in the row. index is the entry's, to name
// body rows.
func (k keyTable) Put(t *Txn, index uint64, row []byte, info *ompb.KeyInfo) {
	k.Delete(t, row)
	var b body
	if len(info.Blocks)+len(info.Parts) > InlinePieces {
		b = putBody(t, index, info)
	}
	k.put(t, row, info, b)
}

// Change stores a version in the row it is in, with the blocks and parts it has: they
// are not written again.
func (k keyTable) Change(t *Txn, row []byte, info *ompb.KeyInfo) {
	k.put(t, row, info, k.body(t, row))
}

// body is where the body rows of a row are.
func (k keyTable) body(t *Txn, row []byte) (b body) {
	t.get(k.rows.key(row), func(v []byte) (err error) { _, b, _, err = split(v); return err })
	return b
}

// put writes a row whose body, if it has one, is at b.
func (k keyTable) put(t *Txn, row []byte, info *ompb.KeyInfo, b body) {
	h := &ompb.KeyInfo{
		Size: info.Size, Etag: info.Etag, CreatedNs: info.CreatedNs, ModifiedNs: info.ModifiedNs,
		Owner: info.Owner, Checksums: info.Checksums, Replication: info.Replication, Generation: info.Generation,
		Ordinal: info.Ordinal, VersionId: info.VersionId, DeleteMarker: info.DeleteMarker,
	}
	if class := info.Meta.GetStorageClass(); class != "" {
		h.Meta = &ompb.KeyMeta{StorageClass: class}
	}
	rest := &ompb.KeyInfo{
		Encryption: info.Encryption, Acl: info.Acl,
		Retention: info.Retention, LegalHold: info.LegalHold, LegalHoldOff: info.LegalHoldOff,
	}
	if m := info.Meta; m != nil {
		rest.Meta = &ompb.KeyMeta{Metadata: m.Metadata, Headers: m.Headers, Tags: m.Tags}
	}
	if b.chunks == 0 {
		rest.Blocks, rest.Parts = info.Blocks, info.Parts
	}
	v, err := join(h, b, rest)
	if err != nil {
		t.Fail(err)
		return
	}
	t.put(k.rows.key(row), v)
}

func join(h *ompb.KeyInfo, b body, rest *ompb.KeyInfo) ([]byte, error) {
	v := binary.AppendUvarint([]byte{format}, uint64(deterministic.Size(h)))
	v, err := deterministic.MarshalAppend(v, h)
	if err != nil {
		return nil, err
	}
	v = binary.AppendUvarint(v, b.chunks)
	if b.chunks > 0 {
		v = append(v, DeletedKey(b.index, b.ordinal)...)
	}
	return deterministic.MarshalAppend(v, rest)
}

func putBody(t *Txn, index uint64, info *ompb.KeyInfo) body {
	pieces := max(len(info.Blocks), len(info.Parts))
	b := body{index: index, ordinal: t.Ordinal(index)}
	for at := 0; at < pieces; at += BodyPieces {
		bodyRows.Put(t, b.key(b.chunks), &ompb.KeyInfo{
			Blocks: window(info.Blocks, at), Parts: window(info.Parts, at),
		})
		b.chunks++
	}
	return b
}

// window is the piece of s that the body row starting at `at` holds.
func window[T any](s []T, at int) []T {
	return s[min(at, len(s)):min(at+BodyPieces, len(s))]
}

// Delete removes a version and its body, if there.
func (k keyTable) Delete(t *Txn, row []byte) {
	var b body
	if !t.get(k.rows.key(row), func(v []byte) (err error) { _, b, _, err = split(v); return err }) {
		return
	}
	for c := range b.chunks {
		bodyRows.Delete(t, b.key(c))
	}
	k.rows.Delete(t, row)
}

// Move takes a version, which must be there, to a row of another table. Its body rows
// stay where they are.
func (k keyTable) Move(t *Txn, row []byte, to keyTable, toRow []byte) {
	v, ok := k.rows.Get(t, row)
	if !ok {
		t.Fail(errors.Join(ErrCorrupt, errors.New("a version to move is missing")))
		return
	}
	k.rows.Delete(t, row)
	to.rows.Put(t, toRow, v)
}

// Iter walks the rows under prefix; DecodeHead reads what a listing shows.
func (k keyTable) Iter(t *Txn, prefix []byte) *Iter { return t.iter(k.rows.prefix, prefix) }

// Name is the key that the row an Iter stands on is of.
func (k keyTable) Name(it *Iter) string { return k.name(it.Key()) }

// DecodeHead decodes the row an Iter of this table stands on.
func (k keyTable) DecodeHead(it *Iter) *ompb.KeyInfo {
	info := &ompb.KeyInfo{}
	it.Value(func(v []byte) error { return head(v, info) })
	info.Key = k.Name(it)
	return info
}
