package s3g_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/s3g"
)

// listening opens a gateway with listeners on ports of its own.
func listening(t *testing.T, change func(*s3g.Config)) *s3g.Server {
	t.Helper()
	cfg := s3g.DefaultConfig()
	cfg.HTTPAddress, cfg.AdminAddress = "127.0.0.1:0", "127.0.0.1:0"
	change(&cfg)
	s, err := s3g.Open(cfg, newStore(t), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may leave clients that never end
	return s
}

// raw sends text on a new connection and returns it.
func raw(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, _ = io.WriteString(c, text) // a server that has heard enough may close
	return c
}

// answerOf reads an answer, patiently.
func answerOf(t *testing.T, c net.Conn) (int, http.Header, string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func metric(t *testing.T, s *s3g.Server, line string) bool {
	t.Helper()
	_, _, body := ask(t, "GET", "http://"+s.AdminAddr()+"/metrics", "")
	return strings.Contains("\n"+body, "\n"+line+"\n")
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for late := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("not in time: " + what)
		}
	}
}

// A flood of large bodies fills the memory for them and is told to slow down, at once or
// after a wait; small requests go on meanwhile, and large ones when the memory is back.
func TestLargeBodiesLeaveRoomForSmallRequests(t *testing.T) {
	s := listening(t, func(c *s3g.Config) {
		c.StreamMemory, c.MaxInFlight, c.QueueTimeout = 16<<20, 16, 100*time.Millisecond // four streams
	})
	url := "http://" + s.HTTPAddr()
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/bucket/small", "small")
	large := strings.Repeat("l", 1<<20)
	if status, _, body := ask(t, "PUT", url+"/bucket/large", large); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	head := "PUT /bucket/k%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome"
	var slow []net.Conn
	for i := range 4 {
		slow = append(slow, raw(t, s.HTTPAddr(), fmt.Sprintf(head, i)))
	}
	until(t, "the memory is taken", func() bool { return metric(t, s, "ozone_s3g_requests_in_flight 4") })
	var flood sync.WaitGroup
	defer flood.Wait()
	for range 40 { // more than may wait, too
		flood.Go(func() {
			status, h, body := ask(t, "PUT", url+"/bucket/flood", large)
			if status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") || h.Get("Retry-After") == "" {
				t.Errorf("flood: %d %s", status, body)
			}
		})
	}
	for range 20 {
		if status, _, body := ask(t, "GET", url+"/bucket/small", ""); status != 200 || body != "small" {
			t.Errorf("small GET: %d %s", status, body)
		}
		if status, _, body := ask(t, "PUT", url+"/bucket/small", "small"); status != 200 {
			t.Errorf("small PUT: %d %s", status, body)
		}
	}
	if status, h, body := ask(t, "GET", url+"/bucket/large", ""); status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") || h.Get("Etag") != "" {
		t.Errorf("large GET: %d %.200s", status, body)
	}
	flood.Wait()
	for _, c := range slow {
		_ = c.Close()
	}
	until(t, "the memory comes back", func() bool { return metric(t, s, "ozone_s3g_requests_in_flight 0") })
	if status, _, _ := ask(t, "PUT", url+"/bucket/large", large); status != 200 {
		t.Errorf("large PUT after: %d", status)
	}
	if status, _, body := ask(t, "GET", url+"/bucket/large", ""); status != 200 || body != large {
		t.Errorf("large GET after: %d, %d bytes", status, len(body))
	}
}

// Copies whose bytes go through the gateway need the memory of a body, too; those that
// share the source's blocks don't.
func TestCopiesNeedMemory(t *testing.T) {
	s := listening(t, func(c *s3g.Config) {
		c.StreamMemory, c.QueueTimeout = 4<<20, 10*time.Millisecond // one stream
	})
	url := "http://" + s.HTTPAddr() + "/bucket"
	ask(t, "PUT", url, "")
	ask(t, "PUT", url+"/large", strings.Repeat("l", 1<<20))
	_, _, body := ask(t, "POST", url+"/copy?uploads", "")
	_, id, _ := strings.Cut(body, "<UploadId>")
	id, _, _ = strings.Cut(id, "</UploadId>")
	const from, large = "X-Amz-Copy-Source", "bucket/large"
	part := func() (int, string) {
		status, _, body := ask(t, "PUT", url+"/copy?partNumber=1&uploadId="+id, "", from, large)
		return status, body
	}
	checksum := func() (int, string) {
		status, _, body := ask(t, "PUT", url+"/copy", "", from, large, "X-Amz-Checksum-Algorithm", "SHA256")
		return status, body
	}
	slow := raw(t, s.HTTPAddr(), "PUT /bucket/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome")
	until(t, "the memory is taken", func() bool { return metric(t, s, "ozone_s3g_requests_in_flight 1") })
	for name, copied := range map[string]func() (int, string){"part": part, "for a checksum": checksum} {
		if status, body := copied(); status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _, body := ask(t, "PUT", url+"/copy", "", from, large); status != 200 {
		t.Errorf("shared: %d %s", status, body)
	}
	_ = slow.Close()
	until(t, "the memory comes back", func() bool { return metric(t, s, "ozone_s3g_requests_in_flight 0") })
	for name, copied := range map[string]func() (int, string){"part": part, "for a checksum": checksum} {
		if status, body := copied(); status != 200 {
			t.Errorf("%s, after: %d %s", name, status, body)
		}
	}
}

// Who is slow with a body is shed sooner when others wait for its memory.
func TestSlowBodyUnderPressure(t *testing.T) {
	s := listening(t, func(c *s3g.Config) {
		c.StreamMemory, c.QueueTimeout, c.StallTimeout = 4<<20, time.Minute, time.Minute
		c.StallTimeout = 6 * time.Second // 60 s are of use only to the patient
	})
	ask(t, "PUT", "http://"+s.HTTPAddr()+"/bucket", "")
	slow := raw(t, s.HTTPAddr(), "PUT /bucket/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
	until(t, "the slow one is at work", func() bool { return metric(t, s, "ozone_s3g_requests_in_flight 1") })
	stop := make(chan struct{})
	var trickle sync.WaitGroup
	trickle.Go(func() { // 2 KiB/s, above what is asked of it when nobody waits
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := slow.Write(make([]byte, 100)); err != nil {
					return
				}
			}
		}
	})
	if status, _, body := ask(t, "PUT", "http://"+s.HTTPAddr()+"/bucket/quick", strings.Repeat("q", 1<<20)); status != 200 {
		t.Errorf("the quick one: %d %s", status, body)
	}
	if status, _, body := answerOf(t, slow); status != 400 || !strings.Contains(body, "<Code>RequestTimeout</Code>") {
		t.Errorf("the slow one: %d %s", status, body)
	}
	close(stop)
	trickle.Wait()
}

// One connection too many closes the one that was idle for longest; where none is idle it
// is told to slow down.
func TestConnectionLimit(t *testing.T) {
	s := listening(t, func(c *s3g.Config) { c.MaxConnections = 2 })
	const get = "GET /absent HTTP/1.1\r\nHost: x\r\n\r\n"
	idle := func() net.Conn {
		c := raw(t, s.HTTPAddr(), get)
		if status, _, _ := answerOf(t, c); status != 404 {
			t.Fatalf("status %d", status)
		}
		return c
	}
	first := idle()
	until(t, "the first is idle", func() bool { return metric(t, s, "ozone_s3g_connections_idle 1") })
	second := idle()
	until(t, "both are idle", func() bool { return metric(t, s, "ozone_s3g_connections_idle 2") })
	third := idle()
	_ = first.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := first.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the first connection lives: %v", err)
	}
	for _, c := range []net.Conn{second, third} { // now both are in work
		_, _ = io.WriteString(c, "PUT /bucket/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
	}
	until(t, "both are in work", func() bool { return metric(t, s, "ozone_s3g_connections_idle 0") })
	status, h, body := answerOf(t, raw(t, s.HTTPAddr(), ""))
	if status != 503 || !strings.Contains(body, "<Code>SlowDown</Code>") || h.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", status, body)
	}
	_ = second.Close()
	until(t, "there is a place again", func() bool { return metric(t, s, "ozone_s3g_connections 1") })
	idle()
}

// Strangers who say nothing, or only begin to, keep nobody else out, over TLS neither.
func TestConnectionsWithoutRequests(t *testing.T) {
	cert, key := s3g.WriteCertificate(t, t.TempDir(), 1)
	s := listening(t, func(c *s3g.Config) {
		c.MaxConnections, c.ReadHeaderTimeout = 4, time.Hour
		c.HTTPSAddress, c.CertFile, c.KeyFile = "127.0.0.1:0", cert, key
	})
	for range 3 {
		raw(t, s.HTTPAddr(), "")
		raw(t, s.HTTPAddr(), "GET /bucket HT")
		raw(t, s.HTTPSAddr(), "")
		raw(t, s.HTTPSAddr(), "\x16\x03\x01")
	}
	until(t, "the strangers are in", func() bool { return metric(t, s, "ozone_s3g_connections 4") && metric(t, s, "ozone_s3g_shed_total 8") })
	if status, _, body := ask(t, "PUT", "http://"+s.HTTPAddr()+"/bucket", ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// Who is refused and then doesn't send the body gets the answer soon: it needs no signature
// to hold a connection that way.
func TestRefusedBodyIsNotAwaited(t *testing.T) {
	s := listening(t, func(c *s3g.Config) { c.StallTimeout, c.ReadHeaderTimeout = time.Hour, time.Second })
	c := raw(t, s.HTTPAddr(), "PUT /absent/k HTTP/1.1\r\nHost: x\r\nAuthorization: nonsense\r\nContent-Length: 100\r\n\r\nx")
	if status, _, body := answerOf(t, c); status != 400 && status != 403 {
		t.Errorf("%d %s", status, body)
	}
}

// Slow-loris: clients that trickle heads or bodies are shed, and others are served
// meanwhile.
func TestSlowLoris(t *testing.T) {
	s := listening(t, func(c *s3g.Config) {
		c.ReadHeaderTimeout, c.StallTimeout = 2*time.Second, 2*time.Second
	})
	url := "http://" + s.HTTPAddr()
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/bucket/k", "value")
	var all []net.Conn
	for i := range 200 {
		head := "GET /bucket/k HTTP/1.1\r\nHost: x\r\nX-Slow: "
		if i%2 == 1 {
			head = "PUT /bucket/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
		}
		all = append(all, raw(t, s.HTTPAddr(), head))
	}
	stop := make(chan struct{})
	var trickle sync.WaitGroup
	trickle.Go(func() {
		for {
			for _, c := range all {
				_, _ = c.Write([]byte("x")) // until it is closed
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	defer trickle.Wait()
	defer close(stop)
	until(t, "they are connected", func() bool { return !metric(t, s, "ozone_s3g_connections 1") })
	for range 20 {
		if status, _, body := ask(t, "GET", url+"/bucket/k", ""); status != 200 || body != "value" {
			t.Fatalf("others: %d %s", status, body)
		}
	}
	until(t, "all are shed", func() bool {
		_, _, body := ask(t, "GET", "http://"+s.AdminAddr()+"/metrics", "")
		var open int
		for line := range strings.Lines(body) {
			_, _ = fmt.Sscanf(line, "ozone_s3g_connections %d", &open)
		}
		return open <= 5 // ours
	})
}

// What no request should bring is refused quickly, in S3's form.
func TestAbusiveRequests(t *testing.T) {
	s := listening(t, func(*s3g.Config) {})
	url := "http://" + s.HTTPAddr()
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/bucket/k", "value")
	parts := strings.Repeat("<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>", 1_000_000)
	_, _, upload := ask(t, "POST", url+"/bucket/k?uploads", "")
	_, id, _ := strings.Cut(upload, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	for _, tc := range []struct {
		name, text string
		status     int
		code       string
	}{
		{"1 MB of header", "GET /bucket HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("h", 1<<20) + "\r\n\r\n", 431, "RequestHeaderSectionTooLarge"},
		{"10,000 headers", "GET /bucket HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Many: h\r\n", 10_000) + "\r\n", 431, "RequestHeaderSectionTooLarge"},
		{"a key of 100 KB", "GET /bucket/" + strings.Repeat("k", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "RequestHeaderSectionTooLarge"},
		{"a key of 2 KB", "PUT /bucket/" + strings.Repeat("k", 2000) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400, "KeyTooLongError"},
		{"no HTTP", "\x00\x01\x02 hello\r\n\r\n", 400, "BadRequest"},
		{"max-keys of 2^31", "GET /bucket?max-keys=2147483648 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "InvalidArgument"},
		{"max-keys of 2^31-1", "GET /bucket?max-keys=2147483647 HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""},
		{"3 MB of XML", post("/bucket?delete", "<Delete>"+strings.Repeat("<Object><Key>k</Key></Object>", 110_000)+"</Delete>"), 400, ""},
		{"deep XML", post("/bucket/k?uploadId="+id, strings.Repeat("<CompleteMultipartUpload>", 30_000)), 400, "MalformedXML"},
		{"an entity", post("/bucket/k?uploadId="+id, `<!DOCTYPE d [<!ENTITY e "1">]><CompleteMultipartUpload><Part><PartNumber>&e;</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>`), 400, "MalformedXML"},
		{"a million parts", post("/bucket/k?uploadId="+id, "<CompleteMultipartUpload>"+parts+"</CompleteMultipartUpload>"), 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := raw(t, s.HTTPAddr(), "")
			var sent sync.WaitGroup
			sent.Go(func() { _, _ = io.WriteString(c, tc.text) }) // who has heard enough may close
			status, h, body := answerOf(t, c)
			_ = c.Close()
			sent.Wait()
			if status != tc.status || tc.code != "" && !strings.Contains(body, "<Code>"+tc.code+"</Code>") {
				t.Errorf("%d %.300s", status, body)
			}
			if status >= 300 && (h.Get("Content-Type") != "application/xml" || h.Get("X-Amz-Request-Id") == "") {
				t.Errorf("not S3's form: %v", h)
			}
		})
	}
	if status, _, body := ask(t, "GET", url+"/bucket/k", ""); status != 200 || body != "value" {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}
