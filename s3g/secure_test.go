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

	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
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
