package chunk

import (
	"encoding/binary"
	"fmt"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
)

// Piece is a run of a block's bytes in the log.
type Piece struct {
	Off    int64
	Length uint32
}

// Manifest says where the bytes of a committed block are and what they sum to.
type Manifest struct {
	Length uint64
	CRC    uint32
	Sums   []uint32 // one for each unit
	Pieces []Piece  // in the order of the block
}

// NewData returns the record of a chunk whose units sum to sums.
func NewData(local, blockOffset uint64, length int, crc uint32, sums []uint32) Record {
	return Record{
		Type: Data, Local: local, BlockOffset: blockOffset,
		PayloadLen: uint32(length), PayloadCRC: crc, Table: appendSums(nil, sums),
	}
}

// NewWhole returns the record of a block that came in one chunk.
func NewWhole(local uint64, length int, crc uint32, sums []uint32) Record {
	r := NewData(local, 0, length, crc, sums)
	r.Type, r.BlockLength, r.BlockCRC = Whole, uint64(length), crc
	return r
}

// NewCommit returns the record that completes a block.
func NewCommit(local uint64, m Manifest) Record {
	t := appendSums(make([]byte, 0, 4*len(m.Sums)+pieceSize*len(m.Pieces)), m.Sums)
	for _, p := range m.Pieces {
		t = binary.LittleEndian.AppendUint64(t, uint64(p.Off))
		t = binary.LittleEndian.AppendUint32(t, p.Length)
	}
	return Record{Type: Commit, Local: local, BlockLength: m.Length, BlockCRC: m.CRC, Table: t}
}

// MaxDelete is how many ids one delete record may hold.
const MaxDelete = 64 << 10

// NewDelete returns the record that deletes blocks; at most MaxDelete.
func NewDelete(locals []uint64) Record {
	t := make([]byte, 0, 8*len(locals))
	for _, l := range locals {
		t = binary.LittleEndian.AppendUint64(t, l)
	}
	return Record{Type: Delete, Table: t}
}

// Deleted returns the ids in a delete record.
func (r *Record) Deleted() []uint64 {
	ids := make([]uint64, len(r.Table)/8)
	for i := range ids {
		ids[i] = binary.LittleEndian.Uint64(r.Table[8*i:])
	}
	return ids
}

// Manifest returns the manifest of the block that a Whole or Commit record at off
// completes. It checks that sums and pieces agree with length and crc.
func (r *Record) Manifest(off int64) (Manifest, error) {
	m := Manifest{Length: r.BlockLength, CRC: r.BlockCRC, Sums: readSums(r.Table, units(r.BlockLength))}
	switch r.Type {
	case Whole:
		if r.PayloadLen > 0 {
			m.Pieces = []Piece{{Off: r.PayloadAt(off), Length: r.PayloadLen}}
		}
	case Commit:
		m.Pieces = readPieces(r.Table[4*len(m.Sums):])
	default:
		return m, fmt.Errorf("%w: record of type %d completes no block", ErrInvalid, r.Type)
	}
	var total uint64
	for _, p := range m.Pieces {
		total += uint64(p.Length)
		if p.Off < FileHeaderSize {
			return m, fmt.Errorf("%w: piece at %d", ErrInvalid, p.Off)
		}
	}
	if total != m.Length || crc32c.Whole(m.Sums, Unit, int64(m.Length)) != m.CRC {
		return m, fmt.Errorf("%w: pieces of block %d don't make it up", ErrInvalid, r.Local)
	}
	return m, nil
}

func appendSums(t []byte, sums []uint32) []byte {
	for _, s := range sums {
		t = binary.LittleEndian.AppendUint32(t, s)
	}
	return t
}

func readSums(t []byte, n int) []uint32 {
	sums := make([]uint32, n)
	for i := range sums {
		sums[i] = binary.LittleEndian.Uint32(t[4*i:])
	}
	return sums
}

func readPieces(t []byte) []Piece {
	pieces := make([]Piece, len(t)/pieceSize)
	for i := range pieces {
		p := t[i*pieceSize:]
		pieces[i] = Piece{Off: int64(binary.LittleEndian.Uint64(p)), Length: binary.LittleEndian.Uint32(p[8:])}
	}
	return pieces
}
