package s3g_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// serveSecure starts a gateway in secure mode and returns its URL and alice's secret.
func serveSecure(t testing.TB, change func(*s3g.Config)) (cluster *ozonetest.Cluster, url, secret string) {
	t.Helper()
	cluster = ozonetest.Start(t, ozonetest.Secure())
	cfg := s3g.DefaultConfig()
	cfg.Secure = true
	if change != nil {
		change(&cfg)
	}
	h, err := s3g.Handler(cfg, cluster.Client(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return cluster, srv.URL, cluster.Secret(t, "alice")
}

// signer signs requests as a client would.
type signer struct{ key, secret string }

// request is a signed request; change, if not nil, sees it before it is signed.
func (s signer) request(t testing.TB, method, url, body string, change func(*http.Request)) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if change != nil {
		change(req)
	}
	if s.key == "" {
		return req
	}
	err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(t.Context(),
		aws.Credentials{AccessKeyID: s.key, SecretAccessKey: s.secret}, req, req.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// answer returns status, the error code if there is one, and the body.
func answer(t testing.TB, req *http.Request) (status int, code, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Code string }
	_ = xml.Unmarshal(b, &doc) // no document, no code
	return resp.StatusCode, doc.Code, string(b)
}

func TestSecureMode(t *testing.T) {
	_, url, secret := serveSecure(t, nil)
	for _, c := range []struct {
		name, key, secret string
		status            int
		code              string
	}{
		{"alice", "alice", secret, 200, ""},
		{"wrong secret", "alice", secret + "x", 403, "SignatureDoesNotMatch"},
		{"another's name", "bob", secret, 403, "InvalidAccessKeyId"},
		{"nobody", "", "", 403, "AccessDenied"},
	} {
		status, code, body := answer(t, signer{c.key, c.secret}.request(t, "PUT", url+"/bucket", "", nil))
		if status != c.status || code != c.code {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
}

// What s3gtest can't ask of any endpoint: settings, and what only we check.
func TestSecureDetails(t *testing.T) {
	cluster, url, secret := serveSecure(t, func(c *s3g.Config) { c.Domains = []string{"s3.test"} })
	alice := signer{"alice", secret}
	wants := func(name string, req *http.Request, status int, code, text string) {
		t.Helper()
		if s, c, body := answer(t, req); s != status || c != code || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s, want %d %s with %q", name, s, body, status, code, text)
		}
	}
	wants("bucket", alice.request(t, "PUT", url+"/bucket", "", nil), 200, "", "")
	wants("object", alice.request(t, "PUT", url+"/bucket/k", "hello", nil), 200, "", "")
	const hash = "X-Amz-Content-Sha256"
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	other := strings.Repeat("ab", 32)
	wants("token", alice.request(t, "GET", url+"/bucket/k", "", set("X-Amz-Security-Token", "t0k")), 400, "InvalidToken", "<Token-0>t0k</Token-0>")
	wants("hash of a body there is not", alice.request(t, "GET", url+"/bucket/k", "", set(hash, other)), 400, "XAmzContentSHA256Mismatch", other)
	wants("hash of another body", alice.request(t, "PUT", url+"/bucket/k", "other", set(hash, other)), 400, "XAmzContentSHA256Mismatch", other)
	wants("no hash", alice.request(t, "GET", url+"/bucket/k", "", set(hash, "junk")), 400, "InvalidArgument", "x-amz-content-sha256 must be")
	wants("the old body", alice.request(t, "GET", url+"/bucket/k", "", nil), 200, "", "hello")
	wants("wrong secret", signer{"alice", "x"}.request(t, "GET", url+"/bucket/k", "", nil), 403, "SignatureDoesNotMatch",
		"<StringToSignBytes>41 57 53 34 2d")
	wants("in a document too", alice.request(t, "POST", url+"/bucket?delete", "<Delete><Object><Key>k</Key></Object></Delete>", func(r *http.Request) {
		r.Header.Set(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
		r.Header.Set("X-Amz-Decoded-Content-Length", "44")
		r.Header.Set("Content-Md5", "AAAAAAAAAAAAAAAAAAAAAA==")
	}), 400, "IncompleteBody", "") // not aws-chunked at all

	v2 := s3gtest.Signer{AccessKey: "alice", Secret: secret}
	virtual := func(secretOf string) *http.Request {
		// What is signed has the bucket in the path, what is sent in the host.
		req := alice.request(t, "GET", url+"/bucket/k", "", nil)
		req.Header = http.Header{}
		v2.Secret = secretOf
		v2.V2(req)
		req.URL.Path, req.Host = "/k", "bucket.s3.test"
		return req
	}
	wants("v2 with the bucket in the host", virtual(secret), 200, "", "hello")
	wants("v2 with the bucket in the host, forged", virtual("x"), 403, "SignatureDoesNotMatch", "\n/bucket/k</StringToSign>")

	// A header in the query of a presigned URL counts only if it was signed.
	v2.Secret = secret
	req := alice.request(t, "PUT", url+"/bucket/presigned", "", nil)
	req.Header = http.Header{}
	v2.PresignV2(req, time.Now().Add(time.Minute))
	wants("v2 presigned", req, 200, "", "")
	req = req.Clone(t.Context())
	req.URL.RawQuery += "&x-amz-meta-smuggled=1"
	wants("v2 presigned, header added", req, 403, "SignatureDoesNotMatch", "x-amz-meta-smuggled:1")

	// Bytes that are not UTF-8 are told, not tripped over.
	wants("latin-1 in a signed header", alice.request(t, "PUT", url+"/bucket/latin", "", set("X-Amz-Meta-A", "caf\xe9")), 200, "", "")
	wants("latin-1, forged", signer{"alice", "x"}.request(t, "GET", url+"/bucket/latin", "", set("X-Amz-Meta-A", "caf\xe9")), 403, "SignatureDoesNotMatch", "63 61 66 e9")
	wants("latin-1 as access key", signer{"caf\xe9", "x"}.request(t, "GET", url+"/bucket/latin", "", nil), 403, "InvalidAccessKeyId", "")

	// The owner is told by display name.
	if _, err := cluster.Client().SetUser(t.Context(), client.UserChange{Name: "carol", DisplayName: aws.String("Carol <C>")}); err != nil {
		t.Fatal(err)
	}
	carol := signer{"carol", cluster.Secret(t, "carol")}
	wants("display name", carol.request(t, "GET", url+"/", "", nil), 200, "",
		"<Owner><ID>"+identity.CanonicalID("carol")+"</ID><DisplayName>Carol &lt;C&gt;</DisplayName></Owner>")
}

func TestSigV2Off(t *testing.T) {
	_, url, secret := serveSecure(t, func(c *s3g.Config) { c.SigV2 = false })
	v2 := s3gtest.Signer{AccessKey: "alice", Secret: secret}
	for name, sign := range map[string]func(*http.Request){
		"header": v2.V2,
		"query":  func(r *http.Request) { v2.PresignV2(r, time.Now().Add(time.Minute)) },
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sign(req)
		if status, code, body := answer(t, req); status != 400 || code != "InvalidRequest" || !strings.Contains(body, "Please use AWS4-HMAC-SHA256.") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _, body := answer(t, signer{"alice", secret}.request(t, "GET", url+"/", "", nil)); status != 200 {
		t.Errorf("version 4: %d %s", status, body)
	}
	_, open := serve(t, func(c *s3g.Config) { c.SigV2 = false })
	req, err := http.NewRequestWithContext(t.Context(), "GET", open, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v2.V2(req); req.Header.Get("Authorization") == "" {
		t.Fatal("not signed")
	}
	if status, code, body := answer(t, req); status != 400 || code != "InvalidRequest" {
		t.Errorf("open mode: %d %s", status, body)
	}
}

// Secrets, and what would let a reader repeat a request, are in no log.
func TestSecretsAreNotLogged(t *testing.T) {
	cluster := ozonetest.Start(t, ozonetest.Secure())
	var log syncBuffer
	cfg := s3g.DefaultConfig()
	cfg.Secure, cfg.AccessLog = true, true
	url := serveStore(t, cfg, cluster.Client(), zerolog.New(&log).Level(zerolog.TraceLevel))
	secret := cluster.Secret(t, "alice")
	answer(t, signer{"alice", secret}.request(t, "PUT", url+"/bucket", "", nil))
	answer(t, signer{"alice", secret + "x"}.request(t, "PUT", url+"/bucket", "", nil))
	req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/bucket", nil)
	if err != nil {
		t.Fatal(err)
	}
	s3gtest.Signer{AccessKey: "alice", Secret: secret}.Presign(req, "60")
	answer(t, req)
	signature := req.URL.Query().Get("X-Amz-Signature")
	if lines := log.String(); !strings.Contains(lines, "SignatureDoesNotMatch") || strings.Contains(lines, secret) || strings.Contains(lines, signature) {
		t.Errorf("the log has it:\n%s", lines)
	}
}
