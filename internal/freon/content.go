package freon

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

// ErrContent means that stored bytes are not those that were written.
var ErrContent = errors.New("content differs from what was written")

// period is the length after which the pattern repeats: a prime, so that it
// falls on no chunk or block boundary twice.
const period = 1048573

// Content is the body of every object of a run: the first Size bytes of one fixed
// pseudo-random pattern. It is the same in every run, so that a later run can
// verify what an earlier one wrote.
type Content struct {
	Size    int64
	pattern []byte
	etag    string
}

// NewContent prepares a body of size bytes.
func NewContent(size int64) *Content {
	c := &Content{Size: size, pattern: make([]byte, period)}
	var seed [32]byte
	copy(seed[:], "freon")
	_, _ = rand.NewChaCha8(seed).Read(c.pattern) // never fails
	sum := md5.New()
	_, _ = io.Copy(sum, c.Reader()) // neither does this
	c.etag = hex.EncodeToString(sum.Sum(nil))
	return c
}

// ETag is the MD5 of the body in hex.
func (c *Content) ETag() string { return c.etag }

// Reader reads the body from its beginning. Any number may be in use.
func (c *Content) Reader() *io.SectionReader { return io.NewSectionReader(c, 0, c.Size) }

// ReadAt reads the pattern, which has no end.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], c.pattern[(off+int64(n))%period:])
	}
	return len(p), nil
}

// Verifier compares what is written to it with the body.
func (c *Content) Verifier() *Verifier { return &Verifier{content: c} }

// Verifier is a Writer that fails with ErrContent at the first wrong byte.
type Verifier struct {
	content *Content
	at      int64
}

// Write compares p with the next bytes of the body.
func (v *Verifier) Write(p []byte) (int, error) {
	for n := 0; n < len(p); {
		want := v.content.pattern[v.at%period:]
		got := p[n:min(len(p), n+len(want))]
		if string(got) != string(want[:len(got)]) {
			return n, fmt.Errorf("%w, in the %d bytes from offset %d", ErrContent, len(got), v.at)
		}
		n += len(got)
		v.at += int64(len(got))
	}
	return len(p), nil
}

// Close tells whether the body was whole: exactly size bytes came.
func (v *Verifier) Close(size int64) error {
	if v.at != size {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrContent, v.at, size)
	}
	return nil
}
