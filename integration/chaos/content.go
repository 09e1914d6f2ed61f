package chaos

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// absent is the version of a key that is not there. The others are counted from 1.
const absent = 0

// writer names a version: nobody else writes these bytes.
type writer struct {
	seed   uint64
	client int
}

// label begins each body, as far as it fits, so that a body read from the wrong place says
// whose it is.
func (w writer) label(version int) string {
	return fmt.Sprintf("chaos seed %d client %d version %d\n", w.seed, w.client, version)
}

// content is the bytes of a version, of a size that crosses the borders of small objects,
// checksum units, chunks and blocks.
func (w writer) content(version int) []byte {
	body := make([]byte, w.length(version))
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], w.seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(w.client))
	binary.LittleEndian.PutUint64(key[16:], uint64(version))
	_, _ = rand.NewChaCha8(key).Read(body) // never fails
	copy(body, w.label(version))
	return body
}

// length is how many bytes a version has.
func (w writer) length(version int) int {
	return size(rand.New(rand.NewPCG(w.seed+uint64(w.client), uint64(version))))
}

// size draws one: most objects are small, a few take several chunks and blocks.
func size(rng *rand.Rand) int {
	switch n := rng.IntN(100); {
	case n < 5:
		return []int{0, 1, 4096, 4097}[rng.IntN(4)]
	case n < 70:
		return 1 + rng.IntN(8<<10)
	case n < 93:
		return []int{100_000, 256 << 10, 256<<10 + 1, 300_000}[rng.IntN(4)]
	}
	return []int{1 << 20, 1<<20 + 1, 2_500_000, 4 << 20}[rng.IntN(4)]
}

// begin is how a body begins, for people.
func begin(body []byte) string {
	line, _, _ := bytes.Cut(body[:min(len(body), 64)], []byte("\n"))
	return fmt.Sprintf("%d bytes beginning %q", len(body), line)
}

// md5Of is the Content-MD5 of a body.
func md5Of(body []byte) string {
	sum := md5.Sum(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
