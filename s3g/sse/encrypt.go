package sse

import "io"

// Encrypter reads plain bytes and gives them as they are stored. It ends with
// io.EOF only after its source did; other errors are the source's. It is for one
// goroutine.
type Encrypter struct {
	src    io.Reader
	stream *stream

	plain []byte // of the chunk to come, and one byte more, which tells that another follows
	have  int    // bytes in plain
	ended bool   // src did
	index int64  // of that chunk
	size  int64  // plain bytes encrypted

	out  []byte // memory for a stored chunk
	rest []byte // of a stored chunk that found no room; part of out
	err  error  // sticky
}

// Encrypt encrypts src under the key and a salt that is used only this once.
func Encrypt(src io.Reader, key DataKey, salt []byte) *Encrypter {
	return &Encrypter{src: src, stream: newStream(key, salt)}
}

// Size is how many plain bytes have been encrypted.
func (e *Encrypter) Size() int64 { return e.size }

// Read gives stored bytes.
func (e *Encrypter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(e.rest) == 0 {
		if e.err == nil {
			e.err = e.fill()
		}
		if e.err != nil {
			return 0, e.err
		}
		if n := min(e.have, Chunk) + Overhead; len(p) >= n {
			e.seal(p[:0])
			return n, nil
		}
		if e.out == nil {
			e.out = make([]byte, 0, Chunk+Overhead)
		}
		e.rest = e.seal(e.out)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// seal appends the stored form of the next chunk to dst, and moves on.
func (e *Encrypter) seal(dst []byte) []byte {
	n := min(e.have, Chunk)
	out := e.stream.seal(dst, e.plain[:n], e.index, e.ended && n == e.have)
	e.index++
	e.size += int64(n)
	e.have = copy(e.plain, e.plain[n:e.have])
	return out
}

// fill reads until plain has a chunk and a byte more, or all there is; io.EOF if
// that is nothing.
func (e *Encrypter) fill() error {
	for empty := 0; !e.ended && e.have <= Chunk; {
		if e.have == len(e.plain) {
			grown := make([]byte, min(max(4*len(e.plain), 8<<10), Chunk+1))
			copy(grown, e.plain)
			e.plain = grown
		}
		n, err := e.src.Read(e.plain[e.have:])
		e.have += n
		switch {
		case err == io.EOF:
			e.ended = true
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
	if e.have == 0 {
		return io.EOF
	}
	return nil
}
