package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
)

// Sizes of the format, in bytes.
const (
	FileHeaderSize   = 4096
	RecordHeaderSize = 64
	Unit             = 256 << 10 // of a block under one checksum
	MaxPayload       = 4 << 20
	MaxTable         = 1 << 20
	MaxBlock         = 1 << 31 // keeps a commit's table below MaxTable

	version       = 1
	align         = 8
	headerCopy    = 2048
	fileHeaderLen = 64
	recordMagic   = 0x527a4f6d // "mOzR"
	pieceSize     = 12
)

var fileMagic = [8]byte{'m', 'O', 'z', 'C', 'o', 'n', 't', '\n'}

// ErrInvalid says that bytes are not what the format says, or don't pass their checksum.
var ErrInvalid = errors.New("invalid container log")

// Type says what a record is.
type Type uint8

// The types of records: see the package comment.
const (
	Data Type = iota + 1
	Whole
	Commit
	Delete
	Mark
)

// FileHeader identifies a log.
type FileHeader struct {
	Container uint64
	Salt      uint64
	State     uint32 // of a container that is closed from the beginning; else 0
	Born      uint64 // Unix ms; 0 for a log that writers began
}

// Encode returns the FileHeaderSize bytes that begin the log.
func (h FileHeader) Encode() []byte {
	b := make([]byte, FileHeaderSize)
	le := binary.LittleEndian
	copy(b, fileMagic[:])
	le.PutUint32(b[8:], version)
	le.PutUint64(b[16:], h.Container)
	le.PutUint64(b[24:], h.Salt)
	le.PutUint32(b[32:], Unit)
	le.PutUint32(b[36:], h.State)
	le.PutUint64(b[40:], h.Born)
	le.PutUint32(b[12:], crc32c.Sum(b[16:fileHeaderLen]))
	copy(b[headerCopy:], b[:fileHeaderLen])
	return b
}

// ParseFileHeader reads the first FileHeaderSize bytes of a log.
func ParseFileHeader(b []byte) (FileHeader, error) {
	if len(b) < FileHeaderSize {
		return FileHeader{}, fmt.Errorf("%w: file header is %d bytes", ErrInvalid, len(b))
	}
	h, err := parseHeaderCopy(b[:fileHeaderLen])
	if err != nil {
		h, err = parseHeaderCopy(b[headerCopy : headerCopy+fileHeaderLen])
	}
	return h, err
}

func parseHeaderCopy(b []byte) (FileHeader, error) {
	le := binary.LittleEndian
	switch {
	case [8]byte(b) != fileMagic:
		return FileHeader{}, fmt.Errorf("%w: file magic %x", ErrInvalid, b[:8])
	case le.Uint32(b[12:]) != crc32c.Sum(b[16:]):
		return FileHeader{}, fmt.Errorf("%w: checksum of the file header", ErrInvalid)
	case le.Uint32(b[8:]) != version:
		return FileHeader{}, fmt.Errorf("%w: version %d, this program knows %d", ErrInvalid, le.Uint32(b[8:]), version)
	case le.Uint32(b[32:]) != Unit:
		return FileHeader{}, fmt.Errorf("%w: unit of %d bytes", ErrInvalid, le.Uint32(b[32:]))
	}
	return FileHeader{Container: le.Uint64(b[16:]), Salt: le.Uint64(b[24:]), State: le.Uint32(b[36:]), Born: le.Uint64(b[40:])}, nil
}

// Record is a record's header and table.
type Record struct {
	Type        Type
	Local       uint64
	BlockOffset uint64
	PayloadLen  uint32
	PayloadCRC  uint32
	Durable     uint64
	BlockLength uint64
	BlockCRC    uint32
	Table       []byte
}

// PayloadAt returns where the payload of a record at off begins.
func (r *Record) PayloadAt(off int64) int64 {
	return off + RecordHeaderSize + int64(len(r.Table))
}

// End returns where the record after one at off begins.
func (r *Record) End(off int64) int64 {
	return alignUp(r.PayloadAt(off) + int64(r.PayloadLen))
}

func alignUp(n int64) int64 { return (n + align - 1) &^ (align - 1) }

// Append appends the header and table as they are written at off of the log with
// that salt; the payload follows them.
func (r *Record) Append(dst []byte, salt uint64, off int64) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, RecordHeaderSize)...)
	dst = append(dst, r.Table...)
	b, le := dst[at:], binary.LittleEndian
	le.PutUint32(b, recordMagic)
	b[8] = byte(r.Type)
	le.PutUint32(b[12:], uint32(len(r.Table)))
	le.PutUint64(b[16:], r.Local)
	le.PutUint64(b[24:], r.BlockOffset)
	le.PutUint32(b[32:], r.PayloadLen)
	le.PutUint32(b[36:], r.PayloadCRC)
	le.PutUint64(b[40:], r.Durable)
	le.PutUint64(b[48:], r.BlockLength)
	le.PutUint32(b[56:], r.BlockCRC)
	le.PutUint32(b[60:], crc32c.Sum(r.Table))
	le.PutUint32(b[4:], headerCRC(b, salt, off))
	return dst
}

func headerCRC(b []byte, salt uint64, off int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], salt)
	binary.LittleEndian.PutUint64(place[8:], uint64(off))
	return crc32c.Update(crc32c.Sum(place[:]), b[8:RecordHeaderSize])
}

// tableLen returns the length of the table of the record whose header b begins
// with, or an error if b is no header. It costs the same whatever b holds: a search
// for records goes through bytes that users chose.
func tableLen(b []byte, salt uint64, off int64) (int, error) {
	le := binary.LittleEndian
	if len(b) < RecordHeaderSize || le.Uint32(b) != recordMagic {
		return 0, fmt.Errorf("%w: no record here", ErrInvalid)
	}
	if le.Uint32(b[4:]) != headerCRC(b, salt, off) {
		return 0, fmt.Errorf("%w: checksum of the record at %d", ErrInvalid, off)
	}
	n := le.Uint32(b[12:])
	if n > MaxTable {
		return 0, fmt.Errorf("%w: table of %d bytes", ErrInvalid, n)
	}
	return int(n), nil
}

// ParseRecord reads a header and its table from b, which may go on behind them.
// off is where they are in the log. Table is a part of b.
func ParseRecord(b []byte, salt uint64, off int64) (Record, error) {
	n, err := tableLen(b, salt, off)
	if err != nil {
		return Record{}, err
	}
	if len(b) < RecordHeaderSize+n {
		return Record{}, fmt.Errorf("%w: table cut short", ErrInvalid)
	}
	b = b[:RecordHeaderSize+n]
	le := binary.LittleEndian
	if le.Uint32(b[60:]) != crc32c.Sum(b[RecordHeaderSize:]) {
		return Record{}, fmt.Errorf("%w: checksum of the table at %d", ErrInvalid, off)
	}
	r := Record{
		Type:        Type(b[8]),
		Local:       le.Uint64(b[16:]),
		BlockOffset: le.Uint64(b[24:]),
		PayloadLen:  le.Uint32(b[32:]),
		PayloadCRC:  le.Uint32(b[36:]),
		Durable:     le.Uint64(b[40:]),
		BlockLength: le.Uint64(b[48:]),
		BlockCRC:    le.Uint32(b[56:]),
		Table:       b[RecordHeaderSize:],
	}
	return r, r.check()
}

// check says whether the fields make sense together. A record that passes its
// checksum but not this was written by a faulty or newer program.
func (r *Record) check() error {
	bad := false
	switch r.Type {
	case Data, Whole:
		bad = len(r.Table) != 4*units(uint64(r.PayloadLen)) || r.PayloadLen > MaxPayload ||
			r.Type == Whole && (r.BlockOffset != 0 || r.BlockLength != uint64(r.PayloadLen) || r.BlockCRC != r.PayloadCRC)
	case Commit:
		rest := len(r.Table) - 4*units(r.BlockLength)
		bad = r.BlockLength > MaxBlock || rest < 0 || rest%pieceSize != 0 || r.PayloadLen != 0
	case Delete:
		bad = len(r.Table)%8 != 0 || r.PayloadLen != 0
	case Mark:
		bad = len(r.Table) != 0 || r.PayloadLen != 0
	default:
		bad = true
	}
	if bad {
		return fmt.Errorf("%w: record of type %d with impossible fields", ErrInvalid, r.Type)
	}
	return nil
}

// units returns how many units n bytes are; more than any table holds if n is absurd.
func units(n uint64) int {
	return int(min((n+Unit-1)/Unit, 1<<40))
}
