package table

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// A snapshot stream is magic (8 bytes), index u64, term u64, cluster id (uvarint
// length, bytes); then per row uvarint key length (never 0), uvarint value length, key,
// value, in byte order of keys; then a 0 byte, row count u64, and CRC32C u32 of all before.
const snapshotMagic = "OZSNAP\x00\x01"

// batchBytes is how much Import commits at once.
const batchBytes = 2 << 20

// Export streams a consistent copy at the applied index, for Import. It runs beside
// commits. The stream is as large as the rows; only one is in memory at a time.
func (db *DB) Export(w io.Writer) (index, term uint64, err error) {
	t := db.View()
	defer t.Discard()
	p, err := t.appliedRow()
	if err != nil {
		return 0, 0, err
	}
	return p.index, p.term, t.export(w, p)
}

func (t *Txn) export(w io.Writer, p position) error {
	sum := crc32.New(castagnoli)
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 256<<10)
	cluster, _ := Cluster.Get(t, nil)
	header := []byte(snapshotMagic)
	header = binary.BigEndian.AppendUint64(header, p.index)
	header = binary.BigEndian.AppendUint64(header, p.term)
	header = append(binary.AppendUvarint(header, uint64(len(cluster))), cluster...)
	out.Write(header) // bufio keeps the first error for Flush
	it := t.b.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	rows, frame := uint64(0), []byte(nil)
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		err := item.Value(func(v []byte) error {
			frame = binary.AppendUvarint(frame[:0], uint64(len(item.Key())))
			frame = binary.AppendUvarint(frame, uint64(len(v)))
			frame = append(append(frame, item.Key()...), v...)
			_, err := out.Write(frame)
			return err
		})
		if err != nil {
			return fmt.Errorf("export row %q: %w", item.Key(), err)
		}
		rows++
	}
	out.Write(binary.BigEndian.AppendUint64([]byte{0}, rows))
	if err := errors.Join(t.err, out.Flush()); err != nil {
		return err
	}
	_, err := w.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// Import builds a new database in dir, which must not exist, from an Export stream. It
// returns once everything is verified and durable, and leaves nothing on error.
func Import(dir string, r io.Reader, o Options) (index, term uint64, err error) {
	if _, err := os.Lstat(dir); err == nil {
		return 0, 0, fmt.Errorf("import: %s exists", dir)
	}
	p, err := importInto(dir, r, o)
	if err != nil {
		return 0, 0, errors.Join(fmt.Errorf("import snapshot: %w", err), os.RemoveAll(dir))
	}
	return p.index, p.term, syncFile(filepath.Dir(dir))
}

func importInto(dir string, r io.Reader, o Options) (p position, err error) {
	in := &summed{r: bufio.NewReaderSize(r, 256<<10), sum: crc32.New(castagnoli)}
	if p, _, err = in.header(); err != nil {
		return p, err
	}
	o.ReadOnly = false
	db, err := Open(dir, o)
	if err != nil {
		return p, err
	}
	if err := db.fill(in, p); err != nil {
		return p, errors.Join(err, db.b.Close())
	}
	db.applied = p
	return p, db.Close()
}

// fill writes the stream's rows at p, the end of the stream checked last.
func (db *DB) fill(in *summed, p position) error {
	rows, count, size := map[string][]byte{}, uint64(0), 0
	for {
		key, value, err := in.row()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		count++
		if bytes.Equal(key, prefixApplied) {
			continue // write adds it, and no batch but the last may have it on disk alone
		}
		rows[string(key)] = value
		if size += len(key) + len(value); size > batchBytes {
			if err := db.write(rows, p); err != nil {
				return err
			}
			rows, size = map[string][]byte{}, 0
		}
	}
	if err := in.trailer(count); err != nil {
		return err
	}
	return db.write(rows, p)
}

// summed reads a snapshot and keeps its checksum.
type summed struct {
	r   *bufio.Reader
	sum hash.Hash32
}

func (s *summed) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.sum.Write([]byte{b})
	}
	return b, unexpected(err)
}

// take reads n bytes; n comes from the stream, so it is bounded before it is believed.
func (s *summed) take(n uint64) ([]byte, error) {
	if n > MaxValue+1<<16 {
		return nil, fmt.Errorf("%w: snapshot frame of %d bytes", ErrCorrupt, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		return nil, unexpected(err)
	}
	s.sum.Write(b)
	return b, nil
}

func (s *summed) header() (p position, cluster []byte, err error) {
	b, err := s.take(24)
	if err != nil {
		return p, nil, err
	}
	if string(b[:8]) != snapshotMagic {
		return p, nil, fmt.Errorf("%w: not a snapshot", ErrCorrupt)
	}
	p = position{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
	n, err := binary.ReadUvarint(s)
	if err != nil {
		return p, nil, err
	}
	cluster, err = s.take(n)
	return p, cluster, err
}

// row returns the next row, nil after the last.
func (s *summed) row() (key, value []byte, err error) {
	k, err := binary.ReadUvarint(s)
	if err != nil || k == 0 {
		return nil, nil, err
	}
	v, err := binary.ReadUvarint(s)
	if err != nil {
		return nil, nil, err
	}
	if key, err = s.take(k); err != nil {
		return nil, nil, err
	}
	value, err = s.take(v)
	return key, value, err
}

func (s *summed) trailer(rows uint64) error {
	b, err := s.take(8)
	if err != nil {
		return err
	}
	if n := binary.BigEndian.Uint64(b); n != rows {
		return fmt.Errorf("%w: snapshot of %d rows has %d", ErrCorrupt, n, rows)
	}
	want := s.sum.Sum32()
	if b, err = s.take(4); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b) != want {
		return fmt.Errorf("%w: snapshot checksum", ErrCorrupt)
	}
	return nil
}

// unexpected: a snapshot knows its own end, so every EOF inside is one too early.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
