package sse

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

const (
	// Chunk is how many plain bytes of new objects are encrypted together: the least
	// that a range read decrypts.
	Chunk = 64 << 10
	// Overhead is by how many bytes a stored chunk is longer than its plain bytes.
	Overhead = 16
)

// ErrDamaged says that stored bytes are not what was encrypted under this key.
var ErrDamaged = errors.New("sse: the stored bytes don't decrypt")

// StoredSize is the length of a stream of size plain bytes as it is stored in
// chunks of chunk bytes.
func StoredSize(size, chunk int64) int64 {
	return size + chunks(size, chunk)*Overhead
}

// chunks is how many chunks a stream of size bytes has.
func chunks(size, chunk int64) int64 {
	n := size / chunk
	if size%chunk != 0 {
		n++
	}
	return n
}

// stream is the cipher of one stream.
type stream struct {
	aead  cipher.AEAD
	nonce [12]byte
}

func newStream(key DataKey, salt []byte) *stream {
	return &stream{aead: derived(key[:], salt, streamInfo)}
}

func (s *stream) setNonce(index int64, last bool) []byte {
	s.nonce = [12]byte{}
	if last {
		s.nonce[0] = 1
	}
	binary.BigEndian.PutUint64(s.nonce[4:], uint64(index))
	return s.nonce[:]
}

// seal appends the stored form of chunk index to dst, which must not overlap plain.
func (s *stream) seal(dst, plain []byte, index int64, last bool) []byte {
	return s.aead.Seal(dst, s.setNonce(index, last), plain, nil)
}

// open decrypts chunk index in place.
func (s *stream) open(stored []byte, index int64, last bool) ([]byte, error) {
	plain, err := s.aead.Open(stored[:0], s.setNonce(index, last), stored, nil)
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}
