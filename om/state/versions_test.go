package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"pgregory.net/rapid"
)

func listVersions(r *ompb.ListVersions) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: r}}
}

// naiveVersions is the definition: all entries by key and age, grouped by the delimiter;
// of those behind `after` the first `limit`.
func naiveVersions(versions map[string][]string, r *ompb.ListVersions) (names []string, more bool) {
	for _, key := range slices.Sorted(maps.Keys(versions)) {
		if !strings.HasPrefix(key, r.Prefix) || key < r.AfterKey || key == r.AfterKey && r.AfterVersion == "" {
			continue
		}
		common := ""
		if at := strings.Index(key[len(r.Prefix):], r.Delimiter); r.Delimiter != "" && at >= 0 {
			common = key[:len(r.Prefix)+at+len(r.Delimiter)]
		}
		seen := key != r.AfterKey
		for _, id := range versions[key] {
			name := key + "|" + id
			if common != "" {
				name = common
			}
			if common != "" && common == r.AfterKey || len(names) > 0 && names[len(names)-1] == name {
				continue
			}
			if common == "" && !seen {
				seen = id == r.AfterVersion
				continue
			}
			if len(names) == int(r.Limit) {
				return names, true
			}
			names = append(names, name)
		}
	}
	return names, false
}

func TestListVersionsLikeNaive(t *testing.T) {
	name := rapid.StringMatching("[ab/\x00\u00e9]{1,4}")
	maybe := rapid.StringMatching("[ab/\x00\u00e9]{0,2}")
	m, n := testMachine(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n += 2
		bucket, next := fmt.Sprintf("bucket%06d", n), fmt.Sprintf("bucket%06d", n+1)
		m.must(createBucket("vol", bucket, "alice", false))
		m.must(createBucket("vol", next, "alice", false))
		m.must(setVersions(next, enabled))
		m.must(remove(next, "a", "b/", "\x00")) // must never show up
		versions := map[string][]string{}       // ids, the newest first
		for i, key := range rapid.SliceOfN(name, 0, 40).Draw(rt, "keys") {
			if i == 5 {
				m.must(setVersions(bucket, enabled))
			}
			id := nullVersion
			if i >= 5 && rapid.Bool().Draw(rt, "delete") {
				id = m.removed(remove(bucket, key)).VersionId
			} else if made := m.must(commit(bucket, key, nil)).GetKey().Key.VersionId; made != "" {
				id = made
			} else {
				versions[key] = nil
			}
			versions[key] = append([]string{id}, versions[key]...)
		}
		for range 10 {
			r := &ompb.ListVersions{
				Ref: ref(bucket), Prefix: maybe.Draw(rt, "prefix"), Delimiter: maybe.Draw(rt, "delimiter"),
				AfterKey: maybe.Draw(rt, "after"), Limit: uint32(rapid.IntRange(1, 10).Draw(rt, "limit")),
			}
			for {
				got := m.must(listVersions(r)).GetVersions()
				want, more := naiveVersions(versions, r)
				var names []string
				for _, v := range got.Versions {
					names = append(names, v.Key+"|"+versionName(v))
					if v.Latest != (versions[v.Key][0] == versionName(v)) {
						rt.Fatalf("%v is latest: %v", v, versions[v.Key])
					}
				}
				sorted := slices.Clone(want)
				slices.Sort(sorted)
				names = append(names, got.CommonPrefixes...)
				slices.Sort(names)
				if !slices.Equal(names, sorted) || got.Truncated != more {
					rt.Fatalf("%v: %q %v, want %q %v", r, names, got.Truncated, want, more)
				}
				if !more {
					break
				}
				last := want[len(want)-1]
				if next := got.NextKey; got.NextVersion != "" && next+"|"+got.NextVersion != last || got.NextVersion == "" && next != last {
					rt.Fatalf("next %q %q after %q", got.NextKey, got.NextVersion, want)
				}
				r.AfterKey, r.AfterVersion = got.NextKey, got.NextVersion
			}
		}
	})
}

// TestListVersionsWhileDeleting: who lists page by page and deletes what it has seen
// sees everything, though what was behind becomes current meanwhile.
func TestListVersionsWhileDeleting(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "k", nil))
	m.must(setVersions("bkt", enabled))
	for range 3 {
		m.must(commit("bkt", "k", nil))
		m.must(remove("bkt", "k"))
	}
	m.must(setVersions("bkt", suspended))
	m.must(remove("bkt", "k")) // the null version is a marker now, in front
	m.must(setVersions("bkt", enabled))
	m.must(commit("bkt", "k", nil))
	seen := 0
	r := &ompb.ListVersions{Ref: ref("bkt"), Limit: 1}
	for more := true; more; {
		l := m.must(listVersions(r)).GetVersions()
		for _, v := range l.Versions {
			if !v.Latest {
				t.Errorf("%v is the newest that is left", v)
			}
			m.removed(removeVersion("bkt", "k", versionName(v)))
			seen++
		}
		more, r.AfterKey, r.AfterVersion = l.Truncated, l.NextKey, l.NextVersion
	}
	if seen != 8 {
		t.Errorf("%d versions seen", seen)
	}
	m.must(deleteBucket(ref("bkt")))
	m.must(createBucket("vol", "bkt", "alice", false))
	for _, bad := range []*ompb.ListVersions{
		{Ref: ref("bkt"), AfterVersion: nullVersion}, {Ref: ref("bkt"), AfterKey: "k", AfterVersion: "x"},
	} {
		m.wants(listVersions(bad), ozerr.InvalidArgument)
	}
}

// TestListVersionsSeeks: the cost of a page is what it returns, not what lies below its
// common prefixes or in front of where it goes on.
func TestListVersionsSeeks(t *testing.T) {
	m := testMachine(t)
	m.must(setVersions("bkt", enabled))
	tx := m.db.Update()
	m.index++
	for i := range 20_000 {
		req := commit("bkt", fmt.Sprintf("p%d/%04d", i%4, i%1000), nil)
		if i%3 == 0 {
			req = remove("bkt", req.GetCommitKey().Key)
		}
		m.stamp(req)
		if resp := Apply(tx, m.index, req); resp.Error != nil {
			t.Fatal(resp.Error)
		}
	}
	if err := tx.Commit(m.index, 1); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		r    *ompb.ListVersions
		want int
	}{
		{&ompb.ListVersions{Delimiter: "/"}, 4},
		{&ompb.ListVersions{Prefix: "p3/0500", AfterKey: "p3/0500", Limit: 5}, 0},
		{&ompb.ListVersions{AfterKey: "p3/0998", Limit: 5}, 5},
	} {
		tt.r.Ref = ref("bkt")
		allocs := testing.AllocsPerRun(1, func() {
			if l := m.must(listVersions(tt.r)).GetVersions(); len(l.Versions)+len(l.CommonPrefixes) != tt.want {
				t.Errorf("%v: %v", tt.r, l)
			}
		})
		if allocs > 1000 {
			t.Errorf("%v: %.0f allocations", tt.r, allocs)
		}
	}
}
