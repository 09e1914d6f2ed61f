package chunk

import (
	"errors"
	"fmt"
	"io"

	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
)

// Found is a valid record and where it is.
type Found struct {
	Off int64
	Record
}

// Gap is a range of the log without a valid record.
type Gap struct{ Off, End int64 }

// Result is what Scan learnt of a log.
type Result struct {
	// End is where the last good record ends: the next one goes here. With
	// corruption it is the aligned length of the file.
	End int64
	// Size is the length of the file; what lies in [End, Size) was never acknowledged.
	Size int64
	// Checked is where payloads began to be checked: everything below it was synced.
	Checked int64
	// Corrupt lists damage to what had been durable. Not empty: don't write here.
	Corrupt []Gap
}

// Scan reads the records from offset from, below which everything is known to be
// durable, to the end, and calls visit with each good one in order. The Table that
// visit gets is valid during the call only. An error is the disk's or visit's.
func Scan(f vfs.File, salt uint64, from int64, visit func(Found) error) (Result, error) {
	s := scanner{f: f, salt: salt, durable: from, visit: visit}
	size, err := f.Size()
	if err != nil {
		return Result{}, err
	}
	s.size = size
	if size < from {
		return Result{End: alignUp(size), Size: size, Checked: from, Corrupt: []Gap{{size, from}}}, nil
	}
	for off := from; off < size; {
		if off, err = s.step(off); err != nil {
			return Result{}, err
		}
	}
	return s.finish(from)
}

type scanner struct {
	f       vfs.File
	salt    uint64
	size    int64
	visit   func(Found) error
	durable int64   // largest seen
	tail    []Found // valid headers not below durable, not visited yet
	gaps    []Gap
	last    int64 // where the last valid record ends
	buf     []byte
	bufAt   int64 // where in the log buf begins
}

// step takes the record at off, or the gap there, and returns where it ends.
func (s *scanner) step(off int64) (int64, error) {
	r, err := s.record(off)
	if errors.Is(err, ErrInvalid) {
		end, err := s.resync(off + align)
		s.gaps = append(s.gaps, Gap{off, end})
		return end, err
	}
	if err != nil {
		return 0, err
	}
	s.durable = max(s.durable, min(int64(r.Durable), off))
	s.last = r.End(off)
	if off < s.durable && len(s.tail) == 0 {
		return s.last, s.visit(Found{off, r})
	}
	r.Table = append([]byte(nil), r.Table...)
	s.tail = append(s.tail, Found{off, r})
	return s.last, s.flush()
}

// flush visits the waiting records that turn out to have been durable.
func (s *scanner) flush() error {
	n := 0
	for n < len(s.tail) && s.tail[n].Off < s.durable {
		if err := s.visit(s.tail[n]); err != nil {
			return err
		}
		n++
	}
	s.tail = s.tail[n:]
	return nil
}

// finish checks the tail and says where it ends.
func (s *scanner) finish(from int64) (Result, error) {
	res := Result{End: max(from, s.last), Size: s.size, Checked: s.durable}
	cut := s.size
	for _, g := range s.gaps {
		if g.Off < s.durable {
			res.Corrupt = append(res.Corrupt, g)
		} else {
			cut = min(cut, g.Off)
			break
		}
	}
	cut, err := s.cutTail(cut)
	if err != nil {
		return res, err
	}
	for _, r := range s.tail {
		if r.Off < cut {
			if err := s.visit(r); err != nil {
				return res, err
			}
		}
	}
	res.End = min(res.End, alignUp(cut))
	if len(res.Corrupt) > 0 {
		res.End = alignUp(s.size)
	}
	return res, nil
}

// cutTail returns where the tail ends: at its first record that is not whole. The
// bytes of a deleted block may be gone, but only if its deletion is in the tail too.
func (s *scanner) cutTail(cut int64) (int64, error) {
	deleted := map[uint64]int64{}
	for _, r := range s.tail {
		if r.Type == Delete {
			for _, local := range r.Deleted() {
				deleted[local] = r.Off
			}
		}
	}
	var excused []Found
	for _, r := range s.tail {
		if r.Off >= cut {
			break
		}
		whole, err := s.payloadOK(r)
		if err != nil {
			return 0, err
		}
		if whole {
			continue
		}
		if deleted[r.Local] <= r.Off {
			cut = r.Off
			break
		}
		excused = append(excused, r)
	}
	for i := len(excused) - 1; i >= 0; i-- { // a lower cut can only hurt earlier excuses
		if deleted[excused[i].Local] >= cut {
			cut = min(cut, excused[i].Off)
		}
	}
	return cut, nil
}

func (s *scanner) payloadOK(r Found) (bool, error) {
	p := make([]byte, r.PayloadLen)
	if err := readFull(s.f, p, r.PayloadAt(r.Off)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		}
		return false, err
	}
	return crc32c.Sum(p) == r.PayloadCRC, nil
}

// record reads the header and table at off. The result is valid until the next call.
func (s *scanner) record(off int64) (Record, error) {
	b, err := s.view(off, RecordHeaderSize)
	if err != nil {
		return Record{}, err
	}
	n, err := tableLen(b, s.salt, off)
	if err != nil {
		return Record{}, err
	}
	if b, err = s.view(off, RecordHeaderSize+n); err != nil {
		return Record{}, err
	}
	r, err := ParseRecord(b, s.salt, off)
	if err == nil && r.PayloadAt(off)+int64(r.PayloadLen) > s.size {
		err = fmt.Errorf("%w: payload cut short", ErrInvalid)
	}
	return r, err
}

// Bytes to read at once: enough for a header and a small table, or for searching.
const (
	peek   = 256
	stride = 1 << 20
)

// view returns up to n bytes at off, fewer only at the end of the file.
func (s *scanner) view(off int64, n int) ([]byte, error) {
	if off < s.bufAt || off+int64(n) > s.bufAt+int64(len(s.buf)) {
		if err := s.fill(off, max(n, peek)); err != nil {
			return nil, err
		}
	}
	b := s.buf[off-s.bufAt:]
	return b[:min(n, len(b))], nil
}

func (s *scanner) fill(off int64, n int) error {
	n = int(min(int64(n), s.size-off))
	if cap(s.buf) < n {
		s.buf = make([]byte, n, max(n, 4096))
	}
	s.buf, s.bufAt = s.buf[:n], off
	return readFull(s.f, s.buf, off)
}

// resync returns the offset of the next valid record at or after off, or the
// file's length.
func (s *scanner) resync(off int64) (int64, error) {
	for ; off+RecordHeaderSize <= s.size; off += align {
		if off+RecordHeaderSize > s.bufAt+int64(len(s.buf)) || off < s.bufAt {
			if err := s.fill(off, stride); err != nil {
				return 0, err
			}
		}
		b := s.buf[off-s.bufAt:]
		if b[0] != 'm' || b[1] != 'O' || b[2] != 'z' || b[3] != 'R' {
			continue
		}
		_, err := s.record(off)
		if err == nil {
			return off, nil
		}
		if !errors.Is(err, ErrInvalid) {
			return 0, err
		}
	}
	return s.size, nil
}

// readFull reads len(p) bytes; a shorter file gives io.ErrUnexpectedEOF.
func readFull(f vfs.File, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF || err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadRecord reads the header and table of the record at off.
func ReadRecord(f vfs.File, salt uint64, off int64) (Record, error) {
	b := make([]byte, peek)
	n, err := f.ReadAt(b, off)
	if err != nil && err != io.EOF {
		return Record{}, err
	}
	t, err := tableLen(b[:n], salt, off)
	if err != nil {
		return Record{}, err
	}
	if RecordHeaderSize+t > n {
		b = make([]byte, RecordHeaderSize+t)
		if err := readFull(f, b, off); err != nil {
			return Record{}, err
		}
		n = len(b)
	}
	return ParseRecord(b[:n], salt, off)
}
