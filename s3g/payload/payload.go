// Package payload turns the body of an S3 request into the bytes of an object,
// and holds them against everything the client said about them: length, MD5,
// SHA-256, checksums in header or trailer, chunk signatures. See DESIGN.md.
package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Options say what Open cannot read off the request.
type Options struct {
	// Verifier checks chunk and trailer signatures (secure mode). nil: they are
	// parsed and not verified.
	Verifier Verifier
	// Algorithm is a checksum to compute if the client asks for none, such as the
	// algorithm of the multipart upload: CRC32, CRC32C, CRC64NVME, SHA1, SHA256.
	Algorithm string
	// ObjectChecksums: the x-amz-checksum-* headers speak of the object and not of
	// this body, as those of CompleteMultipartUpload do.
	ObjectChecksums bool
	// MaxSize is the most decoded bytes to take; more is EntityTooLarge. 0: no limit.
	MaxSize int64
	// MinSize is the least; less is EntityTooSmall.
	MinSize int64
}

// Verifier checks the signature chain of an aws-chunked body; *sigv4.ChunkSigner
// is one. Calls come in the order of the body, from the goroutine that reads it.
type Verifier interface {
	// Chunk checks the signature of one chunk; sum is the SHA-256 of its data.
	Chunk(sum []byte, signature string) error
	// Trailer checks the trailer signature; sum is the SHA-256 of the trailer's
	// lines in canonical form.
	Trailer(sum []byte, signature string) error
}

// Sealed is what is known once the whole body was read and found right.
type Sealed struct {
	Size      int64
	MD5       string     // hex
	Checksums []Checksum // none or one
}

// Checksum is one verified or computed x-amz-checksum-* value of the whole body.
type Checksum struct {
	Algorithm string // CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	Value     string // base64
}

// Body is an open body. It is for one goroutine.
type Body struct {
	src    io.Reader
	chunks *chunkReader // src, if the body is aws-chunked
	claims claims
	// internal: src is no client's, so its errors are not a client's fault.
	internal bool
	maxSize  int64
	minSize  int64

	digests                 digester
	iMD5, iSHA256, iChecked int // places in digests; -1: not wanted

	size   int64 // read so far
	err    error // sticky; io.EOF once sealed
	sealed Sealed
	buf    [64]byte // a digest being looked at
}

// Open prepares to read r's body. It fails at once on headers that cannot be met:
// a malformed digest, a missing length. The caller closes the Body.
func Open(r *http.Request, o Options) (*Body, error) {
	c, err := readClaims(r, o.ObjectChecksums)
	if err != nil {
		return nil, err
	}
	if err := c.checkSize(o.MaxSize); err != nil {
		return nil, err
	}
	if c.asymmetric && o.Verifier != nil {
		return nil, s3err.NotImplemented.Wrap(errNoVerifier)
	}
	if c.algorithm == nil {
		c.algorithm = byName(o.Algorithm)
	}
	b := newBody(r.Body, c, o.MaxSize)
	b.minSize = o.MinSize
	if c.chunked {
		v := o.Verifier
		if !c.signed {
			v = nil
		}
		b.chunks = newChunkReader(r.Body, &b.claims, v)
		b.src = b.chunks
	}
	return b, nil
}

// Digest reads r, of size bytes (-1: unknown), as a Body that nobody has made
// claims about: it computes MD5 and, if algorithm is not "", that checksum. For
// bytes that do not come from a client, as in UploadPartCopy. Errors of r are passed
// on as they are.
func Digest(r io.Reader, size int64, algorithm string) *Body {
	b := newBody(r, claims{size: size, algorithm: byName(algorithm)}, 0)
	b.internal = true
	return b
}

func newBody(src io.Reader, c claims, maxSize int64) *Body {
	b := &Body{src: src, claims: c, maxSize: maxSize, iSHA256: -1, iChecked: -1}
	b.iMD5 = b.digests.add(md5sum)
	if c.algorithm != nil {
		b.iChecked = b.digests.add(c.algorithm)
	}
	if c.sha256 != nil {
		b.iSHA256 = b.digests.add(contentSHA256)
	}
	if c.size > promoteAt {
		b.digests.start()
	}
	return b
}

// Size is the number of bytes the body will have, -1 when the client did not say.
func (b *Body) Size() int64 { return b.claims.size }

// Algorithm is the checksum algorithm the body is held against or that is
// computed for it, "" for none.
func (b *Body) Algorithm() string {
	if b.claims.algorithm == nil {
		return ""
	}
	return b.claims.algorithm.name
}

// Read returns the object's bytes. It returns io.EOF only after the whole body was
// read and agrees with all the client said of it; otherwise an *s3err.Error
// stands in its place, so who copies until io.EOF cannot keep a wrong body.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.src.Read(p)
	if n > 0 {
		b.took(p[:n])
	}
	switch {
	case b.maxSize > 0 && b.size > b.maxSize:
		b.err = tooLarge(b.size, b.maxSize)
	case err == io.EOF:
		b.err = b.finish()
	case err != nil && b.internal:
		b.err = err
	case err != nil:
		b.err = unexpected(err)
	}
	return n, b.err
}

// took hashes bytes of the object, with helpers as soon as there are many.
func (b *Body) took(p []byte) {
	if b.size <= promoteAt && b.size+int64(len(p)) > promoteAt && b.digests.lanes == nil {
		b.digests.start()
	}
	b.size += int64(len(p))
	b.digests.write(p)
}

// finish compares what came with what was claimed. The result is io.EOF if all is
// well.
func (b *Body) finish() error {
	if b.claims.size >= 0 && b.size != b.claims.size {
		return lengthMismatch(b.claims.size, b.size)
	}
	if b.size < b.minSize {
		return s3err.EntityTooSmall.WithField("ProposedSize", strconv.FormatInt(b.size, 10)).
			WithField("MinSizeAllowed", strconv.FormatInt(b.minSize, 10))
	}
	b.digests.finish()
	for _, check := range [...]func(*Body) error{(*Body).checkSHA256, (*Body).checkMD5, (*Body).checkChecksum} {
		if err := check(b); err != nil {
			return err
		}
	}
	b.sealed.Size = b.size
	b.sealed.MD5 = hex.EncodeToString(b.sum(b.iMD5))
	if b.iChecked >= 0 {
		b.sealed.Checksums = []Checksum{{
			Algorithm: b.claims.algorithm.name,
			Value:     base64.StdEncoding.EncodeToString(b.sum(b.iChecked)),
		}}
	}
	return io.EOF
}

func (b *Body) sum(i int) []byte { return b.digests.sums[i].hash.Sum(b.buf[:0]) }

func (b *Body) checkSHA256() error {
	if b.iSHA256 < 0 {
		return nil
	}
	if got := b.sum(b.iSHA256); !bytes.Equal(got, b.claims.sha256) {
		return s3err.XAmzContentSHA256Mismatch.
			WithField("ClientComputedContentSHA256", hex.EncodeToString(b.claims.sha256)).
			WithField("S3ComputedContentSHA256", hex.EncodeToString(got))
	}
	return nil
}

func (b *Body) checkMD5() error {
	if b.claims.md5 == nil {
		return nil
	}
	if got := b.sum(b.iMD5); !bytes.Equal(got, b.claims.md5) {
		return s3err.BadDigest.
			WithField("ExpectedDigest", hex.EncodeToString(b.claims.md5)).
			WithField("CalculatedDigest", base64.StdEncoding.EncodeToString(got))
	}
	return nil
}

// checkChecksum checks the checksum of the header, or of the trailer.
func (b *Body) checkChecksum() error {
	want := b.claims.checksum
	if t := b.claims.trailer; t != nil {
		if want = t.decode(b.chunks.trailer()); want == nil {
			return s3err.InvalidRequest.Withf("Value for %s trailing header is invalid.", strings.ToLower(t.header))
		}
	}
	if want != nil && !bytes.Equal(b.sum(b.iChecked), want) {
		return s3err.BadDigest.Withf("The %s you specified did not match the calculated checksum.", b.claims.algorithm.name)
	}
	return nil
}

// errUnsealed is a mistake of ours: Sealed before the end of the body.
var errUnsealed = errors.New("payload: body not read to its end")

// Sealed returns digests and size. Before Read has returned io.EOF it is an error.
func (b *Body) Sealed() (Sealed, error) {
	switch b.err {
	case io.EOF:
		return b.sealed, nil
	case nil:
		return Sealed{}, s3err.InternalError.Wrap(errUnsealed)
	}
	return Sealed{}, b.err
}

// Close stops the hashing and gives the buffers back. What Sealed returns stays.
// It does not close the request's body.
func (b *Body) Close() error {
	if b.src == nil {
		return nil
	}
	b.digests.close()
	if b.chunks != nil {
		b.chunks.release()
	}
	b.src = nil
	if b.err == nil {
		b.err = os.ErrClosed
	}
	return nil
}

// unexpected gives an error of the connection the code S3 has for it.
func unexpected(err error) error {
	var ours *s3err.Error
	switch {
	case err == nil, errors.As(err, &ours):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return s3err.RequestTimeout.Wrap(err)
	}
	return s3err.IncompleteBody.Wrap(err)
}
