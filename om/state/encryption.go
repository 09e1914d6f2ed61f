package state

import (
	"bytes"
	"math"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Bounds of an Encryption, so that a row stays small and sizes can be computed.
const (
	maxCipherSize     = 1 << 50 // plain bytes; in chunks of one byte that is far from an overflow
	maxCipherChunk    = 16 << 20
	maxCipherOverhead = 4 << 10
	maxSalt           = 64
	maxWrappedKey     = 4 << 10
	maxCipherContext  = 8 << 10
)

// storedSize is how many bytes blocks hold for size plain bytes of one stream.
func storedSize(e *ompb.Encryption, size uint64) uint64 {
	if e == nil {
		return size
	}
	if size > maxCipherSize {
		return math.MaxUint64 // no blocks hold that
	}
	chunk := uint64(e.Chunk)
	chunks := size / chunk
	if size%chunk != 0 {
		chunks++
	}
	return size + chunks*uint64(e.Overhead)
}

// checkEncryption bounds what a writer into b says of its encryption; nil is none,
// which a bucket with a default doesn't take: what is stored after the default was set
// is encrypted, whoever writes it.
func checkEncryption(b *ompb.BucketInfo, e *ompb.Encryption) error {
	switch {
	case e == nil && b.Encryption != nil:
		return ozerr.New(ozerr.EncryptionRequired, "bucket %q encrypts by default: write to it through S3", b.Name)
	case e == nil:
		return nil
	case e.Kind == "" || e.Chunk < 1 || e.Chunk > maxCipherChunk || e.Overhead > maxCipherOverhead:
		return ozerr.New(ozerr.InvalidRequest, "encryption %q in chunks of %d+%d bytes", e.Kind, e.Chunk, e.Overhead)
	case len(e.Salt) > maxSalt || len(e.WrappedKey) > maxWrappedKey || len(e.Context) > maxCipherContext:
		return ozerr.New(ozerr.InvalidRequest, "a key, salt or context of an encryption is too long")
	}
	return checkShort(e.Kind, e.Algorithm, e.KeyId, e.CustomerKeyMd5)
}

// checkSalt: parts of encrypted uploads have a salt, others none.
func checkSalt(e *ompb.Encryption, salt []byte) error {
	if len(salt) > maxSalt || (e == nil) != (len(salt) == 0) {
		return ozerr.New(ozerr.InvalidRequest, "the part is not encrypted as its upload")
	}
	return nil
}

// copiedEncryption is that of a copy: the source's, or the same data key wrapped
// anew. What the writer wrapped is the key of the generation it has looked at.
func copiedEncryption(to *ompb.BucketInfo, r *ompb.CopyKey, src *ompb.Encryption) (*ompb.Encryption, error) {
	e := r.Encryption
	switch {
	case e == nil:
		return src, checkEncryption(to, src)
	case r.SourceCondition.GetIfGeneration() == 0:
		return nil, ozerr.New(ozerr.InvalidRequest, "a copy with a key of its own must name the source's generation")
	case src == nil || e.Chunk != src.Chunk || e.Overhead != src.Overhead || !bytes.Equal(e.Salt, src.Salt):
		return nil, ozerr.New(ozerr.InvalidRequest, "the source's bytes are not encrypted as the copy says")
	}
	return e, checkEncryption(to, e)
}
