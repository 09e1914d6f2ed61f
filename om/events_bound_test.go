package om

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Too many events for a target that takes none: the oldest go, and the newest come when
// it is back. Events of a target that is configured no more are bounded too.
func TestEventsAreBounded(t *testing.T) {
	var up atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer hook.Close()
	c, _ := testConfig(t, t.TempDir())
	c.EventTargets, c.EventBacklog = []string{"hook=webhook:" + hook.URL, "gone=webhook:" + hook.URL}, 10
	s := openServer(t, c)
	defer func() { closeServer(t, s) }()
	ref := makeBucket(t, s)
	var config notification.Config
	for _, target := range []string{"hook", "gone"} {
		config.Rules = append(config.Rules, notification.Rule{ID: target, ARN: "arn:ozone:s3:::" + target, Events: []string{"s3:ObjectCreated:*"}})
	}
	content, err := config.Encode()
	if err != nil {
		t.Fatal(err)
	}
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_SetBucket{SetBucket: &ompb.SetBucket{Ref: ref,
		Change: &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: "notification", Content: content}}}}})
	put := func(from, to int) {
		for i := from; i < to; i++ {
			submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_CommitKey{CommitKey: &ompb.CommitKey{Ref: ref, Key: fmt.Sprintf("k%02d", i)}}})
		}
	}
	waiting := func(target string) (keys []string) {
		err := s.node.View(func(tx *table.Txn) error {
			state.Events(tx, target, 0, 0, func(e *ompb.EventInfo) bool { keys = append(keys, e.Key); return true })
			return tx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	put(0, 30)
	for _, target := range []string{"hook", "gone"} {
		until(t, nil, "the bound of "+target, func() bool {
			keys := waiting(target)
			return len(keys) == 10 && keys[0] == "k20" && keys[9] == "k29"
		})
	}

	closeServer(t, s)
	c.EventTargets = c.EventTargets[:1]
	s = openServer(t, c)
	up.Store(true)
	until(t, nil, "delivery", func() bool { return len(waiting("hook")) == 0 })
	if keys := waiting("gone"); len(keys) != 10 {
		t.Errorf("%d events wait for a target that is not configured", len(keys))
	}
}
