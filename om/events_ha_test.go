package om

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/notify"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// submitAny gives the request to whoever leads, and says who did.
func submitAny(t *testing.T, servers []*Server, req *ompb.Request) *Server {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range servers {
			_, err := s.Submit(ctx, req)
			if err == nil {
				return s
			}
			if c := ozerr.CodeOf(err); c != ozerr.NotLeader && c != ozerr.Unavailable {
				t.Fatalf("%s answers %v", s.cfg.ID, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("nobody leads")
		}
	}
}

// Events that one leader could not deliver are delivered by the next: all of them, and
// the first of each in order.
func TestEventsSurviveAFailOver(t *testing.T) {
	var mu sync.Mutex
	var up bool
	var got []string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var m struct{ Records []notify.Record }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || !up {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, e := range m.Records {
			if !slices.Contains(got, e.S3.Object.Key) {
				got = append(got, e.S3.Object.Key)
			}
		}
	}))
	defer hook.Close()
	servers := threeServers(t, func(c *Config) { c.EventTargets = []string{"hook=webhook:" + hook.URL} })
	content, err := (&notification.Config{Rules: []notification.Rule{
		{ID: "all", ARN: "arn:ozone:s3:::hook", Events: []string{"s3:ObjectCreated:*"}}}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	ref := &ompb.BucketRef{Volume: "s3u", Bucket: "bucket"}
	submitAny(t, servers, &ompb.Request{User: "u", Op: &ompb.Request_CreateBucket{CreateBucket: &ompb.CreateBucket{
		Volume: ref.Volume, Bucket: ref.Bucket, S3: true}}})
	leader := submitAny(t, servers, &ompb.Request{User: "u", Op: &ompb.Request_SetBucket{SetBucket: &ompb.SetBucket{Ref: ref,
		Change: &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: "notification", Content: content}}}}})
	var want []string
	put := func() {
		key := fmt.Sprintf("k%02d", len(want))
		want = append(want, key)
		leader = submitAny(t, servers, &ompb.Request{User: "u", Op: &ompb.Request_CommitKey{CommitKey: &ompb.CommitKey{Ref: ref, Key: key}}})
	}
	for range 20 {
		put()
	}
	closeServer(t, leader)
	servers = slices.DeleteFunc(servers, func(s *Server) bool { return s == leader })
	put()
	mu.Lock()
	up = true
	mu.Unlock()
	until(t, nil, "delivery", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
