package state

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func setDocument(t testing.TB, bucket, kind string, content []byte) *ompb.Request {
	t.Helper()
	return setBucket(bucket, &ompb.SetBucket{Change: &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: kind, Content: content}}})
}

// notify makes the bucket tell the target of events.
func notify(t testing.TB, bucket string, rules ...notification.Rule) *ompb.Request {
	t.Helper()
	content, err := (&notification.Config{Rules: rules}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return setDocument(t, bucket, "notification", content)
}

// everything is a rule for all that happens.
func everything(target string) notification.Rule {
	return notification.Rule{ID: "rule-" + target, Kind: notification.Queue, ARN: "arn:ozone:s3:::" + target, Events: []string{
		"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"}}
}

func (m *machine) events(target string) (out []*ompb.EventInfo) {
	tx := m.db.View()
	defer tx.Discard()
	Events(tx, target, 0, 0, func(e *ompb.EventInfo) bool { out = append(out, e); return true })
	if err := tx.Err(); err != nil {
		m.t.Fatalf("events: %v", err)
	}
	return out
}

func names(events []*ompb.EventInfo) (out []string) {
	for _, e := range events {
		out = append(out, e.Event+" "+e.Key)
	}
	return out
}

func TestEvents(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "before", nil)) // nobody asked yet
	m.must(notify(t, "bkt", everything("q")))

	post := commit("bkt", "form", nil)
	post.GetCommitKey().Post = true
	byRule := remove("bkt", "form")
	byRule.GetDeleteKeys().Lifecycle = true
	tags := func(tags map[string]string) *ompb.Request {
		return &ompb.Request{Op: &ompb.Request_SetKeyTags{SetKeyTags: &ompb.SetKeyTags{Ref: ref("bkt"), Key: "a", Tags: tags}}}
	}
	m.must(commit("bkt", "a", nil))
	m.must(post)
	m.must(copyOf("bkt", "a", "bkt", "b"))
	m.must(rename("bkt", "b", "c"))
	m.must(tags(map[string]string{"k": "v"}))
	m.must(tags(nil))
	m.must(&ompb.Request{Op: &ompb.Request_SetKeyAcl{SetKeyAcl: &ompb.SetKeyACL{Ref: ref("bkt"), Key: "a", Acl: &ompb.ACL{}}}})
	m.must(remove("bkt", "c", "nothing"))
	m.must(byRule)
	id := m.must(createUpload("bkt", "up")).GetUpload().UploadId
	m.must(part("bkt", "up", id, 1, md5Hex("p")))
	m.must(complete("bkt", "up", id, &ompb.Part{Number: 1, Etag: md5Hex("p")}))
	m.wants(commit("bkt", "a", &ompb.Condition{IfNoneMatch: []string{"*"}}), ozerr.PreconditionFailed)

	m.must(setVersions("bkt", enabled))
	version := m.must(commit("bkt", "v", nil)).GetKey().Key.VersionId
	marker := m.removed(remove("bkt", "v"))
	m.removed(removeVersion("bkt", "v", version))
	byRule = remove("bkt", "a")
	byRule.GetDeleteKeys().Lifecycle = true
	m.must(byRule)
	m.must(notify(t, "bkt")) // nobody asks any more
	m.must(commit("bkt", "after", nil))

	events := m.events("q")
	want := []string{
		"ObjectCreated:Put a", "ObjectCreated:Post form", "ObjectCreated:Copy b", "ObjectCreated:Copy c", "ObjectRemoved:Delete b",
		"ObjectTagging:Put a", "ObjectTagging:Delete a", "ObjectAcl:Put a", "ObjectRemoved:Delete c", "LifecycleExpiration:Delete form",
		"ObjectCreated:CompleteMultipartUpload up",
		"ObjectCreated:Put v", "ObjectRemoved:DeleteMarkerCreated v", "ObjectRemoved:Delete v", "LifecycleExpiration:DeleteMarkerCreated a",
	}
	if got := names(events); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for i, id := range map[int]string{0: "", 11: version, 12: marker.VersionId, 13: version} {
		if events[i].VersionId != id {
			t.Errorf("event %d is of version %q, want %q", i, events[i].VersionId, id)
		}
	}
	if e := events[0]; e.Bucket != "bkt" || e.Volume != "vol" || e.BucketOwner != "alice" || e.ConfigId != "rule-q" || e.Target != "q" || e.TimeNs == 0 {
		t.Errorf("%v", e)
	}
	for i, e := range events[1:] {
		if (position{e.Index, e.Ordinal}).older(position{events[i].Index, events[i].Ordinal}) {
			t.Errorf("event %d is out of order", i+1)
		}
	}
}

// Every target has its own events, and forgets them by itself.
func TestEventTargets(t *testing.T) {
	m := testMachine(t)
	only := notification.Rule{ID: "1", ARN: "arn:aws:sqs:::jpg", Events: []string{"s3:ObjectCreated:*"}, Suffix: ".jpg"}
	all := notification.Rule{ID: "2", ARN: "arn:aws:sns:::all", Events: []string{"s3:ObjectRemoved:*", "s3:ObjectCreated:*"}}
	m.must(notify(t, "bkt", only, all))
	for i := range 5 {
		m.must(commit("bkt", fmt.Sprintf("%d.png", i), nil))
		m.must(commit("bkt", fmt.Sprintf("%d.jpg", i), nil))
	}
	tx := m.db.View()
	if got := EventTargets(tx); !reflect.DeepEqual(got, []string{"all", "jpg"}) {
		t.Errorf("targets %q", got)
	}
	if got := CountEvents(tx, "all", 0, 0, 100); got != 10 {
		t.Errorf("%d events of all", got)
	}
	if got := CountEvents(tx, "all", 0, 0, 7); got != 7 {
		t.Errorf("%d events of all up to 7", got)
	}
	tx.Discard()

	forget := func(events []*ompb.EventInfo) *ompb.Request {
		return &ompb.Request{Op: &ompb.Request_ForgetEvents{ForgetEvents: &ompb.ForgetEvents{Events: events}}}
	}
	events := m.events("all")
	m.must(forget(events[:3]))
	m.must(forget(events[:3])) // twice is once
	if got := names(m.events("all")); len(got) != 7 || got[0] != "ObjectCreated:Put 1.jpg" {
		t.Errorf("left for all: %q", got)
	}
	if got := names(m.events("jpg")); len(got) != 5 {
		t.Errorf("left for jpg: %q", got)
	}
	m.wants(forget(make([]*ompb.EventInfo, MaxForget+1)), ozerr.InvalidArgument)
}

// A document that om could not read again is refused.
func TestBrokenDocuments(t *testing.T) {
	m := testMachine(t)
	for _, kind := range []string{"notification", "lifecycle"} {
		m.wants(setDocument(t, "bkt", kind, []byte{0xFF}), ozerr.InvalidArgument)
	}
	m.wants(notify(t, "bkt", make([]notification.Rule, maxNotifications+1)...), ozerr.InvalidArgument)
}
