package payload

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// claims is what the headers say of the body.
type claims struct {
	size       int64 // of the object; -1: not said
	md5        []byte
	sha256     []byte
	algorithm  *algorithm // of the x-amz-checksum-* header or trailer, or to be computed
	checksum   []byte     // claimed in the header
	chunked    bool       // aws-chunked
	signed     bool       // its chunks carry signatures
	asymmetric bool       // of SigV4A
	trailing   bool       // a trailer may follow
	trailer    *algorithm // announced in x-amz-trailer
}

// Values of x-amz-content-sha256 that are no hash.
const (
	unsignedPayload   = "UNSIGNED-PAYLOAD"
	streamingUnsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingHMAC     = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingECDSA    = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	trailerSuffix     = "-TRAILER"
)

// readClaims reads the headers of r; malformed ones are errors in AWS's words.
// With foreign the x-amz-checksum-* headers are not about the body.
func readClaims(r *http.Request, foreign bool) (claims, error) {
	c := claims{size: r.ContentLength}
	steps := []func(*claims, *http.Request) error{
		(*claims).readSHA256, (*claims).readSize, (*claims).readMD5, (*claims).readTrailer,
		(*claims).readChecksum, (*claims).readWanted,
	}
	if foreign {
		steps = steps[:4]
	}
	for _, read := range steps {
		if err := read(&c, r); err != nil {
			return c, err
		}
	}
	return c, nil
}

// readSHA256 understands x-amz-content-sha256: a mode, or the literal hash.
func (c *claims) readSHA256(r *http.Request) error {
	v := r.Header.Get("X-Amz-Content-Sha256")
	if v == "" && strings.Contains(r.URL.RawQuery, "X-Amz-Content-Sha256=") {
		v = r.URL.Query().Get("X-Amz-Content-Sha256")
	}
	switch mode := strings.TrimSuffix(v, trailerSuffix); {
	case v == "", v == unsignedPayload:
		return nil
	case v == streamingUnsigned:
		c.chunked, c.trailing = true, true
		return nil
	case mode == streamingHMAC, mode == streamingECDSA:
		c.chunked, c.signed = true, true
		c.asymmetric = mode == streamingECDSA
		c.trailing = mode != v
		return nil
	}
	var err error
	c.sha256, err = literalHash(v)
	return err
}

func literalHash(v string) ([]byte, error) {
	sum, err := hex.DecodeString(v)
	if err != nil || len(sum) != contentSHA256.size {
		return nil, s3err.XAmzContentSHA256Invalid.WithField("ArgumentName", "x-amz-content-sha256").WithField("ArgumentValue", v)
	}
	return sum, nil
}

// CheckHash says whether v can be the value of x-amz-content-sha256: for requests whose
// body nobody opens.
func CheckHash(v string) error {
	switch v {
	case unsignedPayload, streamingUnsigned, streamingHMAC, streamingHMAC + trailerSuffix, streamingECDSA, streamingECDSA + trailerSuffix:
		return nil
	}
	_, err := literalHash(v)
	return err
}

// readSize takes the object's size from where the framing puts it.
func (c *claims) readSize(r *http.Request) error {
	if !c.chunked {
		return nil
	}
	n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return s3err.MissingContentLength
	}
	c.size = n
	return nil
}

func (c *claims) readMD5(r *http.Request) error {
	v, ok := r.Header["Content-Md5"]
	if !ok {
		return nil
	}
	sum, err := base64.StdEncoding.DecodeString(v[0])
	if err != nil || len(sum) != md5.Size {
		return s3err.InvalidDigest.WithField("Content-MD5", v[0])
	}
	c.md5 = sum
	return nil
}

// checksumPrefix begins checksum headers, and some that are not values.
const checksumPrefix = "X-Amz-Checksum-"

// readChecksum reads the one x-amz-checksum-* header there may be.
func (c *claims) readChecksum(r *http.Request) error {
	for name, values := range r.Header {
		if !strings.HasPrefix(name, checksumPrefix) {
			continue
		}
		switch name[len(checksumPrefix):] {
		case "Algorithm", "Type", "Mode":
			continue
		}
		a := byHeader(name)
		switch {
		case a == nil:
			return s3err.InvalidRequest.With("The algorithm type you specified in x-amz-checksum- header is invalid.")
		case c.algorithm != nil || len(values) > 1:
			return multipleChecksums()
		}
		c.algorithm = a
		if c.checksum = a.decode(values[0]); c.checksum == nil {
			return s3err.InvalidRequest.Withf("Value for %s header is invalid.", strings.ToLower(name))
		}
	}
	return nil
}

func multipleChecksums() error {
	return s3err.InvalidRequest.With("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
}

// readTrailer reads which checksum will come after the body.
func (c *claims) readTrailer(r *http.Request) error {
	v := r.Header.Get("X-Amz-Trailer")
	if v == "" {
		return nil
	}
	a := byHeader(strings.TrimSpace(v))
	switch {
	case a == nil, !c.trailing:
		return s3err.InvalidRequest.With("The value specified in the x-amz-trailer header is not supported")
	}
	c.algorithm, c.trailer = a, a
	return nil
}

// readWanted reads x-amz-sdk-checksum-algorithm, which names the checksum that is
// sent: without one AWS refuses it. In presigned URLs SDKs put the name alone; there
// the checksum is computed.
func (c *claims) readWanted(r *http.Request) error {
	v := r.Header.Get("X-Amz-Sdk-Checksum-Algorithm")
	if v == "" {
		return nil
	}
	a := byName(v)
	switch {
	case a == nil:
		return s3err.InvalidRequest.With("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	case c.algorithm == nil && !strings.Contains(strings.ToLower(r.URL.RawQuery), "x-amz-sdk-checksum-algorithm="):
		return s3err.InvalidRequest.With("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
	case c.algorithm == nil:
		c.algorithm = a
	case c.algorithm != a:
		return s3err.InvalidRequest.With("Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

// checkSize refuses at once what is known to be too large.
func (c *claims) checkSize(limit int64) error {
	if limit > 0 && c.size > limit {
		return tooLarge(c.size, limit)
	}
	return nil
}

func tooLarge(size, limit int64) error {
	return s3err.EntityTooLarge.
		WithField("ProposedSize", strconv.FormatInt(size, 10)).
		WithField("MaxSizeAllowed", strconv.FormatInt(limit, 10))
}

// HasDigest says whether h carries a Content-MD5 or x-amz-checksum-*, or
// announces one in the trailer, which some operations insist on.
func HasDigest(h http.Header) bool {
	if h.Get("Content-Md5") != "" || byHeader(strings.TrimSpace(h.Get("X-Amz-Trailer"))) != nil {
		return true
	}
	for _, a := range checksums {
		if h.Get(a.header) != "" {
			return true
		}
	}
	return false
}

// ContentEncoding is the Content-Encoding to store: the header without the
// aws-chunked token, which is about the request; "" if nothing is left. A header
// without that token stays as it is.
func ContentEncoding(h http.Header) string {
	all := strings.Join(h["Content-Encoding"], ", ")
	var keep []string
	chunked := false
	for token := range strings.SplitSeq(all, ",") {
		token = strings.TrimSpace(token)
		switch {
		case strings.EqualFold(token, "aws-chunked"):
			chunked = true
		case token != "":
			keep = append(keep, token)
		}
	}
	if !chunked {
		return all
	}
	return strings.Join(keep, ", ")
}

var errNoVerifier = errors.New("payload: SigV4A chunk signatures cannot be verified")
