package payload_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// headers are name, value pairs.
func request(body io.Reader, length int64, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPut, "/b/k", body)
	r.ContentLength = length
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// readAll opens r and reads it to the end.
func readAll(t testing.TB, r *http.Request, o payload.Options) ([]byte, payload.Sealed, error) {
	t.Helper()
	b, err := payload.Open(r, o)
	if err != nil {
		return nil, payload.Sealed{}, err
	}
	defer b.Close()
	got, err := io.ReadAll(b)
	if err != nil {
		if _, serr := b.Sealed(); !errors.Is(serr, err) {
			t.Errorf("Sealed after %v: %v", err, serr)
		}
		return got, payload.Sealed{}, err
	}
	s, err := b.Sealed()
	return got, s, err
}

func code(err error) string {
	var e *s3err.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

const (
	hello       = "hello"
	helloMD5    = "XUFAKrxLKna5cZ2REBfFkg=="
	helloCRC32  = "NhCmhg=="
	helloSHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	unsigned    = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	signed      = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	ecdsa       = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	sha         = "X-Amz-Content-Sha256"
	decoded     = "X-Amz-Decoded-Content-Length"
	trailer     = "X-Amz-Trailer"
)

func TestPlain(t *testing.T) {
	tests := []struct {
		name    string
		length  int64
		headers []string
		want    string // code
	}{
		{"nothing said", 5, nil, ""},
		{"no length", -1, nil, ""},
		{"unsigned", 5, []string{sha, "UNSIGNED-PAYLOAD"}, ""},
		{"sha256", 5, []string{sha, helloSHA256}, ""},
		{"sha256 in capitals", 5, []string{sha, strings.ToUpper(helloSHA256)}, ""},
		{"wrong sha256", 5, []string{sha, strings.Repeat("0", 64)}, "XAmzContentSHA256Mismatch"},
		{"no sha256 at all", 5, []string{sha, "wronghash"}, "InvalidArgument"},
		{"short sha256", 5, []string{sha, "abcd"}, "InvalidArgument"},
		{"unknown mode", 5, []string{sha, "STREAMING-FOO"}, "InvalidArgument"},
		{"md5", 5, []string{"Content-MD5", helloMD5}, ""},
		{"wrong md5", 5, []string{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"},
		{"md5 in hex", 5, []string{"Content-MD5", "5d41402abc4b2a76b9719d911017c592"}, "InvalidDigest"},
		{"md5 of no base64", 5, []string{"Content-MD5", "!"}, "InvalidDigest"},
		{"empty md5", 5, []string{"Content-MD5", ""}, "InvalidDigest"},
		{"crc32", 5, []string{"x-amz-checksum-crc32", helloCRC32}, ""},
		{"crc32 with its name", 5, []string{"x-amz-checksum-crc32", helloCRC32, "x-amz-sdk-checksum-algorithm", "CRC32"}, ""},
		{"crc32 with another name", 5, []string{"x-amz-checksum-crc32", helloCRC32, "x-amz-sdk-checksum-algorithm", "SHA1"}, "InvalidRequest"},
		{"crc32c", 5, []string{"x-amz-checksum-crc32c", "mnG7TA=="}, ""},
		{"crc64nvme", 5, []string{"x-amz-checksum-crc64nvme", "M3eFcAZSQlc="}, ""},
		{"sha1", 5, []string{"x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="}, ""},
		{"sha256 checksum", 5, []string{"x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}, ""},
		{"sha256 twice", 5, []string{"x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", sha, helloSHA256}, ""},
		{"wrong crc32", 5, []string{"x-amz-checksum-crc32", "AAAAAA=="}, "BadDigest"},
		{"crc32 of other length", 5, []string{"x-amz-checksum-crc32", "AAAAAAA="}, "InvalidRequest"},
		{"crc32 of no base64", 5, []string{"x-amz-checksum-crc32", "zzz"}, "InvalidRequest"},
		{"composite value", 5, []string{"x-amz-checksum-crc32", helloCRC32 + "-2"}, "InvalidRequest"},
		{"unknown checksum", 5, []string{"x-amz-checksum-crc16", "AAA="}, "InvalidRequest"},
		{"two checksums", 5, []string{"x-amz-checksum-crc32", helloCRC32, "x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="}, "InvalidRequest"},
		{"words that are no values", 5, []string{"x-amz-checksum-mode", "ENABLED", "x-amz-checksum-type", "FULL_OBJECT", "x-amz-checksum-algorithm", "CRC32"}, ""},
		{"a name without a checksum", 5, []string{"x-amz-sdk-checksum-algorithm", "CRC32"}, "InvalidRequest"},
		{"unknown algorithm", 5, []string{"x-amz-sdk-checksum-algorithm", "MD4"}, "InvalidRequest"},
		{"trailer without framing", 5, []string{trailer, "x-amz-checksum-crc32"}, "InvalidRequest"},
		{"everything", 5, []string{sha, helloSHA256, "Content-MD5", helloMD5, "x-amz-checksum-crc32", helloCRC32}, ""},
		{"too short", 6, nil, "IncompleteBody"},
		{"too large", 5, []string{"limit", "4"}, "EntityTooLarge"},
		{"too large without length", -1, []string{"limit", "4"}, "EntityTooLarge"},
		{"just not too large", 5, []string{"limit", "5"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(strings.NewReader(hello), tt.length, tt.headers...)
			o := payload.Options{}
			fmt.Sscan(r.Header.Get("limit"), &o.MaxSize)
			got, sealed, err := readAll(t, r, o)
			if code(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil {
				return
			}
			if string(got) != hello || sealed.Size != 5 || sealed.MD5 != "5d41402abc4b2a76b9719d911017c592" {
				t.Errorf("got %q, %+v", got, sealed)
			}
		})
	}
}

func TestComputed(t *testing.T) {
	tests := []struct {
		name    string
		o       payload.Options
		headers []string
		want    string
	}{
		{"nothing", payload.Options{}, nil, "[]"},
		{"asked by the caller", payload.Options{Algorithm: "CRC32"}, nil, "[{CRC32 NhCmhg==}]"},
		{"the client's wins", payload.Options{Algorithm: "SHA1"}, []string{"x-amz-checksum-crc32", helloCRC32}, "[{CRC32 NhCmhg==}]"},
		{"not about the body", payload.Options{ObjectChecksums: true}, []string{"x-amz-checksum-crc32", "AAAAAA=="}, "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, s, err := readAll(t, request(strings.NewReader(hello), 5, tt.headers...), tt.o)
			if got := fmt.Sprint(s.Checksums); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestChunked(t *testing.T) {
	const crc = "x-amz-checksum-crc32"
	big := strings.Repeat("x", 8192)
	tests := []struct {
		name    string
		body    string
		mode    string
		length  string // decoded
		trailer string
		want    string // bytes, or code after a "!"
	}{
		{"unsigned trailer", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", unsigned, "5", crc, hello},
		{"empty with trailer", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", unsigned, "0", crc, ""},
		{"spaces about the value", "5\r\nhello\r\n0\r\nX-Amz-Checksum-Crc32: NhCmhg== \r\n\r\n", unsigned, "5", crc, hello},
		{"minio's bare LF", "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:NhCmhg==\n\r\nx-amz-trailer-signature:ef\r\n\r\n", signed + "-TRAILER", "5", crc, hello},
		{"signed trailer", "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:ef\r\n\r\n", signed + "-TRAILER", "5", crc, hello},
		{"signed", "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", signed, "5", "", hello},
		{"ecdsa", "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", ecdsa, "5", "", hello},
		{"ecdsa trailer", "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:ef\r\n\r\n", ecdsa + "-TRAILER", "5", crc, hello},
		{"end after one CRLF", "5\r\nhello\r\n0\r\n", unsigned, "5", "", hello},
		{"end after two CRLF", "5\r\nhello\r\n0\r\n\r\n", unsigned, "5", "", hello},
		{"capital and leading zeros", "002000\r\n" + big + "\r\nA\r\n0123456789\r\n0\r\n\r\n", unsigned, "8202", "", big + "0123456789"},
		{"signed without announced trailer", "0;chunk-signature=cd\r\n\r\n", signed + "-TRAILER", "0", "", ""},

		{"no length", "0\r\n\r\n", unsigned, "", "", "!MissingContentLength"},
		{"bad length", "0\r\n\r\n", unsigned, "five", "", "!MissingContentLength"},
		{"negative length", "0\r\n\r\n", unsigned, "-1", "", "!MissingContentLength"},
		{"longer than said", "5\r\nhello\r\n0\r\n\r\n", unsigned, "4", "", "!IncompleteBody"},
		{"shorter than said", "5\r\nhello\r\n0\r\n\r\n", unsigned, "6", "", "!IncompleteBody"},
		{"nothing", "", unsigned, "0", "", "!IncompleteBody"},
		{"ends in the size", "5", unsigned, "5", "", "!IncompleteBody"},
		{"ends in the data", "5\r\nhel", unsigned, "5", "", "!IncompleteBody"},
		{"ends after the data", "5\r\nhello", unsigned, "5", "", "!IncompleteBody"},
		{"ends before the last chunk", "5\r\nhello\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"data too long for its chunk", "5\r\nhello!\r\n0\r\n\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"size without CR", "5\nhello\r\n0\r\n\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"size is no hex", "g\r\nhello\r\n0\r\n\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"size is empty", "\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"size is negative", "-5\r\nhello\r\n0\r\n\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"size is huge", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"header without end", strings.Repeat("5", 20000), unsigned, "5", "", "!IncompleteBody"},
		{"long header", "5;" + strings.Repeat("x", 2000) + "\r\nhello\r\n0\r\n\r\n", unsigned, "5", "", "!IncompleteBody"},
		{"small chunk in the middle", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", unsigned, "5", "", "!InvalidChunkSizeError"},
		{"more after the end", "0;chunk-signature=cd\r\n\r\nmore", signed, "0", "", "!IncompleteBody"},
		{"trailer missing", "5\r\nhello\r\n0\r\n\r\n", unsigned, "5", crc, "!MalformedTrailerError"},
		{"trailer not announced", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", unsigned, "5", "", "!MalformedTrailerError"},
		{"other trailer", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:mnG7TA==\r\n\r\n", unsigned, "5", crc, "!MalformedTrailerError"},
		{"one trailer more", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\nfoo:bar\r\n\r\n", unsigned, "5", crc, "!MalformedTrailerError"},
		{"trailer twice", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", unsigned, "5", crc, "!MalformedTrailerError"},
		{"trailer without colon", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", unsigned, "5", crc, "!MalformedTrailerError"},
		{"trailer after its signature", "0;chunk-signature=cd\r\nx-amz-trailer-signature:ef\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", signed + "-TRAILER", "0", crc, "!MalformedTrailerError"},
		{"trailer too long", "0\r\nx:" + strings.Repeat("y", 20000) + "\r\n\r\n", unsigned, "0", "", "!IncompleteBody"},
		{"wrong trailer", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", unsigned, "5", crc, "!BadDigest"},
		{"trailer of no base64", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:zzz\r\n\r\n", unsigned, "5", crc, "!InvalidRequest"},
		{"trailer of an unknown kind", "0\r\n\r\n", unsigned, "0", "x-foo", "!InvalidRequest"},
		{"trailer in a mode without", "0;chunk-signature=cd\r\n\r\n", signed, "0", crc, "!InvalidRequest"},
	}
	for _, tt := range tests {
		for _, split := range []int{0, 1, 7, 4096} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, split), func(t *testing.T) {
				var body io.Reader = strings.NewReader(tt.body)
				if split > 0 {
					body = &stutter{r: body, n: split}
				}
				r := request(body, -1, sha, tt.mode, "Content-Encoding", "aws-chunked")
				if tt.length != "" {
					r.Header.Set(decoded, tt.length)
				}
				if tt.trailer != "" {
					r.Header.Set(trailer, tt.trailer)
				}
				got, sealed, err := readAll(t, r, payload.Options{})
				if want, bad := strings.CutPrefix(tt.want, "!"); bad {
					if code(err) != want {
						t.Fatalf("got %q, %v; want %s", got, err, want)
					}
					return
				}
				if err != nil || string(got) != tt.want {
					t.Fatalf("got %q, %v; want %q", got, err, tt.want)
				}
				if (tt.trailer != "") != (len(sealed.Checksums) == 1) {
					t.Errorf("checksums %v", sealed.Checksums)
				}
				if n, err := body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("bytes left in the HTTP body")
				}
			})
		}
	}
}

// stutter returns at most n bytes a Read.
type stutter struct {
	r io.Reader
	n int
}

func (s *stutter) Read(p []byte) (int, error) {
	return s.r.Read(p[:min(len(p), s.n)])
}

// TestLarge runs bodies through the lanes, read in odd pieces, and overwrites the
// reader's buffer at once.
func TestLarge(t *testing.T) {
	data := make([]byte, 3<<20+17)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data)
	md := md5.Sum(data)
	sum := sha256.Sum256(data)
	chunked := encode(data, 65536, "\r\n")
	tests := []struct {
		name    string
		body    []byte
		length  int64
		wanted  string // algorithm
		headers []string
	}{
		{"plain", data, int64(len(data)), "", nil},
		{"length unknown", data, -1, "", nil},
		{"two slow hashes", data, int64(len(data)), "", []string{sha, hex.EncodeToString(sum[:])}},
		{"three slow hashes", data, int64(len(data)), "SHA1", []string{sha, hex.EncodeToString(sum[:])}},
		{"chunked", chunked, -1, "", []string{sha, unsigned, decoded, fmt.Sprint(len(data))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(bytes.NewReader(tt.body), tt.length, append(tt.headers, "Content-MD5", base64.StdEncoding.EncodeToString(md[:]))...)
			b, err := payload.Open(r, payload.Options{Algorithm: tt.wanted})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			whole := sha256.New()
			buf := make([]byte, 100_000)
			for err == nil {
				var n int
				n, err = b.Read(buf[:1+rand.IntN(len(buf))])
				whole.Write(buf[:n])
				clear(buf[:n])
			}
			if err != io.EOF {
				t.Fatal(err)
			}
			s, err := b.Sealed()
			if err != nil || s.MD5 != hex.EncodeToString(md[:]) || s.Size != int64(len(data)) {
				t.Errorf("%+v, %v", s, err)
			}
			if !bytes.Equal(whole.Sum(nil), sum[:]) {
				t.Error("other bytes came out")
			}
		})
	}
}

// encode is aws-chunked without signatures; end is what follows the 0 chunk.
func encode(data []byte, size int, end string) []byte {
	var b bytes.Buffer
	for len(data) > 0 {
		n := min(size, len(data))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, data[:n])
		data = data[n:]
	}
	b.WriteString("0\r\n" + end)
	return b.Bytes()
}

func TestConnectionErrors(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"hung up", io.ErrUnexpectedEOF, "IncompleteBody"},
		{"reset", errors.New("connection reset by peer"), "IncompleteBody"},
		{"too slow", os.ErrDeadlineExceeded, "RequestTimeout"},
		{"ours", s3err.SlowDown, "SlowDown"},
	}
	for _, tt := range tests {
		for _, mode := range []string{"UNSIGNED-PAYLOAD", unsigned} {
			t.Run(tt.name+"/"+mode, func(t *testing.T) {
				body := io.MultiReader(strings.NewReader("8\r\nhel"), iotest.ErrReader(tt.err))
				_, _, err := readAll(t, request(body, 100, sha, mode, decoded, "8"), payload.Options{})
				if code(err) != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
			})
		}
	}
}

func TestSealedTooSoon(t *testing.T) {
	b, err := payload.Open(request(strings.NewReader(hello), 5), payload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Sealed(); err == nil && code(err) != "InternalError" {
		// The last Read may have met the end already.
		if n, rerr := b.Read(make([]byte, 1)); n != 0 || rerr != io.EOF {
			t.Errorf("sealed before the end")
		}
	}
	b.Close()
	b.Close()
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("Read after Close")
	}
}

// TestCloseEarly drops large bodies half read; goleak looks for what is left.
func TestCloseEarly(t *testing.T) {
	for range 20 {
		b, err := payload.Open(request(bytes.NewReader(make([]byte, 2<<20)), 2<<20), payload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, b, 1<<20+5); err != nil {
			t.Fatal(err)
		}
		b.Close()
		if _, err := b.Sealed(); err == nil {
			t.Fatal("sealed after Close")
		}
	}
}

func TestDigest(t *testing.T) {
	b := payload.Digest(strings.NewReader(hello), 5, "CRC32")
	defer b.Close()
	if _, err := io.Copy(io.Discard, b); err != nil {
		t.Fatal(err)
	}
	s, err := b.Sealed()
	if got := fmt.Sprint(s); err != nil || got != "{5 5d41402abc4b2a76b9719d911017c592 [{CRC32 NhCmhg==}]}" {
		t.Errorf("%s, %v", got, err)
	}
	short := payload.Digest(strings.NewReader(hello), 6, "")
	defer short.Close()
	if _, err := io.Copy(io.Discard, short); code(err) != "IncompleteBody" {
		t.Errorf("short: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "aws-chunked": "", "AWS-Chunked": "", "gzip": "gzip", "aws-chunked,gzip": "gzip",
		"gzip, aws-chunked": "gzip", "aws-chunked, gzip, br": "gzip, br", " aws-chunked ,": "", "gzip,br": "gzip,br", "gzip, br": "gzip, br",
	} {
		if got := payload.ContentEncoding(http.Header{"Content-Encoding": {in}}); got != want {
			t.Errorf("ContentEncoding(%q) = %q, want %q", in, got, want)
		}
	}
	if got := payload.ContentEncoding(http.Header{"Content-Encoding": {"aws-chunked", "gzip"}}); got != "gzip" {
		t.Errorf("two headers: %q", got)
	}
	for _, h := range []string{"Content-MD5", "x-amz-checksum-crc32", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha256"} {
		r := request(nil, 0, h, "x")
		if !payload.HasDigest(r.Header) {
			t.Errorf("HasDigest without %s", h)
		}
	}
	if payload.HasDigest(http.Header{}) || !payload.HasDigest(http.Header{trailer: {"x-amz-checksum-sha1"}}) {
		t.Error("HasDigest")
	}
	if payload.Algorithm("crc64nvme") != "CRC64NVME" || payload.Algorithm("MD5") != "" || payload.Header("sha1") != "X-Amz-Checksum-Sha1" || payload.Header("x") != "" {
		t.Error("names of algorithms")
	}
	if !payload.Valid("CRC32", helloCRC32) || payload.Valid("CRC32C", "AA==") || payload.Valid("x", helloCRC32) {
		t.Error("Valid")
	}
}
