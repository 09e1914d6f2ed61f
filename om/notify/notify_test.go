package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func target(t *testing.T, where string) Target {
	t.Helper()
	targets, err := Open([]string{"t=" + where})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(targets["t"].Close)
	return targets["t"]
}

func record(event, key string) Record {
	return NewRecord(&ompb.EventInfo{
		Index: 7, Ordinal: 2, Event: event, Bucket: "bkt", BucketOwner: "alice", Key: key, Size: 5, Etag: "e",
		VersionId: "v", TimeNs: 1_700_000_000_123_000_000, User: "bob", RequestId: "R1", ConfigId: "c",
	}, "eu-west-1")
}

func TestRecord(t *testing.T) {
	got, err := json.Marshal(record("ObjectCreated:Put", "a b/ü+"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2023-11-14T22:13:20.123Z",` +
		`"eventName":"ObjectCreated:Put","userIdentity":{"principalId":"bob"},"requestParameters":{"sourceIPAddress":""},` +
		`"responseElements":{"x-amz-request-id":"R1","x-amz-id-2":"R1"},"s3":{"s3SchemaVersion":"1.0","configurationId":"c",` +
		`"bucket":{"name":"bkt","ownerIdentity":{"principalId":"alice"},"arn":"arn:aws:s3:::bkt"},` +
		`"object":{"key":"a+b%2F%C3%BC%2B","size":5,"eTag":"e","versionId":"v","sequencer":"000000000000000700000002"}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for event, want := range map[string]string{
		"ObjectRemoved:Delete":       `"versionId":"v"`,
		"LifecycleExpiration:Delete": `"principalId":"s3.amazonaws.com"`,
		"ObjectTagging:Put":          `"eventVersion":"2.3"`,
	} {
		got, err := json.Marshal(record(event, "k"))
		if err != nil || !strings.Contains(string(got), want) || strings.Contains(string(got), `"size"`) != (event == "ObjectTagging:Put") {
			t.Errorf("%s: %s %v", event, got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, spec := range []string{
		"", "id", "=file:/a", "bad id=file:/a", "id=", "id=ftp://host", "id=file:relative", "id=webhook:", "id=webhook:host/path",
		"id=webhook:ftp://host/", "id=nats://host:4222", "id=nats://host/a b", "id=nats://host/a.>", "id=nats://",
	} {
		if _, err := Open([]string{spec}); err == nil {
			t.Errorf("%q is taken", spec)
		}
	}
	if _, err := Open([]string{"a=file:/a", "a=file:/b"}); err == nil {
		t.Error("a target twice is taken")
	}
	if _, err := Open([]string{"a=webhook:http://user:secret@host:x/"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestWebhook(t *testing.T) {
	var got []string
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got = append(got, fmt.Sprint(r.Method, r.URL.Path, r.Header.Get("Content-Type"), user, password, " ", string(body)))
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	w := target(t, "webhook:"+strings.Replace(srv.URL, "//", "//u:p@", 1)+"/hook")
	if err := w.Send(testContext(t), []Record{record("ObjectCreated:Put", "a"), record("ObjectRemoved:Delete", "b")}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], `POST/hookapplication/jsonup {"Records":[{"eventVersion"`) || strings.Count(got[0], "eventName") != 2 {
		t.Errorf("%q", got)
	}
	for _, status = range []int{302, 400, 500} {
		if err := w.Send(testContext(t), []Record{record("ObjectCreated:Put", "a")}); err == nil {
			t.Errorf("%d is a success", status)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d requests: a redirection was followed", len(got))
	}
}

// A server that doesn't answer ends with the context.
func TestWebhookThatHangs(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := target(t, "webhook:"+srv.URL).SendRaw(ctx, []byte("{}")); err == nil {
		t.Error("no error")
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	f := target(t, "file:"+path)
	for _, key := range []string{"a", "b"} {
		if err := f.Send(testContext(t), []Record{record("ObjectCreated:Put", key), record("ObjectRemoved:Delete", key)}); err != nil {
			t.Fatal(err)
		}
		if key == "a" { // as log rotation does
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for file, key := range map[string]string{path + ".1": "a", path: "b"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		if len(lines) != 2 {
			t.Fatalf("%d lines in %s", len(lines), file)
		}
		for _, line := range lines {
			var r Record
			if err := json.Unmarshal([]byte(line), &r); err != nil || r.S3.Object.Key != key {
				t.Errorf("%s: %v %s", file, err, line)
			}
		}
	}
	if err := target(t, "file:"+t.TempDir()).SendRaw(testContext(t), []byte("{}")); err == nil {
		t.Error("a directory takes events")
	}
}

// natsServer is as much of a NATS server as a publisher sees.
type natsServer struct {
	l  net.Listener
	wg sync.WaitGroup

	mu    sync.Mutex
	got   []string
	conns []net.Conn
}

func startNATS(t *testing.T) *natsServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &natsServer{l: l}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.drop()
		s.wg.Wait()
	})
	return s
}

// drop breaks all connections.
func (s *natsServer) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func (s *natsServer) serve(c net.Conn) {
	_, _ = fmt.Fprint(c, "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"proto\":1,\"max_payload\":1048576}\r\n")
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		var subject string
		var n int
		switch {
		case strings.HasPrefix(line, "PING"):
			_, _ = fmt.Fprint(c, "PONG\r\n")
		case strings.HasPrefix(line, "PUB"):
			if _, err := fmt.Sscanf(line, "PUB %s %d", &subject, &n); err != nil {
				return
			}
			payload := make([]byte, n+2)
			if _, err := io.ReadFull(r, payload); err != nil {
				return
			}
			s.mu.Lock()
			s.got = append(s.got, subject+" "+string(payload[:n]))
			s.mu.Unlock()
		}
	}
}

func TestNATS(t *testing.T) {
	s := startNATS(t)
	n := target(t, "nats://"+s.l.Addr().String()+"/ozone.events")
	for range 2 {
		if err := n.Send(testContext(t), []Record{record("ObjectCreated:Put", "a"), record("ObjectCreated:Put", "b")}); err != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) != 4 || len(s.conns) != 1 || !strings.HasPrefix(s.got[0], `ozone.events {"Records":[{`) || !strings.Contains(s.got[3], `"key":"b"`) {
		t.Errorf("%d connections: %q", len(s.conns), s.got)
	}
}

// A connection that breaks fails a call or two; then there is a new one.
func TestNATSComesBack(t *testing.T) {
	s := startNATS(t)
	n := target(t, "nats://"+s.l.Addr().String()+"/events")
	if err := n.SendRaw(testContext(t), []byte("1")); err != nil {
		t.Fatal(err)
	}
	s.drop()
	for err := n.SendRaw(testContext(t), []byte("2")); err != nil; err = n.SendRaw(testContext(t), []byte("2")) {
		if testContext(t).Err() != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) < 2 {
		t.Errorf("%q", s.got)
	}
}

func TestTestEvent(t *testing.T) {
	const want = `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2023-11-14T22:13:20.000Z","Bucket":"b","RequestId":"r","HostId":"r"}`
	if got := string(TestEvent("b", "r", time.Unix(1_700_000_000, 0))); got != want {
		t.Errorf("got %s", got)
	}
}
