package payload_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/payload"
)

// BenchmarkBody measures the gateway's own work on a body that is at hand, beside
// bare MD5 of the same bytes.
func BenchmarkBody(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 64 << 20} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		sum := sha256.Sum256(data)
		chunked := encode(data, 65536, "\r\n")
		b.Run(fmt.Sprintf("%dKiB/md5", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				md5.Sum(data)
			}
		})
		for _, tt := range []struct {
			name      string
			body      []byte
			algorithm string
			headers   []string
		}{
			{"unsigned", data, "", []string{sha, "UNSIGNED-PAYLOAD"}},
			{"crc32", data, "CRC32", []string{sha, "UNSIGNED-PAYLOAD"}},
			{"sha256+crc32", data, "CRC32", []string{sha, hex.EncodeToString(sum[:])}},
			{"chunked", chunked, "", []string{sha, unsigned, decoded, fmt.Sprint(size)}},
		} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, tt.name), func(b *testing.B) {
				benchBody(b, request(nil, int64(len(tt.body)), tt.headers...), payload.Options{Algorithm: tt.algorithm}, tt.body, size)
			})
		}
	}
}

func benchBody(b *testing.B, r *http.Request, o payload.Options, body []byte, size int) {
	buf := make([]byte, 1<<20)
	src := bytes.NewReader(body)
	r.Body = io.NopCloser(src)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(body)
		p, err := payload.Open(r, o)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = p.Read(buf)
		}
		if _, err := p.Sealed(); err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}
