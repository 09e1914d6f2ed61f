package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"pgregory.net/rapid"
)

// eventHistory is a bucket that is changed at random, and what its targets must be told.
type eventHistory struct {
	*rapid.T
	m     *machine
	rules []notification.Rule
	want  map[string][]string // "event key version" by target
}

// expect notes an event for every rule that it fits, read off the rule's own words.
func (h *eventHistory) expect(event, key, version string) {
	for _, r := range h.rules {
		fits := strings.HasPrefix(key, r.Prefix) && (r.Events[0] == "s3:"+event || r.Events[0] == "s3:"+strings.Split(event, ":")[0]+":*")
		if target := strings.TrimPrefix(r.ARN, "arn:ozone:s3:::"); fits {
			h.want[target] = append(h.want[target], event+" "+key+" "+version)
		}
	}
}

func (h *eventHistory) key() string {
	return rapid.SampledFrom([]string{"a/1", "a/2", "b/1"}).Draw(h.T, "key")
}

func (h *eventHistory) notify() {
	h.rules = nil
	for i, target := range []string{"p", "q", "p"} { // two rules for p
		if !rapid.Bool().Draw(h.T, "rule") {
			continue
		}
		event := rapid.SampledFrom([]string{"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:LifecycleExpiration:*", "s3:ObjectTagging:Put"}).Draw(h.T, "event")
		h.rules = append(h.rules, notification.Rule{ID: fmt.Sprint(i), ARN: "arn:ozone:s3:::" + target, Events: []string{event},
			Prefix: rapid.SampledFrom([]string{"", "a/", "b/"}).Draw(h.T, "prefix")})
	}
	content, err := (&notification.Config{Rules: h.rules}).Encode()
	if err != nil {
		h.Fatalf("%v", err)
	}
	h.m.must(setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: "notification", Content: content}}}))
}

func (h *eventHistory) put() {
	key := h.key()
	id := h.m.must(commit("bkt", key, nil)).GetKey().Key.VersionId
	if id == "" && h.versioned() {
		id = nullVersion
	}
	h.expect("ObjectCreated:Put", key, id)
}

func (h *eventHistory) versioned() bool {
	return h.m.must(&ompb.Request{Op: &ompb.Request_GetBucket{GetBucket: &ompb.GetBucket{Ref: ref("bkt")}}}).GetBucket().Versioning != ""
}

// delete deletes some keys, or the newest version of each, in one request.
func (h *eventHistory) delete() {
	group := rapid.SampledFrom([]string{"ObjectRemoved:", "LifecycleExpiration:"}).Draw(h.T, "why")
	req := remove("bkt", h.key(), h.key())
	req.GetDeleteKeys().Lifecycle = group != "ObjectRemoved:"
	if rapid.Bool().Draw(h.T, "versions") {
		for _, d := range req.GetDeleteKeys().Keys {
			l := h.m.must(&ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: &ompb.ListVersions{Ref: ref("bkt"), Prefix: d.Key, Limit: 1}}}).GetVersions().Versions
			if len(l) == 1 {
				d.VersionId = versionName(l[0])
			}
		}
	}
	versioned := h.versioned()
	for _, r := range h.m.must(req).GetDeletes().Results {
		id := ""
		if versioned {
			id = r.VersionId
		}
		switch {
		case r.MarkerAdded:
			h.expect(group+"DeleteMarkerCreated", r.Key, id)
		case r.Existed:
			h.expect(group+"Delete", r.Key, id)
		}
	}
}

func (h *eventHistory) tag() {
	key := h.key()
	tags := &ompb.SetKeyTags{Ref: ref("bkt"), Key: key, Tags: map[string]string{"k": "v"}}
	k := h.m.do(&ompb.Request{Op: &ompb.Request_SetKeyTags{SetKeyTags: tags}})
	if k.Error != nil {
		return
	}
	id := k.GetKey().Key.VersionId
	if id == "" && h.versioned() {
		id = nullVersion
	}
	h.expect("ObjectTagging:Put", key, id)
}

func (h *eventHistory) forget() {
	target := rapid.SampledFrom([]string{"p", "q"}).Draw(h.T, "target")
	events := h.m.events(target)
	n := rapid.IntRange(0, len(events)).Draw(h.T, "forgotten")
	h.m.must(&ompb.Request{Op: &ompb.Request_ForgetEvents{ForgetEvents: &ompb.ForgetEvents{Events: events[:n]}}})
	h.want[target] = h.want[target][n:]
}

func (h *eventHistory) check() {
	for _, target := range []string{"p", "q"} {
		var got []string
		for _, e := range h.m.events(target) {
			got = append(got, e.Event+" "+e.Key+" "+e.VersionId)
		}
		if !slices.Equal(got, h.want[target]) {
			h.Fatalf("%s is told\n%q, want\n%q", target, got, h.want[target])
		}
	}
}

// Whatever happens to a bucket, each target is told of what its rules name, in order,
// and of nothing else.
func TestEventsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, done := tempDir(rt)
		defer done()
		db := openDB(rt, dir)
		defer func() {
			if err := db.Close(); err != nil {
				rt.Fatalf("close: %v", err)
			}
		}()
		h := &eventHistory{T: rt, m: newMachine(rt, db), want: map[string][]string{}}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0, 1:
				h.notify()
			case 2:
				h.m.must(setVersions("bkt", rapid.SampledFrom([]string{enabled, suspended}).Draw(rt, "versioning")))
			case 3, 4:
				h.put()
			case 5, 6, 7:
				h.delete()
			case 8:
				h.tag()
			case 9:
				h.forget()
			}
			h.check()
		}
	})
}
