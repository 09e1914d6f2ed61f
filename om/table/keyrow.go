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

// Keys is the key table, whose rows come in two readings: see the package comment.
var Keys keyTable

type keyTable struct{}

var (
	keyRows  = Raw{'k'}
	bodyRows = Rows[ompb.KeyInfo, *ompb.KeyInfo]{'y'}
)

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
func (keyTable) Head(t *Txn, bucket uint64, key string) *ompb.KeyInfo {
	info := &ompb.KeyInfo{}
	if !t.get(keyRows.key(ObjectKey(bucket, key)), func(v []byte) error { return head(v, info) }) {
		return nil
	}
	info.Key = key
	return info
}

func head(v []byte, info *ompb.KeyInfo) error {
	h, _, _, err := split(v)
	if err != nil {
		return err
	}
	return proto.Unmarshal(h, info)
}

// Get returns the whole of a key, or nil.
func (keyTable) Get(t *Txn, bucket uint64, key string) *ompb.KeyInfo {
	info, b := &ompb.KeyInfo{}, body{}
	merge := proto.UnmarshalOptions{Merge: true}
	ok := t.get(keyRows.key(ObjectKey(bucket, key)), func(v []byte) error {
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
	info.Key = key
	return info
}

// Put stores a key, replacing what was there. index is the entry's, to name body rows.
func (k keyTable) Put(t *Txn, index, bucket uint64, info *ompb.KeyInfo) {
	k.Delete(t, bucket, info.Key)
	h := &ompb.KeyInfo{
		Size: info.Size, Etag: info.Etag, CreatedNs: info.CreatedNs, ModifiedNs: info.ModifiedNs,
		Owner: info.Owner, Checksums: info.Checksums, Replication: info.Replication, Generation: info.Generation,
	}
	if class := info.Meta.GetStorageClass(); class != "" {
		h.Meta = &ompb.KeyMeta{StorageClass: class}
	}
	rest := &ompb.KeyInfo{Blocks: info.Blocks, Parts: info.Parts, Encryption: info.Encryption}
	if m := info.Meta; m != nil {
		rest.Meta = &ompb.KeyMeta{Metadata: m.Metadata, Headers: m.Headers, Tags: m.Tags}
	}
	var b body
	if len(info.Blocks)+len(info.Parts) > InlinePieces {
		rest.Blocks, rest.Parts = nil, nil
		b = putBody(t, index, info)
	}
	v, err := join(h, b, rest)
	if err != nil {
		t.Fail(err)
		return
	}
	t.put(keyRows.key(ObjectKey(bucket, info.Key)), v)
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

// Delete removes a key and its body, if there.
func (keyTable) Delete(t *Txn, bucket uint64, key string) {
	var b body
	row := ObjectKey(bucket, key)
	ok := t.get(keyRows.key(row), func(v []byte) (err error) { _, b, _, err = split(v); return err })
	if !ok {
		return
	}
	for c := range b.chunks {
		bodyRows.Delete(t, b.key(c))
	}
	keyRows.Delete(t, row)
}

// Iter walks the keys of a bucket. Iter.Key has the bucket's eight bytes in front;
// DecodeHead reads what a listing shows.
func (keyTable) Iter(t *Txn, bucket uint64, prefix string) *Iter {
	return t.iter(keyRows.prefix, ObjectKey(bucket, prefix))
}

// DecodeHead decodes the row an Iter of Keys stands on.
func (keyTable) DecodeHead(it *Iter) *ompb.KeyInfo {
	info := &ompb.KeyInfo{}
	it.Value(func(v []byte) error { return head(v, info) })
	info.Key = string(it.Key()[8:])
	return info
}
