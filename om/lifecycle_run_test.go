package om

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

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
