package sse

import (
	"errors"
	"io"
)

// Part is one stream of an object: its plain size and its salt.
type Part struct {
	Size int64
	Salt []byte
}

// Reader is an open object, as client.Reader is.
type Reader interface {
	io.ReadCloser
	io.WriterTo
	// Ready waits for the first bytes and returns the error that reading would.
	Ready() error
}

// Decrypter gives plain bytes of an object: none that wasn't verified, and io.EOF
// only after the last one asked for. It is for one goroutine. Close closes the
// source.
type Decrypter struct {
	src   Reader
	key   DataKey
	chunk int64

	parts  []Part // from the one being read on
	index  int64  // of the next chunk in parts[0]
	stream *stream
	skip   int64 // plain bytes of the next chunk that were not asked for
	left   int64 // plain bytes asked for and not yet decrypted

	buf  []byte
	rest []byte // decrypted, not yet handed out; part of buf
	err  error  // sticky
}

var (
	errClosed = errors.New("sse: the reader is closed")
	errRange  = errors.New("sse: a range beyond the end of the object")
)

// Decrypt reads n plain bytes from off of an object of these parts, which is
// stored in chunks of chunk bytes. open gives n stored bytes from off; only the
// chunks that hold what is asked for are read.
func Decrypt(open func(off, n int64) Reader, key DataKey, chunk int64, parts []Part, off, n int64) *Decrypter {
	d := &Decrypter{key: key, chunk: chunk, left: n}
	if n <= 0 {
		d.err = io.EOF
		return d
	}
	base := int64(0) // where parts[0] begins in the stored bytes
	for len(parts) > 0 && off >= parts[0].Size {
		off -= parts[0].Size
		base += StoredSize(parts[0].Size, chunk)
		parts = parts[1:]
	}
	d.parts, d.index, d.skip = parts, off/chunk, off%chunk
	end, ok := storedEnd(parts, chunk, off+n)
	if !ok {
		d.err = errRange
		return d
	}
	from := d.index * (chunk + Overhead)
	d.src = open(base+from, end-from)
	return d
}

// storedEnd is where, counted from the beginning of parts, the chunk ends that
// holds the plain byte before end.
func storedEnd(parts []Part, chunk, end int64) (stored int64, ok bool) {
	for _, p := range parts {
		if end <= p.Size {
			return stored + StoredSize(min(chunks(end, chunk)*chunk, p.Size), chunk), true
		}
		end -= p.Size
		stored += StoredSize(p.Size, chunk)
	}
	return 0, false
}

// advance makes rest non-empty or sets err.
func (d *Decrypter) advance() {
	for len(d.rest) == 0 && d.err == nil {
		if d.left == 0 {
			d.err = io.EOF
			return
		}
		d.rest, d.err = d.next()
	}
}

// next reads and decrypts a chunk.
func (d *Decrypter) next() ([]byte, error) {
	for d.index*d.chunk >= d.parts[0].Size { // a part may be empty
		d.parts, d.index, d.stream = d.parts[1:], 0, nil
	}
	p := d.parts[0]
	if d.stream == nil {
		d.stream = newStream(d.key, p.Salt)
	}
	begin := d.index * d.chunk
	size := min(d.chunk, p.Size-begin)
	if int64(cap(d.buf)) < size+Overhead {
		d.buf = make([]byte, min(d.chunk, max(size, d.left))+Overhead)
	}
	stored := d.buf[:size+Overhead]
	if err := readFull(d.src, stored); err != nil {
		return nil, err
	}
	plain, err := d.stream.open(stored, d.index, begin+size == p.Size)
	if err != nil {
		return nil, err
	}
	plain = plain[d.skip:]
	plain = plain[:min(int64(len(plain)), d.left)]
	d.index, d.skip = d.index+1, 0
	d.left -= int64(len(plain))
	return plain, nil
}

// readFull fills b. A source that ends before is damaged; its errors are passed on.
func readFull(r io.Reader, b []byte) error {
	for empty := 0; len(b) > 0; {
		n, err := r.Read(b)
		b = b[n:]
		switch {
		case len(b) == 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case n > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// Ready waits for the first bytes.
func (d *Decrypter) Ready() error {
	d.advance()
	if d.err == io.EOF {
		return nil
	}
	return d.err
}

// Read gives plain bytes.
func (d *Decrypter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	d.advance()
	if len(d.rest) == 0 {
		return 0, d.err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// WriteTo hands the chunks to w without a copy.
func (d *Decrypter) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		d.advance()
		if len(d.rest) == 0 {
			if d.err == io.EOF {
				return written, nil
			}
			return written, d.err
		}
		n, err := w.Write(d.rest)
		written += int64(n)
		d.rest = d.rest[n:]
		if err != nil {
			return written, err
		}
	}
}

// Close closes the source.
func (d *Decrypter) Close() error {
	d.rest = nil
	if d.err == nil || d.err == io.EOF {
		d.err = errClosed
	}
	if d.src == nil {
		return nil
	}
	return d.src.Close()
}
