package payload

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

const (
	minChunk    = 8192     // AWS: every chunk but the last has at least this
	maxTrailers = 16 << 10 // bytes after the last chunk
	bufferSize  = 16 << 10 // also the longest chunk header we can take in
	maxHeader   = 1024
)

// buffers are *bufio.Readers of bufferSize.
var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}

// chunkReader decodes an aws-chunked body:
//
//	hex-size [;chunk-signature=SIG] CRLF data CRLF … 0 [;chunk-signature=SIG] CRLF
//	[name:value CRLF …] [x-amz-trailer-signature:SIG CRLF] [CRLF]
//
// Clients differ after the 0: some end there, some send one CRLF more, minio-go
// has a bare LF before the CRLF of its trailer. So everything up to the end of
// the HTTP body is taken as trailer lines, empty ones ignored; which also leaves
// the connection where the next request begins.
type chunkReader struct {
	r        *bufio.Reader
	c        *claims
	verifier Verifier
	sum      hash.Hash // of the chunk, if there is a verifier

	started   bool
	index     int   // of the chunk, from 1
	last      int64 // size of the chunk before
	left      int64 // in this chunk
	total     int64 // of chunk sizes so far
	signature string
	done      bool

	trailers  map[string]string // by lower-case name, without the signature
	canonical []byte            // the trailers as they are signed
}

func newChunkReader(r io.Reader, c *claims, v Verifier) *chunkReader {
	b := buffers.Get().(*bufio.Reader)
	b.Reset(r)
	cr := &chunkReader{r: b, c: c, verifier: v}
	if v != nil {
		cr.sum = contentSHA256.get()
	}
	return cr
}

// release gives the buffer back.
func (cr *chunkReader) release() {
	cr.r.Reset(nil)
	buffers.Put(cr.r)
	if cr.sum != nil {
		contentSHA256.put(cr.sum)
	}
}

// Read returns bytes of the object; io.EOF after the end of the HTTP body.
func (cr *chunkReader) Read(p []byte) (int, error) {
	for cr.left == 0 {
		if cr.done {
			return 0, io.EOF
		}
		if err := cr.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > cr.left {
		p = p[:cr.left]
	}
	n, err := cr.r.Read(p)
	cr.left -= int64(n)
	if cr.sum != nil {
		cr.sum.Write(p[:n])
	}
	if err != nil && n > 0 {
		err = nil // it will be there again
	}
	return n, unexpected(err)
}

// next ends a chunk and begins another. Nothing is held back until a chunk's
// signature is known to be good: the body as a whole fails before its end.
func (cr *chunkReader) next() error {
	if cr.started {
		if err := cr.endOfData(); err != nil {
			return err
		}
	}
	cr.started = true
	size, signature, err := cr.header()
	if err != nil {
		return err
	}
	if cr.index > 0 && size > 0 && cr.last < minChunk {
		return s3err.InvalidChunkSizeError.
			WithField("Chunk", strconv.Itoa(cr.index)).
			WithField("BadChunkSize", strconv.FormatInt(cr.last, 10))
	}
	if size > cr.c.size-cr.total {
		return lengthMismatch(cr.c.size, cr.total+size)
	}
	cr.index++
	cr.last, cr.left, cr.signature = size, size, signature
	cr.total += size
	if size == 0 {
		return cr.finish()
	}
	return nil
}

// endOfData takes the CRLF after a chunk's data and checks the signature.
func (cr *chunkReader) endOfData() error {
	crlf, err := cr.r.Peek(2)
	if err != nil {
		return unexpected(err)
	}
	if string(crlf) != "\r\n" {
		return malformed("no CRLF after chunk data")
	}
	_, _ = cr.r.Discard(2)
	return cr.verifyChunk()
}

func (cr *chunkReader) verifyChunk() error {
	if cr.verifier == nil {
		return nil
	}
	var sum [sha256.Size]byte
	err := cr.verifier.Chunk(cr.sum.Sum(sum[:0]), cr.signature)
	cr.sum.Reset()
	return err
}

// header reads `hex-size[;chunk-signature=SIG]CRLF`.
func (cr *chunkReader) header() (size int64, signature string, err error) {
	line, err := cr.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return 0, "", malformed("chunk header too long")
	case err != nil:
		return 0, "", unexpected(err)
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) > maxHeader {
		return 0, "", malformed("malformed chunk header")
	}
	hex, extension, _ := bytes.Cut(line, []byte(";"))
	if size, err = parseSize(hex); err != nil {
		return 0, "", err
	}
	if value, ok := bytes.CutPrefix(extension, []byte("chunk-signature=")); ok && cr.verifier != nil {
		signature = string(value)
	}
	return size, signature, nil
}

func parseSize(digits []byte) (int64, error) {
	if len(digits) == 0 || len(digits) > 15 {
		return 0, malformed("malformed chunk size")
	}
	var n int64
	for _, d := range digits {
		switch {
		case d >= '0' && d <= '9':
			d -= '0'
		case d >= 'a' && d <= 'f':
			d -= 'a' - 10
		case d >= 'A' && d <= 'F':
			d -= 'A' - 10
		default:
			return 0, malformed("malformed chunk size")
		}
		n = n<<4 | int64(d)
	}
	return n, nil
}

// finish follows the 0 chunk: its signature, the trailer, the length.
func (cr *chunkReader) finish() error {
	cr.done = true
	if err := cr.verifyChunk(); err != nil {
		return err
	}
	if cr.total != cr.c.size {
		return lengthMismatch(cr.c.size, cr.total)
	}
	rest, err := io.ReadAll(io.LimitReader(cr.r, maxTrailers+1))
	switch {
	case err != nil:
		return unexpected(err)
	case len(rest) > maxTrailers:
		return malformed("trailer too long")
	case !cr.c.trailing && len(bytes.TrimSpace(rest)) > 0:
		return malformed("bytes after the last chunk")
	case !cr.c.trailing:
		return nil
	}
	return cr.readTrailers(rest)
}

// trailerSignature is the last line of a signed trailer.
const trailerSignature = "x-amz-trailer-signature"

func (cr *chunkReader) readTrailers(rest []byte) error {
	signature := ""
	for line := range bytes.SplitSeq(rest, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		_, twice := cr.trailers[name]
		switch {
		case !ok || twice || signature != "":
			return s3err.MalformedTrailerError
		case name == trailerSignature:
			signature = value
		default:
			cr.addTrailer(name, value)
		}
	}
	return cr.verifyTrailer(signature)
}

func (cr *chunkReader) addTrailer(name, value string) {
	if cr.trailers == nil {
		cr.trailers = make(map[string]string, 1)
	}
	cr.trailers[name] = value
	cr.canonical = append(cr.canonical, name...)
	cr.canonical = append(cr.canonical, ':')
	cr.canonical = append(cr.canonical, value...)
	cr.canonical = append(cr.canonical, '\n')
}

// verifyTrailer checks that the trailer has what was announced and nothing else,
// and its signature.
func (cr *chunkReader) verifyTrailer(signature string) error {
	announced := 0
	if t := cr.c.trailer; t != nil {
		announced = 1
		if _, ok := cr.trailers[strings.ToLower(t.header)]; !ok {
			return s3err.MalformedTrailerError
		}
	}
	if len(cr.trailers) != announced {
		return s3err.MalformedTrailerError
	}
	if cr.verifier == nil || !cr.c.signed {
		return nil
	}
	if signature == "" {
		return s3err.MalformedTrailerError
	}
	sum := sha256.Sum256(cr.canonical)
	return cr.verifier.Trailer(sum[:], signature)
}

// trailer returns the value of the announced checksum.
func (cr *chunkReader) trailer() string {
	return cr.trailers[strings.ToLower(cr.c.trailer.header)]
}

// malformed is a body that does not follow the framing.
func malformed(why string) error {
	return s3err.IncompleteBody.With("The request body terminated unexpectedly").Wrap(errors.New(why))
}

// lengthMismatch is a body of another length than announced.
func lengthMismatch(want, got int64) error {
	return s3err.IncompleteBody.
		WithField("NumberBytesExpected", strconv.FormatInt(want, 10)).
		WithField("NumberBytesProvided", strconv.FormatInt(got, 10))
}
