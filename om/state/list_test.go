package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"pgregory.net/rapid"
)

// naiveList is the definition: all names after `after`, grouped, first `limit` of them.
func naiveList(keys []string, r *ompb.ListKeys) (names []string, more bool) {
	for _, key := range keys { // sorted
		if !strings.HasPrefix(key, r.Prefix) || key <= r.After {
			continue
		}
		name := key
		if r.Delimiter != "" {
			if at := strings.Index(key[len(r.Prefix):], r.Delimiter); at >= 0 {
				name = key[:len(r.Prefix)+at+len(r.Delimiter)]
			}
		}
		if name == r.After || len(names) > 0 && names[len(names)-1] == name {
			continue
		}
		if len(names) == int(r.Limit) {
			return names, true
		}
		names = append(names, name)
	}
	return names, false
}

// merged is a listing's keys and prefixes in one sorted list.
func merged(l *ompb.KeyList) []string {
	names := slices.Clone(l.CommonPrefixes)
	for _, k := range l.Keys {
		names = append(names, k.Key)
	}
	slices.Sort(names)
	return names
}

func TestListKeysLikeNaive(t *testing.T) {
	name := rapid.StringMatching("[ab/\x00\u00e9]{1,6}")
	maybe := rapid.StringMatching("[ab/\x00\u00e9]{0,3}")
	m, n := testMachine(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n += 2
		bucket, next := fmt.Sprintf("bucket%06d", n), fmt.Sprintf("bucket%06d", n+1) // ids follow each other
		m.must(createBucket("vol", bucket, "alice", false))
		keys := rapid.SliceOfNDistinct(name, 0, 40, rapid.ID).Draw(rt, "keys")
		for _, key := range keys {
			m.must(commit(bucket, key, nil))
		}
		m.must(createBucket("vol", next, "alice", false))
		m.must(commit(next, "a", nil)) // must never show up
		slices.Sort(keys)
		for range 10 {
			r := &ompb.ListKeys{
				Ref: ref(bucket), Prefix: maybe.Draw(rt, "prefix"), Delimiter: maybe.Draw(rt, "delimiter"),
				After: maybe.Draw(rt, "after"), Limit: uint32(rapid.IntRange(1, 10).Draw(rt, "limit")),
			}
			for {
				got := m.must(&ompb.Request{Op: &ompb.Request_ListKeys{ListKeys: r}}).GetKeys()
				want, more := naiveList(keys, r)
				if !slices.Equal(merged(got), want) || got.Truncated != more {
					rt.Fatalf("%v: %q %v, want %q %v", r, merged(got), got.Truncated, want, more)
				}
				if !more {
					break
				}
				if got.Next != want[len(want)-1] {
					rt.Fatalf("next %q after %q", got.Next, want)
				}
				r.After = got.Next
			}
		}
	})
}

// fill puts n small keys under `prefixes` prefixes, straight into the tables.
func fill(b *testing.B, m *machine, n, prefixes int) {
	const batch = 2000
	for at := 0; at < n; at += batch {
		tx := m.db.Update()
		m.index++
		for i := at; i < min(at+batch, n); i++ {
			key := fmt.Sprintf("p%02d/%08d", i%prefixes, i)
			req := commit("bkt", key, nil, block(uint64(i)+1, 4096))
			m.stamp(req)
			if resp := Apply(tx, m.index, req); resp.Error != nil {
				b.Fatal(resp.Error)
			}
		}
		if err := tx.Commit(m.index, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListDelimiter lists a million keys under ten prefixes: one page of the prefixes,
// and one full page of keys.
func BenchmarkListDelimiter(b *testing.B) {
	db, err := table.Open(b.TempDir(), table.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	m := newMachine(b, db)
	fill(b, m, 1_000_000, 10)
	bench := func(name string, r *ompb.ListKeys, want int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				got := m.must(&ompb.Request{Op: &ompb.Request_ListKeys{ListKeys: r}}).GetKeys()
				if len(got.Keys)+len(got.CommonPrefixes) != want {
					b.Fatal(len(got.Keys), len(got.CommonPrefixes))
				}
			}
		})
	}
	bench("prefixes", &ompb.ListKeys{Ref: ref("bkt"), Delimiter: "/"}, 10)
	bench("page", &ompb.ListKeys{Ref: ref("bkt"), Prefix: "p05/", Delimiter: "/"}, 1000)
}

// BenchmarkCommitKey is one op of a batch of 64, exactly once, on top of 100,000 keys.
func BenchmarkCommitKey(b *testing.B) {
	db, err := table.Open(b.TempDir(), table.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	m := newMachine(b, db)
	fill(b, m, 100_000, 10)
	b.ReportAllocs()
	n, tx := uint64(0), m.db.Update()
	for b.Loop() {
		n++
		req := commit("bkt", fmt.Sprintf("p/%d", (n*7919)%50_000), nil, block(1_000_000+n, 4096))
		m.stamp(req)
		req.ClientId, req.Sequence, req.AckedBelow = "c", n, max(n, 100)-100
		if resp := Apply(tx, m.index+1, req); resp.Error != nil {
			b.Fatal(resp.Error)
		}
		if n%64 == 0 {
			m.index++
			if err := tx.Commit(m.index, 1); err != nil {
				b.Fatal(err)
			}
			tx = m.db.Update()
		}
	}
	tx.Discard()
}

// BenchmarkComplete is a Complete of 10,000 parts.
func BenchmarkComplete(b *testing.B) {
	for _, parts := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(parts), func(b *testing.B) {
			m := testMachine(b)
			for b.Loop() {
				b.StopTimer()
				id := m.must(createUpload("bkt", "k")).GetUpload().UploadId
				var list []*ompb.Part
				for at := 0; at < parts; at += 500 {
					tx := m.db.Update()
					m.index++
					for i := at; i < at+500; i++ {
						req := part("bkt", "k", id, uint32(i+1), md5Hex(fmt.Sprint(i)), block(m.index<<20|uint64(i), MinPartSize))
						m.stamp(req)
						if resp := Apply(tx, m.index, req); resp.Error != nil {
							b.Fatal(resp.Error)
						}
						list = append(list, &ompb.Part{Number: uint32(i + 1), Etag: req.GetCommitPart().Etag})
					}
					if err := tx.Commit(m.index, 1); err != nil {
						b.Fatal(err)
					}
				}
				req := complete("bkt", "k", id, list...)
				m.log = nil
				m.stamp(req)
				b.StartTimer()
				m.index++
				if resp := applyAll(b, m.db, []*ompb.Request{req}, m.index-1, 1)[0]; resp.Error != nil {
					b.Fatal(resp.Error)
				}
			}
		})
	}
}
