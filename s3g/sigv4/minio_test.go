package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// hasher is what minio-go's signer wants.
type hasher struct{ hash.Hash }

func (hasher) Close() {}

// TestAgainstMinio verifies bodies that minio-go signs, chunk by chunk, with and
// without a trailing checksum (which has a bare LF before its CRLF).
func TestAgainstMinio(t *testing.T) {
	for _, size := range []int{0, 1, 65535, 65536, 65537, 200_000} {
		for _, trailing := range []bool{false, true} {
			data := bytes.Repeat([]byte("minio"), size/5+1)[:size]
			req, err := http.NewRequest(http.MethodPut, "http://localhost:9878/b/k", bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = int64(size)
			if trailing {
				sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
				value := base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
				req.Trailer = http.Header{"X-Amz-Checksum-Crc32c": {value}}
			}
			req = signer.StreamingSignV4(req, "AKID", "secret", "", "us-east-1", int64(size), now, hasher{sha256.New()})
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Fatal(err)
			}
			open := func(body []byte, secret string) ([]byte, error) {
				r := httptest.NewRequest(http.MethodPut, "http://localhost:9878/b/k", bytes.NewReader(body))
				r.Header = req.Header
				a, err := sigv4.Parse(r, now)
				if err != nil {
					return nil, err
				}
				if err := a.Verify(r, "secret"); err != nil {
					return nil, err
				}
				b, err := payload.Open(r, payload.Options{Verifier: a.ChunkSigner(secret)})
				if err != nil {
					return nil, err
				}
				defer b.Close()
				return io.ReadAll(b)
			}
			got, err := open(body, "secret")
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, trailing %v: %v", size, trailing, err)
			}
			if _, err := open(body, "other"); code(err) != "SignatureDoesNotMatch" {
				t.Errorf("%d bytes, trailing %v, other secret: %v", size, trailing, err)
			}
			if size > 0 {
				bad := bytes.Clone(body)
				bad[bytes.IndexByte(bad, 'm')] ^= 1
				if _, err := open(bad, "secret"); err == nil {
					t.Errorf("%d bytes, trailing %v: changed bytes pass", size, trailing)
				}
			}
		}
	}
}
