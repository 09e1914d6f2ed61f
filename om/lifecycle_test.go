package om_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/ozonetest"
)

// fixture is a store with short days and a bucket.
type fixture struct {
	t      *testing.T
	c      *client.Client
	bucket client.BucketRef
}

func newFixture(t *testing.T, options ...ozonetest.Option) *fixture {
	t.Helper()
	store := ozonetest.Start(t, append(options, ozonetest.Set("ozone.lifecycle.debug.day", "20ms"))...)
	f := &fixture{t: t, c: store.Client(), bucket: client.S3Bucket("bucket")}
	_, err := f.c.CreateBucket(t.Context(), client.CreateBucketOptions{Volume: "s3u", Bucket: "bucket", Owner: "u", S3: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) ref(key string) client.KeyRef { return client.KeyRef{BucketRef: f.bucket, Key: key} }

func (f *fixture) change(change client.BucketChange) {
	f.t.Helper()
	if _, err := f.c.SetBucket(f.t.Context(), f.bucket, change, ""); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) rules(rules ...lifecycle.Rule) {
	f.t.Helper()
	for i := range rules {
		rules[i].ID, rules[i].Enabled = fmt.Sprint("rule", i), true
	}
	content, err := (&lifecycle.Config{Rules: rules}).Encode()
	if err != nil {
		f.t.Fatal(err)
	}
	f.change(client.BucketChange{Document: &client.Document{Kind: client.DocumentLifecycle, Content: content}})
}

func (f *fixture) put(key string, size int, o client.PutOptions) client.Object {
	f.t.Helper()
	obj, err := f.c.PutObject(f.t.Context(), f.ref(key), bytes.NewReader(make([]byte, size)), o)
	if err != nil {
		f.t.Fatal(err)
	}
	return obj
}

// versions are "key" for versions and "key-" for markers, with "*" behind the latest.
func (f *fixture) versions() []string {
	f.t.Helper()
	l, err := f.c.ListVersions(f.t.Context(), f.bucket, client.VersionListOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	var out []string
	for _, v := range l.Versions {
		s := v.Key
		if v.DeleteMarker {
			s += "-"
		}
		if v.Latest {
			s += "*"
		}
		out = append(out, s)
	}
	return out
}

// becomes waits until the versions are those.
func (f *fixture) becomes(want ...string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		got := f.versions()
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.t.Fatalf("the versions are %q, not %q", got, want)
		}
	}
}

// What a round does to the keys it comes to last shows that it went over the others.
func TestLifecycleExpiration(t *testing.T) {
	f := newFixture(t)
	tagged := client.PutOptions{Meta: client.Meta{Tags: map[string]string{"tier": "cold"}}}
	for _, key := range []string{"a/keep", "tmp/1", "tmp/2", "z/witness"} {
		f.put(key, 10, client.PutOptions{})
	}
	f.put("size/large", 1000, client.PutOptions{})
	f.put("size/small", 10, client.PutOptions{})
	f.put("tag/cold", 10, tagged)
	f.put("tag/none", 10, client.PutOptions{})
	hundred := uint64(100)
	f.rules(
		lifecycle.Rule{ExpireDays: 1, Filter: lifecycle.Filter{Prefix: "tmp/"}},
		lifecycle.Rule{ExpireDays: 1, Filter: lifecycle.Filter{Prefix: "size/", LargerThan: &hundred}},
		lifecycle.Rule{ExpireDays: 1, Filter: lifecycle.Filter{Tags: map[string]string{"tier": "cold"}}},
		lifecycle.Rule{ExpireDays: 1_000_000, Filter: lifecycle.Filter{Prefix: "a/"}},
		lifecycle.Rule{ExpireDate: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Filter: lifecycle.Filter{Prefix: "z/"}},
	)
	f.becomes("a/keep*", "size/small*", "tag/none*")
}

func TestLifecycleOfVersions(t *testing.T) {
	f := newFixture(t)
	f.put("keep", 1, client.PutOptions{}) // a null version
	f.change(client.BucketChange{Versioning: "Enabled"})
	for range 4 {
		f.put("keep", 1, client.PutOptions{})
	}
	f.put("one", 1, client.PutOptions{})
	f.put("two", 1, client.PutOptions{})
	f.put("two", 1, client.PutOptions{})
	f.rules(
		lifecycle.Rule{NoncurrentDays: 1, NoncurrentKeep: 2, Filter: lifecycle.Filter{Prefix: "keep"}},
		lifecycle.Rule{ExpireDays: 1, NoncurrentDays: 1_000_000, Filter: lifecycle.Filter{Prefix: "one"}},
		lifecycle.Rule{ExpireDays: 1, NoncurrentDays: 1, Filter: lifecycle.Filter{Prefix: "two"}},
	)
	// "two" gets a marker, loses its versions and then the marker.
	f.becomes("keep*", "keep", "keep", "one-*", "one")
}

func TestLifecycleOfMarkers(t *testing.T) {
	f := newFixture(t)
	f.change(client.BucketChange{Versioning: "Enabled"})
	yes := true
	version := f.put("behind", 1, client.PutOptions{})
	keys := []client.DeleteKey{{Key: "alone"}, {Key: "behind"}, {Key: "other"}}
	if _, err := f.c.DeleteObjects(t.Context(), f.bucket, keys, ""); err != nil {
		t.Fatal(err)
	}
	f.rules(lifecycle.Rule{ExpireDeleteMarker: &yes, Filter: lifecycle.Filter{Prefix: "alone"}}, lifecycle.Rule{ExpireDeleteMarker: &yes, Filter: lifecycle.Filter{Prefix: "b"}})
	f.becomes("behind-*", "behind", "other-*")
	if _, err := f.c.DeleteObjects(t.Context(), f.bucket, []client.DeleteKey{{Key: "behind", VersionID: version.VersionID}}, ""); err != nil {
		t.Fatal(err)
	}
	f.becomes("other-*")
}

// Suspended buckets get a null marker, which replaces the null version.
func TestLifecycleWhereVersioningIsSuspended(t *testing.T) {
	f := newFixture(t)
	f.change(client.BucketChange{Versioning: "Enabled"})
	f.put("k", 1, client.PutOptions{})
	f.change(client.BucketChange{Versioning: "Suspended"})
	f.put("k", 1, client.PutOptions{})
	f.rules(lifecycle.Rule{ExpireDays: 1})
	f.becomes("k-*", "k")
}

// A locked version stays, whatever the rules say.
func TestLifecycleOfLockedVersions(t *testing.T) {
	f := newFixture(t)
	f.change(client.BucketChange{Versioning: "Enabled"})
	f.change(client.BucketChange{ObjectLock: &client.ObjectLock{}})
	held := client.PutOptions{Protection: client.Protection{LegalHold: true}}
	retained := client.PutOptions{Protection: client.Protection{
		Retention: &client.Retention{Mode: "COMPLIANCE", Until: time.Now().Add(time.Hour)}}}
	f.put("held", 1, held)
	f.put("retained", 1, retained)
	f.put("witness", 1, client.PutOptions{})
	for _, key := range []string{"held", "retained", "witness"} {
		f.put(key, 1, client.PutOptions{})
	}
	f.rules(lifecycle.Rule{NoncurrentDays: 1})
	f.becomes("held*", "held", "retained*", "retained", "witness*")
}

func TestLifecycleAbortsUploads(t *testing.T) {
	f := newFixture(t)
	for _, key := range []string{"tmp/a", "other", "tmp/b"} {
		up, err := f.c.CreateUpload(t.Context(), f.ref(key), client.UploadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ref := client.UploadRef{KeyRef: f.ref(key), ID: up.ID}
		if _, err := f.c.PutPart(t.Context(), ref, 1, strings.NewReader("part"), client.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	f.rules(lifecycle.Rule{AbortUploadDays: 1, Filter: lifecycle.Filter{Prefix: "tmp/"}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		l, err := f.c.ListUploads(ctx, f.bucket, client.UploadListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Uploads) == 1 && l.Uploads[0].Key == "other" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("open uploads: %v", l.Uploads)
		}
	}
}

// More than a page, while it is written to: what is young enough is never touched.
func TestLifecycleOfManyVersions(t *testing.T) {
	f := newFixture(t)
	f.change(client.BucketChange{Versioning: "Enabled"})
	var want []string
	for i := range 30 {
		key := fmt.Sprintf("k%02d", i)
		for range 45 {
			f.put(key, 0, client.PutOptions{})
		}
		want = append(want, key+"*", key)
	}
	f.rules(lifecycle.Rule{NoncurrentDays: 1, NoncurrentKeep: 1})
	f.becomes(want...)
	for i := range 30 { // the current versions can be read
		o, err := f.c.GetObject(t.Context(), f.ref(fmt.Sprintf("k%02d", i)), "")
		if err != nil {
			t.Fatal(err)
		}
		r := f.c.ReadObject(t.Context(), o, 0, o.Size)
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
		_ = r.Close()
	}
}
