package om

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// What a listing says of each version is what all of them together say.
func TestVersionRun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var list []*ompb.KeyInfo
		var want []found
		for k := range rapid.IntRange(0, 5).Draw(rt, "keys") {
			n := rapid.IntRange(1, 6).Draw(rt, "versions")
			newer := 0
			for i := range n {
				v := &ompb.KeyInfo{
					Key: fmt.Sprint(k), ModifiedNs: int64(1000*k + 100 - i), Latest: i == 0,
					DeleteMarker: rapid.Bool().Draw(rt, "marker"),
				}
				f := found{info: v, only: n == 1}
				if i > 0 {
					f.since, f.newer = time.Unix(0, v.ModifiedNs+1), newer
					if !v.DeleteMarker {
						newer++
					}
				}
				list, want = append(list, v), append(want, f)
			}
		}
		var w versionRun
		var got []found
		for i, v := range append(list, nil) {
			f := w.next(v)
			if (f == nil) != (i == 0) {
				rt.Fatalf("version %d of %d gave %v", i, len(list), f)
			}
			if f != nil {
				got = append(got, *f)
			}
		}
		if len(got) != len(want) {
			rt.Fatalf("%d versions, want %d", len(got), len(want))
		}
		for i := range got {
			if g, w := got[i], want[i]; g.info != w.info || g.only != w.only || g.newer != w.newer || !g.since.Equal(w.since) {
				rt.Fatalf("version %d: %+v, want %+v", i, g, w)
			}
		}
	})
}

// A listing that comes again to a key from its latest version counts it anew.
func TestVersionRunAgain(t *testing.T) {
	var w versionRun
	version := func(latest bool) *ompb.KeyInfo { return &ompb.KeyInfo{Key: "k", Latest: latest} }
	for _, v := range []*ompb.KeyInfo{version(true), version(false), version(false), version(true), version(false)} {
		w.next(v)
	}
	if f := w.next(nil); f.newer != 0 {
		t.Errorf("%d newer noncurrent versions, want none", f.newer)
	}
}

// What changed between judgement and deletion stays: another version of the key, one
// that became current again, a marker that is not alone any more.
func TestLifecycleMeetsChanges(t *testing.T) {
	c, _ := testConfig(t, t.TempDir())
	c.Lifecycle, c.LifecycleDay = false, time.Nanosecond
	s := openServer(t, c)
	defer closeServer(t, s)
	ref := makeBucket(t, s)
	put := func(key string) string {
		return submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_CommitKey{CommitKey: &ompb.CommitKey{Ref: ref, Key: key}}}).GetKey().GetKey().GetVersionId()
	}
	remove := func(key, version string) {
		submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_DeleteKeys{DeleteKeys: &ompb.DeleteKeys{Ref: ref,
			Keys: []*ompb.KeyToDelete{{Key: key, VersionId: version}}}}})
	}
	yes := true
	rules := &lifecycle.Config{Rules: []lifecycle.Rule{
		{ID: "1", Enabled: true, ExpireDays: 1, Filter: lifecycle.Filter{Prefix: "current"}},
		{ID: "2", Enabled: true, NoncurrentDays: 1}, {ID: "3", Enabled: true, ExpireDeleteMarker: &yes}}}
	content, err := rules.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []*ompb.SetBucket{
		{Ref: ref, Change: &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: lifecycleKind, Content: content}}},
		{Ref: ref, Change: &ompb.SetBucket_Versioning{Versioning: "Enabled"}},
	} {
		submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_SetBucket{SetBucket: change}})
	}
	put("current")
	put("noncurrent")
	newest := put("noncurrent")
	remove("marker", "")

	b := submit(t, s, &ompb.Request{Op: &ompb.Request_GetBucket{GetBucket: &ompb.GetBucket{Ref: ref}}}).GetBucket()
	x := &expirer{s: s, id: b.Id, ref: ref}
	err = s.node.View(func(tx *table.Txn) error {
		_, err := x.page(tx, &ompb.ListVersions{Ref: ref}, time.Now())
		return err
	})
	if err != nil || len(x.due) != 3 {
		t.Fatalf("%v is due, %v", x.due, err)
	}
	put("current")
	remove("noncurrent", newest)
	put("marker")
	if err := x.remove(testContext(t)); err != nil || x.removed != 0 {
		t.Errorf("%d removed, %v", x.removed, err)
	}
	list := submit(t, s, &ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: &ompb.ListVersions{Ref: ref}}}).GetVersions().GetVersions()
	if len(list) != 5 {
		t.Errorf("left are %v", list)
	}

	// Other rules end a run, and so does another bucket of the same name.
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_SetBucket{SetBucket: &ompb.SetBucket{Ref: ref,
		Change: &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: lifecycleKind, Content: content}}}}})
	for _, x := range []*expirer{x, {s: s, id: b.Id + 1, ref: ref}} {
		err := s.node.View(func(tx *table.Txn) error { return x.load(tx) })
		if !errors.Is(err, errChanged) {
			t.Errorf("%v", err)
		}
	}
}
