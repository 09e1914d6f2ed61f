package om_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/ozonetest"
)

// hook is a web server that takes events, when it is not down.
type hook struct {
	*httptest.Server

	mu    sync.Mutex
	down  bool
	tries int
	got   []string // "event key", or "s3:TestEvent bucket"
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.tries++
		if h.down || err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.got = append(h.got, eventNames(t, body)...)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

func (h *hook) events() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

func (h *hook) attempts() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tries
}

// eventNames are the events of a message, or of a line of a file.
func eventNames(t *testing.T, message []byte) (out []string) {
	type record struct {
		EventName string `json:"eventName"`
		S3        struct {
			Object struct {
				Key string `json:"key"`
			} `json:"object"`
		} `json:"s3"`
	}
	var m struct {
		record
		Event, Bucket string
		Records       []record
	}
	if err := json.Unmarshal(message, &m); err != nil {
		t.Errorf("%v: %s", err, message)
	}
	if m.Event != "" {
		return []string{m.Event + " " + m.Bucket}
	}
	if m.EventName != "" {
		m.Records = append(m.Records, m.record)
	}
	for _, r := range m.Records {
		out = append(out, r.EventName+" "+r.S3.Object.Key)
	}
	return out
}

// eventually waits until got gives want.
func eventually(t *testing.T, what string, got func() []string, want []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		have := got()
		if slices.Equal(have, want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %q, want %q", what, have, want)
		}
	}
}

// without leaves out the test events, which need not come.
func without(events []string) (out []string) {
	for _, e := range events {
		if !strings.HasPrefix(e, "s3:TestEvent") {
			out = append(out, e)
		}
	}
	return out
}

func (f *fixture) notify(targets ...string) {
	f.t.Helper()
	f.change(client.BucketChange{Document: notificationDocument(f.t, targets...)})
}

func notificationDocument(t *testing.T, targets ...string) *client.Document {
	c := &notification.Config{}
	for _, id := range targets {
		c.Rules = append(c.Rules, notification.Rule{ID: id, Kind: notification.Queue, ARN: "arn:ozone:s3:::" + id,
			Events: []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"}})
	}
	content, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &client.Document{Kind: client.DocumentNotification, Content: content}
}

func targets(specs ...string) ozonetest.Option {
	return ozonetest.Set("mini.om.notification.targets", strings.Join(specs, ","))
}

func created(keys ...string) (out []string) {
	for _, key := range keys {
		out = append(out, "ObjectCreated:Put "+key)
	}
	return out
}

func TestNotifications(t *testing.T) {
	h, path := newHook(t), filepath.Join(t.TempDir(), "events")
	f := newFixture(t, targets("hook=webhook:"+h.URL, "file=file:"+path))
	f.put("before", 1, client.PutOptions{})
	f.notify("hook", "file")
	eventually(t, "test event", h.events, []string{"s3:TestEvent bucket"})
	f.put("a b", 1, client.PutOptions{})
	if _, err := f.c.DeleteObjects(t.Context(), f.bucket, []client.DeleteKey{{Key: "a b"}}, ""); err != nil {
		t.Fatal(err)
	}
	want := []string{"ObjectCreated:Put a+b", "ObjectRemoved:Delete a+b"}
	eventually(t, "webhook", func() []string { return without(h.events()) }, want)
	lines := func() (out []string) {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if !strings.HasSuffix(line, "\n") { // being written
				return nil
			}
			out = append(out, eventNames(t, []byte(line))...)
		}
		return without(out)
	}
	eventually(t, "file", lines, want)

	f.change(client.BucketChange{Document: &client.Document{Kind: client.DocumentNotification}})
	f.put("after", 1, client.PutOptions{})
	f.notify("hook")
	f.put("last", 1, client.PutOptions{})
	eventually(t, "after a pause", func() []string { return without(h.events()) }, append(want, "ObjectCreated:Put last"))
}

// A target that is down holds up neither writers nor other targets, and gets all there
// was, in order, when it is back.
func TestNotificationsToATargetThatIsDown(t *testing.T) {
	down, up := newHook(t), newHook(t)
	down.set(true)
	f := newFixture(t, targets("down=webhook:"+down.URL, "up=webhook:"+up.URL))
	f.notify("down", "up")
	var keys []string
	for i := range 250 {
		keys = append(keys, fmt.Sprintf("k%03d", i))
		f.put(keys[i], 0, client.PutOptions{})
	}
	eventually(t, "the other target", func() []string { return without(up.events()) }, created(keys...))
	eventually(t, "a second attempt", func() []string { return []string{fmt.Sprint(down.attempts() > 2)} }, []string{"true"})
	down.set(false)
	eventually(t, "the target that was down", func() []string { return without(down.events()) }, created(keys...))
}

// Events are in om's log: they come after a restart, also those of a bucket that has
// been removed meanwhile.
func TestNotificationsSurviveARestart(t *testing.T) {
	h, dir := newHook(t), t.TempDir()
	h.set(true)
	option := targets("hook=webhook:" + h.URL)
	first := ozonetest.Start(t, option, ozonetest.DataDir(dir))
	f := &fixture{t: t, c: first.Client(), bucket: client.S3Bucket("bucket")}
	if _, err := f.c.CreateBucket(t.Context(), client.CreateBucketOptions{Volume: "s3u", Bucket: "bucket", Owner: "u", S3: true}); err != nil {
		t.Fatal(err)
	}
	f.notify("hook")
	f.put("a", 1, client.PutOptions{})
	if _, err := f.c.DeleteObjects(t.Context(), f.bucket, []client.DeleteKey{{Key: "a"}}, ""); err != nil {
		t.Fatal(err)
	}
	if err := f.c.DeleteBucket(t.Context(), f.bucket, ""); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	h.set(false)
	ozonetest.Start(t, option, ozonetest.DataDir(dir))
	eventually(t, "webhook", func() []string { return without(h.events()) }, []string{"ObjectCreated:Put a", "ObjectRemoved:Delete a"})
}

func TestNotificationsToUnknownTargets(t *testing.T) {
	f := newFixture(t, targets("hook=webhook:http://127.0.0.1:1/"))
	_, err := f.c.SetBucket(t.Context(), f.bucket, client.BucketChange{Document: notificationDocument(t, "hook", "other")}, "")
	if !errors.Is(err, ozerr.InvalidArgument) || !strings.Contains(err.Error(), "arn:ozone:s3:::other") {
		t.Errorf("%v", err)
	}
}

// What lifecycle rules do is told as such.
func TestNotificationsOfLifecycle(t *testing.T) {
	h := newHook(t)
	f := newFixture(t, targets("hook=webhook:"+h.URL))
	f.notify("hook")
	f.put("k", 1, client.PutOptions{})
	f.rules(lifecycle.Rule{ExpireDays: 1})
	eventually(t, "webhook", func() []string { return without(h.events()) }, []string{"ObjectCreated:Put k", "LifecycleExpiration:Delete k"})
}
