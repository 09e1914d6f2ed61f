package s3g_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

const sseName = "x-amz-server-side-encryption"

// keyring has one key made of b.
func keyring(t testing.TB, ids ...string) *sse.Keyring {
	t.Helper()
	var lines []string
	for _, id := range ids {
		lines = append(lines, id+":"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(id[:1]), sse.KeySize)))
	}
	k, err := sse.ParseKeyring([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// serveSSE starts a gateway that has cluster keys, with a bucket.
func serveSSE(t testing.TB) (*store, string) {
	t.Helper()
	store, url := serve(t, func(c *s3g.Config) { c.ClusterKeys = keyring(t, "k1") })
	if status, _, body := ask(t, "PUT", url+"/bucket", ""); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	return store, url + "/bucket"
}

// customer are the headers of SSE-C with a key made of letter, as prefix says.
func customer(letter, source string) []string {
	key := strings.Repeat(letter, sse.KeySize)
	sum := md5.Sum([]byte(key))
	prefix := "x-amz-" + source + "server-side-encryption-customer-"
	return []string{
		prefix + "algorithm", "AES256", prefix + "key", base64.StdEncoding.EncodeToString([]byte(key)),
		prefix + "key-MD5", base64.StdEncoding.EncodeToString(sum[:]),
	}
}

func randomBody(n int) string {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = src.Read(b)
	return string(b)
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// kinds are the encryptions an object can have, and what is to be sent to read it.
func kinds() []kind {
	return []kind{
		{name: "plain"},
		{name: "SSE-S3", write: []string{sseName, "AES256"}},
		{name: "SSE-C", write: customer("c", ""), read: customer("c", ""), source: customer("c", "copy-source-")},
		{name: "SSE-C2", write: customer("d", ""), read: customer("d", ""), source: customer("d", "copy-source-")},
	}
}

type kind struct {
	name                string
	write, read, source []string
}

// What is stored is not what was sent, what is read is, whole and in ranges.
func TestEncryptedObjects(t *testing.T) {
	store, url := serveSSE(t)
	sizes := []int{0, 1, 1000, sse.Chunk - 1, sse.Chunk, sse.Chunk + 1, 2*sse.Chunk + 100, 5 << 20}
	for _, k := range kinds() {
		for _, size := range sizes {
			name, body := fmt.Sprintf("%s-%d", k.name, size), randomBody(size)
			status, h, answer := ask(t, "PUT", url+"/"+name, body, append(k.write, "x-amz-meta-a", "b")...)
			if status != 200 {
				t.Fatalf("%s: %d %s", name, status, answer)
			}
			told(t, name+" PUT", k, h)
			etag := strings.Trim(h.Get("ETag"), `"`)
			if plain := etag == md5Hex(body); plain != (k.read == nil) || len(etag) != 32 {
				t.Errorf("%s: ETag %s, of MD5: %v", name, etag, plain)
			}
			status, h, answer = ask(t, "GET", url+"/"+name, "", k.read...)
			if status != 200 || answer != body || h.Get("Content-Length") != fmt.Sprint(size) || h.Get("ETag") != `"`+etag+`"` {
				t.Errorf("%s: %d, %d bytes, %v", name, status, len(answer), h)
			}
			told(t, name+" GET", k, h)
			status, h, _ = ask(t, "HEAD", url+"/"+name, "", k.read...)
			if status != 200 || h.Get("Content-Length") != fmt.Sprint(size) || h.Get("x-amz-meta-a") != "b" {
				t.Errorf("%s: HEAD %d %v", name, status, h)
			}
			told(t, name+" HEAD", k, h)
			notInPlain(t, store, name, body, k.write != nil)
			for _, r := range [][2]int{{0, 0}, {1, 998}, {sse.Chunk - 1, sse.Chunk}, {sse.Chunk, 2*sse.Chunk - 1}, {sse.Chunk / 2, size - 1}, {size - 1, size - 1}} {
				if r[0] < 0 || r[0] > r[1] || r[1] >= size {
					continue
				}
				status, h, answer := ask(t, "GET", url+"/"+name, "", append(k.read, "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]))...)
				if status != 206 || answer != body[r[0]:r[1]+1] || h.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", r[0], r[1], size) {
					t.Errorf("%s: bytes %v: %d, %d bytes, %v", name, r, status, len(answer), h)
				}
			}
		}
	}
}

// told checks the headers that say how an object is encrypted.
func told(t *testing.T, what string, k kind, h map[string][]string) {
	t.Helper()
	get := func(name string) string { return strings.Join(h[name], ",") }
	managed, algorithm, sum := get("X-Amz-Server-Side-Encryption"), get("X-Amz-Server-Side-Encryption-Customer-Algorithm"), get("X-Amz-Server-Side-Encryption-Customer-Key-Md5")
	wantManaged, wantAlgorithm, wantSum := "", "", ""
	switch {
	case k.read != nil:
		wantAlgorithm, wantSum = "AES256", k.read[5]
	case k.write != nil:
		wantManaged = "AES256"
	}
	if managed != wantManaged || algorithm != wantAlgorithm || sum != wantSum {
		t.Errorf("%s tells %q %q %q", what, managed, algorithm, sum)
	}
}

// notInPlain looks at the stored bytes.
func notInPlain(t *testing.T, store *store, name, body string, encrypted bool) {
	t.Helper()
	o, err := store.GetObject(t.Context(), client.KeyRef{BucketRef: client.S3Bucket("bucket"), Key: name}, "")
	if err != nil {
		t.Fatal(err)
	}
	var stored bytes.Buffer
	r := store.ReadObject(t.Context(), o, 0, -1)
	defer func() { _ = r.Close() }()
	if _, err := r.WriteTo(&stored); err != nil {
		t.Fatal(err)
	}
	if len(body) >= 16 && bytes.Contains(stored.Bytes(), []byte(body[len(body)-16:])) == encrypted {
		t.Errorf("%s: stored in plain: %v", name, !encrypted)
	}
	if o.Size != int64(len(body)) || o.StoredSize() != int64(stored.Len()) {
		t.Errorf("%s: size %d, stored %d, %d", name, o.Size, o.StoredSize(), stored.Len())
	}
}

// Each missing or wrong piece of the headers has its code.
func TestEncryptionErrors(t *testing.T) {
	_, url := serveSSE(t)
	c, other := customer("c", ""), customer("d", "")
	for name, h := range map[string][]string{"c": c, "s3": {sseName, "AES256"}, "plain": nil} {
		if status, _, body := ask(t, "PUT", url+"/"+name, "content", h...); status != 200 {
			t.Fatalf("%s: %d %s", name, status, body)
		}
	}
	without := func(i int) []string { return append(append([]string{}, c[:i]...), c[i+2:]...) }
	with := func(i int, v string) []string {
		out := append([]string{}, c...)
		out[i] = v
		return out
	}
	for _, tc := range []struct {
		name, method, key string
		header            []string
		status            int
		want              string
	}{
		{"no algorithm", "PUT", "k", without(0), 400, "InvalidArgument</Code><Message>Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm."},
		{"no key", "PUT", "k", without(2), 400, "InvalidArgument</Code><Message>Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key."},
		{"no MD5", "PUT", "k", without(4), 400, "InvalidArgument</Code><Message>Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5"},
		{"other algorithm", "PUT", "k", with(1, "AES128"), 400, "InvalidEncryptionAlgorithmError"},
		{"short key", "PUT", "k", with(3, "YWJj"), 400, "InvalidArgument</Code><Message>The secret key was invalid"},
		{"key is no base64", "PUT", "k", with(3, "!"+strings.Repeat("A", 43)), 400, "InvalidArgument</Code><Message>The secret key was invalid"},
		{"MD5 of another key", "PUT", "k", with(5, other[5]), 400, "InvalidArgument</Code><Message>The calculated MD5 hash of the key did not match"},
		{"both", "PUT", "k", append(customer("c", ""), sseName, "AES256"), 400, "InvalidArgument</Code><Message>Server Side Encryption with Customer provided key is incompatible"},
		{"unknown method", "PUT", "k", []string{sseName, "aes256"}, 400, "InvalidArgument</Code><Message>The encryption method specified is not supported"},
		{"KMS key without KMS", "PUT", "k", []string{sseName, "AES256", sseName + "-aws-kms-key-id", "x"}, 400, "InvalidArgument</Code><Message>Server Side Encryption with AWS KMS managed key requires"},
		{"no KMS", "PUT", "k", []string{sseName, "aws:kms"}, 501, "NotImplemented"},
		{"dual layer", "PUT", "k", []string{sseName, "aws:kms:dsse"}, 501, "NotImplemented"},
		{"read without key", "GET", "c", nil, 400, "InvalidRequest</Code><Message>The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."},
		{"read with another key", "GET", "c", other, 403, "AccessDenied"},
		{"head without key", "HEAD", "c", nil, 400, ""},
		{"head with another key", "HEAD", "c", other, 403, ""},
		{"read of a plain object with a key", "GET", "plain", c, 400, "InvalidRequest</Code><Message>The encryption parameters are not applicable to this object."},
		{"read of an SSE-S3 object with a key", "GET", "s3", c, 400, "InvalidRequest</Code><Message>The encryption parameters are not applicable to this object."},
		{"read with the writer's header", "GET", "s3", []string{sseName, "AES256"}, 400, "InvalidArgument</Code><Message>x-amz-server-side-encryption header is not supported for this operation."},
		{"read with half a key", "GET", "c", without(2), 400, "InvalidArgument"},
	} {
		status, _, body := ask(t, tc.method, url+"/"+tc.key, "", tc.header...)
		if status != tc.status || tc.want != "" && !strings.Contains(body, "<Code>"+tc.want) {
			t.Errorf("%s: %d %s", tc.name, status, body)
		}
		if strings.Contains(body, c[3]) || strings.Contains(body, other[3]) {
			t.Errorf("%s: the answer has the key", tc.name)
		}
	}
	if status, _, _ := ask(t, "GET", url+"/k", ""); status != 404 {
		t.Errorf("a refused PUT stored something: %d", status)
	}
}

// Without TLS a customer's key is refused where the configuration says as AWS; a
// store without cluster keys does not promise SSE-S3.
func TestEncryptionConfigured(t *testing.T) {
	_, url := serve(t, func(c *s3g.Config) { c.CustomerKeysOverHTTP = false })
	ask(t, "PUT", url+"/bucket", "")
	for _, tc := range []struct {
		header []string
		status int
		want   string
	}{
		{customer("c", ""), 400, "must be made over a secure connection."},
		{[]string{sseName, "AES256"}, 501, "ozone.s3g.sse.key.file"},
	} {
		if status, _, body := ask(t, "PUT", url+"/bucket/k", "x", tc.header...); status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%d %s", status, body)
		}
	}
}

// Every encryption copied to every other: the bytes are the same, and readable with
// the copy's key only.
func TestEncryptedCopies(t *testing.T) {
	store, url := serveSSE(t)
	body := randomBody(2*sse.Chunk + 7)
	for _, from := range kinds() {
		if status, _, answer := ask(t, "PUT", url+"/"+from.name, body, append(from.write, "x-amz-meta-a", "b", "x-amz-tagging", "t=1", "x-amz-checksum-algorithm", "CRC32")...); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		for _, to := range kinds() {
			name := from.name + "-" + to.name
			header := append([]string{"x-amz-copy-source", "bucket/" + from.name}, append(to.write, from.source...)...)
			status, h, answer := ask(t, "PUT", url+"/"+name, "", header...)
			if status != 200 || !strings.Contains(answer, "<ETag>") {
				t.Errorf("%s: %d %s", name, status, answer)
				continue
			}
			told(t, name+" copy", to, h)
			status, h, answer = ask(t, "GET", url+"/"+name, "", to.read...)
			if status != 200 || answer != body || h.Get("x-amz-meta-a") != "b" || h.Get("x-amz-tagging-count") != "1" {
				t.Errorf("%s: %d, %d bytes, %v", name, status, len(answer), h)
			}
			if etag := strings.Trim(h.Get("ETag"), `"`); to.read == nil && etag != md5Hex(body) {
				t.Errorf("%s: the ETag %s is not the MD5", name, etag)
			}
			told(t, name+" GET", to, h)
			notInPlain(t, store, name, body, to.write != nil)
			if from.read == nil {
				continue
			}
			for _, wrong := range [][]string{nil, customer("x", "copy-source-")} {
				header := append([]string{"x-amz-copy-source", "bucket/" + from.name}, append(to.write, wrong...)...)
				if status, _, answer := ask(t, "PUT", url+"/refused", "", header...); status != 400 && status != 403 {
					t.Errorf("%s with a wrong source key: %d %s", name, status, answer)
				}
			}
		}
	}
	if status, _, answer := ask(t, "PUT", url+"/refused", "", append([]string{"x-amz-copy-source", "bucket/plain"}, customer("c", "copy-source-")...)...); status != 400 || !strings.Contains(answer, "not applicable") {
		t.Errorf("a key for a plain source: %d %s", status, answer)
	}
	if status, _, _ := ask(t, "HEAD", url+"/refused", ""); status != 404 {
		t.Errorf("a refused copy was stored: %d", status)
	}
}

// An object copied onto itself changes its encryption, and nothing else.
func TestReencryptInPlace(t *testing.T) {
	_, url := serveSSE(t)
	body := randomBody(sse.Chunk + 1)
	ask(t, "PUT", url+"/k", body, "Content-Type", "text/x")
	last := kinds()[0]
	for _, i := range []int{1, 2, 3, 1, 2} {
		to := kinds()[i]
		header := append([]string{"x-amz-copy-source", "bucket/k"}, append(to.write, last.source...)...)
		if status, _, answer := ask(t, "PUT", url+"/k", "", header...); status != 200 {
			t.Fatalf("%s to %s: %d %s", last.name, to.name, status, answer)
		}
		if status, h, answer := ask(t, "GET", url+"/k", "", to.read...); status != 200 || answer != body || h.Get("Content-Type") != "text/x" {
			t.Errorf("%s to %s: %d, %d bytes", last.name, to.name, status, len(answer))
		}
		last = to
	}
}

// Where keys are refused without TLS they are taken over it.
func TestCustomerKeyOverTLS(t *testing.T) {
	cfg := s3g.DefaultConfig()
	cfg.CustomerKeysOverHTTP = false
	h, err := s3g.Handler(cfg, newStore(t), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(h)
	defer srv.Close()
	do := func(method, path string, header ...string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for _, tc := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"PUT", "/bucket", nil, 200},
		{"PUT", "/bucket/k", customer("c", ""), 200},
		{"HEAD", "/bucket/k", customer("c", ""), 200},
		{"HEAD", "/bucket/k", nil, 400},
	} {
		if got := do(tc.method, tc.path, tc.header...); got != tc.status {
			t.Errorf("%s %s: %d", tc.method, tc.path, got)
		}
	}
}

// A presigned URL may carry a customer's key; no log has it.
func TestCustomerKeyNotLogged(t *testing.T) {
	var log syncBuffer
	cfg := s3g.DefaultConfig()
	cfg.AccessLog = true
	url := serveStore(t, cfg, newStore(t), zerolog.New(&log))
	ask(t, "PUT", url+"/bucket", "")
	c := customer("c", "")
	query := neturl.Values{}
	for i := 0; i < len(c); i += 2 {
		query.Set(c[i], c[i+1])
	}
	key := neturl.QueryEscape(c[3])
	ask(t, "PUT", url+"/bucket/k", "x", c...)
	ask(t, "GET", url+"/bucket/k?"+query.Encode(), "")
	ask(t, "PUT", url+"/bucket/k", "x", append(c[:4:4], c[4], "AAAA")...)
	if text := log.String(); !strings.Contains(text, "customer-key=-") || strings.Contains(text, key) || strings.Contains(text, c[3]) {
		t.Errorf("the log: %s", text)
	}
}
