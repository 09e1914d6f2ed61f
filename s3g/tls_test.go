package s3g_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/s3g"
)

// openTLS starts a server with a certificate of its own.
func openTLS(t testing.TB, store s3g.Store, stall time.Duration) *s3g.Server {
	t.Helper()
	cfg := s3g.DefaultConfig()
	cfg.HTTPAddress, cfg.HTTPSAddress, cfg.AdminAddress, cfg.StallTimeout = "", "127.0.0.1:0", "127.0.0.1:0", stall
	cfg.CertFile, cfg.KeyFile = s3g.WriteCertificate(t, t.TempDir(), 1)
	s, err := s3g.Open(cfg, store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// tlsClient speaks HTTP/2, or HTTP/1.1.
func tlsClient(t testing.TB, http2 bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!http2)
	tr.Protocols.SetHTTP2(http2)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func do(t testing.TB, c *http.Client, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

// Both versions of HTTP, over TLS.
func TestTLS(t *testing.T) {
	s := openTLS(t, newStore(t), time.Minute)
	url := "https://" + s.HTTPSAddr()
	for major, c := range map[int]*http.Client{1: tlsClient(t, false), 2: tlsClient(t, true)} {
		bucket := fmt.Sprintf("%s/bucket%d", url, major)
		content := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
		do(t, c, "PUT", bucket, nil)
		if resp, body := do(t, c, "PUT", bucket+"/k", strings.NewReader(content), "Expect", "100-continue"); resp.StatusCode != 200 || resp.ProtoMajor != major {
			t.Fatalf("HTTP/%d: %d %s %s", major, resp.StatusCode, resp.Proto, body)
		}
		if resp, body := do(t, c, "PUT", bucket+"/unknown", io.MultiReader(strings.NewReader("of unknown length"))); resp.StatusCode != 200 {
			t.Errorf("HTTP/%d: length unknown: %d %s", major, resp.StatusCode, body)
		}
		if resp, body := do(t, c, "PUT", bucket+"/empty", nil, "Expect", "100-continue"); resp.StatusCode != 200 {
			t.Errorf("HTTP/%d: empty: %d %s", major, resp.StatusCode, body)
		}
		if resp, body := do(t, c, "GET", bucket+"/k", nil); body != content || resp.ContentLength != int64(len(content)) {
			t.Errorf("HTTP/%d: %d bytes", major, len(body))
		}
		if resp, _ := do(t, c, "HEAD", bucket+"/k", nil); resp.ContentLength != int64(len(content)) {
			t.Errorf("HTTP/%d: HEAD: %d", major, resp.ContentLength)
		}
		if resp, body := do(t, c, "GET", bucket+"/absent", strings.NewReader("a body"), "Range", "bytes=0-1"); resp.StatusCode != 404 || !strings.Contains(body, "NoSuchKey") {
			t.Errorf("HTTP/%d: %d %s", major, resp.StatusCode, body)
		}
		if resp, _ := do(t, c, "POST", bucket+"/m?uploads", nil); resp.StatusCode != 200 {
			t.Errorf("HTTP/%d: create: %d", major, resp.StatusCode)
		}
	}
}

func TestTLSConfig(t *testing.T) {
	cfg := s3g.DefaultConfig()
	cfg.HTTPAddress, cfg.HTTPSAddress, cfg.AdminAddress = "", "127.0.0.1:0", ""
	store := newStore(t)
	s, err := s3g.Open(cfg, store, zerolog.Nop())
	if err != nil || s.HTTPSAddr() != "" {
		t.Fatalf("%q without certificate: %v", s.HTTPSAddr(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	cfg.CertFile, _ = s3g.WriteCertificate(t, t.TempDir(), 1)
	if _, err := s3g.Open(cfg, store, zerolog.Nop()); err == nil {
		t.Error("a certificate without key is taken")
	}
	cfg.KeyFile = cfg.CertFile
	if _, err := s3g.Open(cfg, store, zerolog.Nop()); err == nil {
		t.Error("a certificate for a key is taken")
	}
}

// Over TLS too, in both versions of HTTP, a client that does not take its answer is
// shed, and one that stops sending.
func TestStalledTLS(t *testing.T) {
	store := newStore(t)
	patient := serveStore(t, s3g.DefaultConfig(), store, zerolog.Nop())
	ask(t, "PUT", patient+"/bucket", "")
	ask(t, "PUT", patient+"/bucket/k", strings.Repeat("x", 32<<20))
	s := openTLS(t, store, 500*time.Millisecond)
	url := "https://" + s.HTTPSAddr()
	for major, c := range map[int]*http.Client{1: tlsClient(t, false), 2: tlsClient(t, true)} {
		resp, err := c.Get(url + "/bucket/k")
		if err != nil || resp.ProtoMajor != major {
			t.Fatal(err)
		}
		for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			_, _, body := ask(t, "GET", "http://"+s.AdminAddr()+"/metrics", "")
			if strings.Contains(body, "ozone_s3g_requests_in_flight 0") {
				break
			}
			if time.Since(start) > 20*time.Second {
				t.Fatalf("HTTP/%d: the stalled reader is still served", major)
			}
		}
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("HTTP/%d: %d bytes and a clean end", major, n)
		}
		_ = resp.Body.Close()

		body, stop := io.Pipe()
		go func() { _, _ = stop.Write([]byte("few")) }()
		req, err := http.NewRequestWithContext(t.Context(), "PUT", url+"/bucket/stalled", body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 100
		if resp, err = c.Do(req); err == nil {
			text, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 400 || !strings.Contains(string(text), "RequestTimeout") {
				t.Errorf("HTTP/%d: %d %s", major, resp.StatusCode, text)
			}
		}
		_ = stop.Close()
		if resp, _ := do(t, c, "GET", url+"/bucket/stalled", nil); resp.StatusCode != 404 {
			t.Errorf("HTTP/%d: stored: %d", major, resp.StatusCode)
		}
	}
}
