package s3g_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// ask sends a request and returns status, header and body.
func ask(t testing.TB, method, url, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(got)
}

// A store that is down gives 503 and Retry-After, on every operation.
func TestStoreDown(t *testing.T) {
	store, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	store.Fail(ozerr.New(ozerr.Unavailable, "no quorum: secret detail"))
	for _, op := range []string{"GET /", "GET /bucket", "PUT /bucket2", "DELETE /bucket", "GET /bucket?location", "PUT /bucket/k", "GET /bucket/k", "DELETE /bucket/k", "GET /bucket/k?tagging", "POST /bucket/k?uploads", "GET /bucket?uploads", "HEAD /bucket/k", "HEAD /bucket"} {
		method, path, _ := strings.Cut(op, " ")
		status, h, body := ask(t, method, url+path, "")
		if status != 503 || h.Get("Retry-After") == "" || method != "HEAD" && !strings.Contains(body, "<Code>ServiceUnavailable</Code>") || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %v %s", op, status, h, body)
		}
	}
	store.Fail(nil)
	if status, _, _ := ask(t, "PUT", url+"/bucket/k", "x"); status != 200 {
		t.Errorf("after recovery: %d", status)
	}
}

// odd is a store with one method that does what a test wants.
type odd struct {
	*store
	get  func() (client.Object, error)
	read func() client.Reader
}

func (o odd) GetObject(ctx context.Context, ref client.KeyRef, owner string) (client.Object, error) {
	if o.get != nil {
		return o.get()
	}
	return o.store.GetObject(ctx, ref, owner)
}

func (o odd) ReadObject(ctx context.Context, obj client.Object, off, n int64) client.Reader {
	if o.read != nil {
		return o.read()
	}
	return o.store.ReadObject(ctx, obj, off, n)
}

func serveStore(t testing.TB, cfg s3g.Config, store s3g.Store, log zerolog.Logger) string {
	t.Helper()
	h, err := s3g.Handler(cfg, store, log)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// A panic is one 500 and one log line; the server goes on.
func TestPanic(t *testing.T) {
	var log syncBuffer
	store := odd{store: newStore(t), get: func() (client.Object, error) { panic("boom") }}
	url := serveStore(t, s3g.DefaultConfig(), store, zerolog.New(&log))
	for range 2 {
		status, _, body := ask(t, "GET", url+"/bucket/k", "")
		if status != 500 || !strings.Contains(body, "<Code>InternalError</Code>") || strings.Contains(body, "boom") {
			t.Fatalf("%d %s", status, body)
		}
	}
	if n := strings.Count(log.String(), "boom"); n != 2 {
		t.Errorf("%d log lines", n)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// torn is a reader that fails after some bytes.
type torn struct{ io.Reader }

func (torn) Ready() error { return nil }
func (torn) Close() error { return nil }
func (r torn) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write([]byte(strings.Repeat("x", 10)))
	if err != nil {
		return int64(n), err
	}
	return int64(n), ozerr.New(ozerr.Unavailable, "the last replica is gone")
}

// A body that cannot be finished breaks the connection: no client may take it for
// a whole one.
func TestTornBody(t *testing.T) {
	store := odd{
		store: newStore(t),
		get:   func() (client.Object, error) { return client.Object{Key: "k", Size: 20, ETag: "e"}, nil },
		read:  func() client.Reader { return torn{} },
	}
	url := serveStore(t, s3g.DefaultConfig(), store, zerolog.Nop())
	resp, err := http.Get(url + "/bucket/k")
	if err != nil {
		return // broken before the head: as good
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Fatalf("%d bytes and a clean end", len(body))
	}
}

// A body whose first bytes cannot be read is an error document.
func TestUnreadable(t *testing.T) {
	store := odd{
		store: newStore(t),
		get:   func() (client.Object, error) { return client.Object{Key: "k", Size: 20, ETag: "e"}, nil },
		read:  func() client.Reader { return torn2{} },
	}
	url := serveStore(t, s3g.DefaultConfig(), store, zerolog.Nop())
	status, h, body := ask(t, "GET", url+"/bucket/k", "")
	if status != 503 || !strings.Contains(body, "ServiceUnavailable") || h.Get("Etag") != "" {
		t.Fatalf("%d %v %s", status, h, body)
	}
}

type torn2 struct{ torn }

func (torn2) Ready() error { return ozerr.New(ozerr.Unavailable, "no replica") }

// More requests than slots get 503 SlowDown, and the slots come back.
func TestSlowDown(t *testing.T) {
	enter, leave := make(chan struct{}), make(chan struct{})
	store := odd{store: newStore(t), get: func() (client.Object, error) {
		enter <- struct{}{}
		<-leave
		return client.Object{}, ozerr.New(ozerr.KeyNotFound, "")
	}}
	cfg := s3g.DefaultConfig()
	cfg.MaxInFlight, cfg.QueueTimeout = 1, time.Millisecond
	url := serveStore(t, cfg, store, zerolog.Nop())
	first := make(chan int)
	go func() {
		resp, err := http.Get(url + "/bucket/k")
		if err != nil {
			first <- 0
			return
		}
		_ = resp.Body.Close()
		first <- resp.StatusCode
	}()
	<-enter
	status, h, body := ask(t, "GET", url+"/bucket/k", "")
	if status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") || h.Get("Retry-After") == "" {
		t.Errorf("%d %s", status, body)
	}
	close(leave)
	if status := <-first; status != 404 {
		t.Errorf("first: %d", status)
	}
	go func() { <-enter }()
	if status, _, _ := ask(t, "GET", url+"/bucket/k", ""); status != 404 {
		t.Errorf("third: %d", status)
	}
}

// A client that stops sending in the middle of a body is shed.
func TestStalledClient(t *testing.T) {
	_, url := serve(t, func(c *s3g.Config) { c.StallTimeout = 50 * time.Millisecond })
	ask(t, "PUT", url+"/bucket", "")
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "PUT /bucket/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfew")
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 || !strings.Contains(string(body), "<Code>RequestTimeout</Code>") {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if status, _, _ := ask(t, "GET", url+"/bucket/k", ""); status != 404 {
		t.Errorf("stored: %d", status)
	}
}

// Nor does a body that nobody wants to read, and that does not come, hold anything:
// net/http reads it to its end before it answers.
func TestStalledUnreadBody(t *testing.T) {
	_, url := serve(t, func(c *s3g.Config) { c.StallTimeout = 50 * time.Millisecond })
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/bucket/k", strings.Repeat("x", 1<<20))
	for head, want := range map[string]int{
		"GET /bucket/k HTTP/1.1\r\nContent-Length: 10":              200,
		"GET /bucket/absent HTTP/1.1\r\nTransfer-Encoding: chunked": 404,
		"HEAD /bucket/k HTTP/1.1\r\nContent-Length: 10":             200,
		"PUT /bucket?accelerate HTTP/1.1\r\nContent-Length: 10":     501,
		"DELETE /absent HTTP/1.1\r\nContent-Length: 10":             404,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "%s\r\nHost: x\r\n\r\n", head)
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", head, err)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", head, resp.StatusCode)
		}
	}
}

func TestVirtualHost(t *testing.T) {
	_, url := serve(t, func(c *s3g.Config) { c.Domains = []string{"s3g.internal"} })
	host := []string{"Host", "bucket1.s3g.internal:9878"}
	for _, step := range []struct{ method, path, body, want string }{
		{"PUT", "/", "", ""},
		{"PUT", "/testfile", "x", ""},
		{"PUT", "/dir1/dir2/file", "x", ""},
		{"PUT", "//odd//", "odd", ""},
		{"GET", "/testfile", "", "x"},
		{"GET", "//odd//", "", "odd"},
	} {
		status, _, body := ask(t, step.method, url+step.path, step.body, host...)
		if status != 200 || body != step.want {
			t.Fatalf("%s %s: %d %s", step.method, step.path, status, body)
		}
	}
	_, _, body := ask(t, "GET", url+"/?delimiter=/", "", host...)
	if !strings.Contains(body, "<Key>testfile</Key>") || !strings.Contains(body, "<Prefix>dir1/</Prefix>") {
		t.Error(body)
	}
	if _, _, body = ask(t, "GET", url+"/bucket1/testfile", "", "Host", "localhost"); body != "x" {
		t.Errorf("path style: %s", body)
	}
}

// No log line lets a reader repeat a request.
func TestAccessLog(t *testing.T) {
	var log syncBuffer
	cfg := s3g.DefaultConfig()
	cfg.AccessLog = true
	url := serveStore(t, cfg, newStore(t), zerolog.New(&log))
	ask(t, "GET", url+"/bucket/k?AWSAccessKeyId=me&Signature=PLANTED&Expires=4102444800", "")
	ask(t, "GET", url+"/bucket/k", "", "Authorization", "AWS me:PLANTED", "Date", time.Now().UTC().Format(http.TimeFormat))
	out := log.String()
	if strings.Count(out, `"op":"GetObject"`) != 2 || !strings.Contains(out, `"caller":"me"`) || strings.Contains(out, "PLANTED") {
		t.Error(out)
	}
}

func TestServer(t *testing.T) {
	cfg := s3g.DefaultConfig()
	cfg.HTTPAddress, cfg.AdminAddress = "127.0.0.1:0", "127.0.0.1:0"
	s, err := s3g.Open(cfg, newStore(t), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if status, h, _ := ask(t, "PUT", "http://"+s.HTTPAddr()+"/bucket", ""); status != 200 || h.Get("Server") != "Ozone" || h.Get("X-Amz-Id-2") == "" || h.Get("Date") == "" {
		t.Errorf("%d %v", status, h)
	}
	if _, _, body := ask(t, "GET", "http://"+s.AdminAddr()+"/", ""); !strings.Contains(body, "Apache Ozone S3") {
		t.Error(body)
	}
	if _, _, body := ask(t, "GET", "http://"+s.AdminAddr()+"/metrics", ""); !strings.Contains(body, `ozone_s3g_requests_total{operation="CreateBucket",status="2xx"} 1`) {
		t.Error("no metric of CreateBucket")
	}
	if status, _, _ := ask(t, "GET", "http://"+s.HTTPAddr()+"/", "", "X-Big", strings.Repeat("h", 64<<10)); status != 431 {
		t.Errorf("large header: %d", status)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s3g.Open(s3g.Config{}, newStore(t), zerolog.Nop()); err == nil {
		t.Error("an empty configuration is taken")
	}
}

func TestFromConf(t *testing.T) {
	c := conf.Default()
	set := func(k, v string) {
		if err := c.Set(k, v, "test"); err != nil {
			t.Fatal(err)
		}
	}
	set("ozone.s3g.domain.name", "S3G.internal, eu.s3g.internal")
	set("ozone.s3g.bucket.recreate.conflict", "true")
	set("mini.s3g.bucket.delete.uploads", "false")
	cfg, err := s3g.FromConf(c)
	if err != nil || !cfg.RecreateConflict || cfg.DeleteUploads || cfg.Domains[0] != "s3g.internal" || cfg.Region != "us-east-1" || cfg.HTTPAddress != "0.0.0.0:9878" {
		t.Fatalf("%+v %v", cfg, err)
	}
	set("ozone.security.enabled", "true")
	if cfg, err := s3g.FromConf(c); err != nil || !cfg.Secure {
		t.Errorf("secure mode starts open: %v", err)
	}
}

// A client that does not read its answer is shed; one that reads slowly is not.
func TestStalledReader(t *testing.T) {
	cfg := s3g.DefaultConfig()
	cfg.HTTPAddress, cfg.AdminAddress, cfg.StallTimeout = "127.0.0.1:0", "127.0.0.1:0", 500*time.Millisecond
	s, err := s3g.Open(cfg, newStore(t), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const size = 32 << 20
	ask(t, "PUT", "http://"+s.HTTPAddr()+"/bucket", "")
	ask(t, "PUT", "http://"+s.HTTPAddr()+"/bucket/k", strings.Repeat("x", size))
	get := func() net.Conn {
		conn, err := net.Dial("tcp", s.HTTPAddr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprint(conn, "GET /bucket/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		return conn
	}
	slow, stalled := get(), get()
	defer func() { _, _ = slow.Close(), stalled.Close() }()
	n, buf := 0, make([]byte, 128<<10)
	for {
		got, err := io.ReadFull(slow, buf)
		n += got
		if err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n < size {
		t.Errorf("the slow client got %d bytes", n)
	}
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		_, _, body := ask(t, "GET", "http://"+s.AdminAddr()+"/metrics", "")
		if strings.Contains(body, "ozone_s3g_requests_in_flight 0") {
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("the stalled client is still served")
		}
	}
}
