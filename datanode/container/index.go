package container

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// row is what the index keeps of a block: 24 bytes.
type row struct {
	local  uint64
	place  uint64 // see the package comment
	length uint32
	crc    uint32
}

func newRow(local uint64, off int64, whole bool, length uint64, crc uint32) row {
	r := row{local: local, place: uint64(off), length: uint32(length), crc: crc}
	if whole {
		r.place |= 1
	}
	return r
}

func (r row) deleted() bool { return r.place == 0 }
func (r row) whole() bool   { return r.place&1 != 0 }
func (r row) off() int64    { return int64(r.place &^ 7) }

// index is a sorted list of rows. Ids are given out in ascending ranges, so that an
// insert moves few rows. Not safe for concurrent use.
type index struct {
	rows    []row
	blocks  uint64 // live
	bytes   uint64 // of live blocks
	content uint64 // digest of the live blocks
	// quarantined are blocks that are kept but don't count as live: since when, in Unix
	// seconds. nil while there are none.
	quarantined map[uint64]int64
}

// digest of a block; the sum of all is the digest of a container's content, which om
// compares between replicas of any version: it must not change. It is the finalizer of
// SplitMix64, of the id, and again together with length and checksum.
func (r row) digest() uint64 {
	return mix(mix(r.local) ^ (uint64(r.length)<<32 | uint64(r.crc)))
}

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// count adds a live block to the sums, or takes it out.
func (x *index) count(r row, in bool) {
	if in {
		x.blocks, x.bytes, x.content = x.blocks+1, x.bytes+uint64(r.length), x.content+r.digest()
		return
	}
	x.blocks, x.bytes, x.content = x.blocks-1, x.bytes-uint64(r.length), x.content-r.digest()
}

func byLocal(r row, local uint64) int { return cmp.Compare(r.local, local) }

func (x *index) get(local uint64) (row, bool) {
	i, ok := slices.BinarySearchFunc(x.rows, local, byLocal)
	if !ok {
		return row{}, false
	}
	return x.rows[i], true
}

// put adds a committed block. It changes nothing if the id is known: a deleted
// block does not come back.
func (x *index) put(r row) {
	i, ok := slices.BinarySearchFunc(x.rows, r.local, byLocal)
	if ok {
		return
	}
	x.rows = slices.Insert(x.rows, i, r)
	x.count(r, true)
}

// replace is put for a block that may be here: the new row takes the place of the old
// one, which is returned. A deleted block does not come back.
func (x *index) replace(r row) (old row, was bool) {
	i, ok := slices.BinarySearchFunc(x.rows, r.local, byLocal)
	if !ok {
		x.put(r)
		return row{}, false
	}
	if old = x.rows[i]; old.deleted() {
		return row{}, false
	}
	x.rows[i] = r
	if _, aside := x.quarantined[r.local]; !aside {
		x.count(old, false)
		x.count(r, true)
	}
	return old, true
}

// quarantine sets the blocks that don't count as live, and since when; ids without a
// live row are left out.
func (x *index) quarantine(since map[uint64]int64) {
	for local := range x.quarantined {
		if r, ok := x.get(local); ok && !r.deleted() {
			x.count(r, true)
		}
	}
	x.quarantined = nil
	for local, t := range since {
		r, ok := x.get(local)
		if !ok || r.deleted() {
			continue
		}
		x.count(r, false)
		if x.quarantined == nil {
			x.quarantined = map[uint64]int64{}
		}
		x.quarantined[local] = t
	}
}

// remove marks a block deleted, whether it was known or not, and returns its row.
func (x *index) remove(local uint64) (old row, was bool) {
	i, ok := slices.BinarySearchFunc(x.rows, local, byLocal)
	if !ok {
		x.rows = slices.Insert(x.rows, i, row{local: local})
		return row{}, false
	}
	old = x.rows[i]
	if old.deleted() {
		return old, false
	}
	if _, aside := x.quarantined[local]; aside {
		delete(x.quarantined, local)
	} else {
		x.count(old, false)
	}
	x.rows[i] = row{local: local}
	return old, true
}

// list returns up to n live rows with ids above after; all also those in quarantine.
func (x *index) list(after uint64, n int, all bool) (rows []row, more bool) {
	i, ok := slices.BinarySearchFunc(x.rows, after, byLocal)
	if ok {
		i++
	}
	for ; i < len(x.rows); i++ {
		if x.rows[i].deleted() {
			continue
		}
		if _, aside := x.quarantined[x.rows[i].local]; aside && !all {
			continue
		}
		if len(rows) == n {
			return rows, true
		}
		rows = append(rows, x.rows[i])
	}
	return rows, false
}

const (
	indexVersion = 1
	indexHeader  = 48
	rowSize      = 24
	maxIndexFile = 4 << 30
)

var indexMagic = [8]byte{'m', 'O', 'z', 'I', 'n', 'd', 'x', '\n'}

// checkpoint is the content of an .idx file.
type checkpoint struct {
	chunk.FileHeader
	covered int64
	state   dnpb.ContainerState
	rows    []row
}

func (c *checkpoint) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, indexHeader, indexHeader+rowSize*len(c.rows))
	copy(b, indexMagic[:])
	le.PutUint32(b[8:], indexVersion)
	le.PutUint64(b[16:], c.Container)
	le.PutUint64(b[24:], c.Salt)
	le.PutUint64(b[32:], uint64(c.covered))
	le.PutUint32(b[40:], uint32(c.state))
	for _, r := range c.rows {
		b = le.AppendUint64(b, r.local)
		b = le.AppendUint64(b, r.place)
		b = le.AppendUint32(b, r.length)
		b = le.AppendUint32(b, r.crc)
	}
	le.PutUint32(b[12:], crc32c.Sum(b[16:]))
	return b
}

func parseCheckpoint(b []byte) (checkpoint, error) {
	le := binary.LittleEndian
	if len(b) < indexHeader || (len(b)-indexHeader)%rowSize != 0 || [8]byte(b) != indexMagic {
		return checkpoint{}, fmt.Errorf("%w: not an index checkpoint", chunk.ErrInvalid)
	}
	if le.Uint32(b[12:]) != crc32c.Sum(b[16:]) {
		return checkpoint{}, fmt.Errorf("%w: checksum of the index checkpoint", chunk.ErrInvalid)
	}
	if v := le.Uint32(b[8:]); v != indexVersion {
		return checkpoint{}, fmt.Errorf("%w: index checkpoint of version %d", chunk.ErrInvalid, v)
	}
	c := checkpoint{
		FileHeader: chunk.FileHeader{Container: le.Uint64(b[16:]), Salt: le.Uint64(b[24:])},
		covered:    int64(le.Uint64(b[32:])),
		state:      dnpb.ContainerState(le.Uint32(b[40:])),
		rows:       make([]row, (len(b)-indexHeader)/rowSize),
	}
	for i := range c.rows {
		r := b[indexHeader+i*rowSize:]
		c.rows[i] = row{le.Uint64(r), le.Uint64(r[8:]), le.Uint32(r[16:]), le.Uint32(r[20:])}
	}
	if c.covered < chunk.FileHeaderSize || c.covered%8 != 0 || !slices.IsSortedFunc(c.rows, func(a, b row) int { return cmp.Compare(a.local, b.local) }) {
		return checkpoint{}, fmt.Errorf("%w: index checkpoint makes no sense", chunk.ErrInvalid)
	}
	return c, nil
}

// builder collects rows in log order, cheaply, and makes an index of them.
type builder struct{ rows []row }

func (b *builder) add(f chunk.Found) error {
	switch f.Type {
	case chunk.Whole, chunk.Commit:
		b.rows = append(b.rows, newRow(f.Local, f.Off, f.Type == chunk.Whole, f.BlockLength, f.BlockCRC))
	case chunk.Delete:
		for _, local := range f.Deleted() {
			b.rows = append(b.rows, row{local: local})
		}
	}
	return nil
}

// build returns the index: of several rows for an id a deletion wins, else the last,
// which a repair has put in place of one with bad bytes.
func (b *builder) build() index {
	slices.Reverse(b.rows) // so that the last comes first
	slices.SortStableFunc(b.rows, func(x, y row) int {
		if c := cmp.Compare(x.local, y.local); c != 0 {
			return c
		}
		return cmp.Compare(min(x.place, 1), min(y.place, 1))
	})
	x := index{rows: slices.CompactFunc(b.rows, func(a, b row) bool { return a.local == b.local })}
	for _, r := range x.rows {
		if !r.deleted() {
			x.count(r, true)
		}
	}
	return x
}
