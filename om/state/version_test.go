package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func setBucket(bucket string, change *ompb.SetBucket) *ompb.Request {
	change.Ref = ref(bucket)
	return &ompb.Request{Op: &ompb.Request_SetBucket{SetBucket: change}}
}

func setVersions(bucket, to string) *ompb.Request {
	return setBucket(bucket, &ompb.SetBucket{Change: &ompb.SetBucket_Versioning{Versioning: to}})
}

func getVersion(bucket, key, id string) *ompb.Request {
	req := get(bucket, key)
	req.GetGetKey().VersionId = id
	return req
}

func removeVersion(bucket, key, id string) *ompb.Request {
	req := remove(bucket, key)
	req.GetDeleteKeys().Keys[0].VersionId = id
	return req
}

// removed sends a deletion of one key and returns its result, which has no error.
func (m *machine) removed(req *ompb.Request) *ompb.DeleteResult {
	m.t.Helper()
	r := m.must(req).GetDeletes().Results[0]
	if r.Error != nil {
		m.t.Fatalf("delete %v: %v", req, r.Error)
	}
	return r
}

// versions lists a bucket as "key:etag" of versions and "key:-" of markers, with "*"
// behind the latest and "!" behind null versions.
func (m *machine) versions(r *ompb.ListVersions) string {
	m.t.Helper()
	l := m.must(&ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: r}}).GetVersions()
	var out []string
	for _, v := range l.Versions {
		s := v.Key + ":" + v.Etag
		if v.DeleteMarker {
			s = v.Key + ":-"
		}
		if v.Latest {
			s += "*"
		}
		if v.VersionId == "" {
			s += "!"
		}
		out = append(out, s)
	}
	out = append(out, l.CommonPrefixes...)
	return strings.Join(out, " ")
}

// etag sets a readable etag.
func etag(req *ompb.Request, etag string) *ompb.Request {
	req.GetCommitKey().Etag = etag
	return req
}

func TestVersionsOfAKey(t *testing.T) {
	m := testMachine(t)
	local := uint64(0)
	put := func(name string) string {
		local++
		return m.must(etag(commit("bkt", "k", nil, block(local, 1)), name)).GetKey().Key.VersionId
	}
	is := func(want string) {
		t.Helper()
		if got := m.versions(&ompb.ListVersions{Ref: ref("bkt")}); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		current := "" // GetKey and ListKeys agree with it
		if first, _, _ := strings.Cut(want, " "); first != "" && !strings.Contains(first, "-") {
			current = strings.TrimRight(strings.TrimPrefix(first, "k:"), "*!")
		}
		keys := m.must(&ompb.Request{Op: &ompb.Request_ListKeys{ListKeys: &ompb.ListKeys{Ref: ref("bkt")}}}).GetKeys().Keys
		if (len(keys) == 1) != (current != "") || current != "" && keys[0].Etag != current {
			t.Fatalf("the listing has %v, want %q", keys, current)
		}
		got := m.do(get("bkt", "k")).GetKey().GetKey()
		if got.GetEtag() != current || got.GetDeleteMarker() != strings.HasPrefix(want, "k:-") {
			t.Fatalf("get: %v, want %q", got, current)
		}
	}
	put("a")
	is("k:a*!")
	m.must(setVersions("bkt", enabled))
	b := put("b")
	is("k:b* k:a!")
	c := put("c")
	is("k:c* k:b k:a!")
	if m.must(getVersion("bkt", "k", b)).GetKey().Key.Etag != "b" || m.must(getVersion("bkt", "k", nullVersion)).GetKey().Key.Etag != "a" {
		t.Error("a version is not found by its id")
	}
	m.wants(getVersion("bkt", "k", strings.Repeat("0", 32)), ozerr.VersionNotFound)
	m.wants(getVersion("bkt", "k", "x"), ozerr.VersionNotFound)
	m.wants(getVersion("bkt", "k", c[:31]+string("01"[btoi(c[31] == '0')])), ozerr.VersionNotFound) // the entropy counts
	marker := m.removed(remove("bkt", "k"))
	if !marker.DeleteMarker || !marker.MarkerAdded || !marker.Existed || len(marker.VersionId) != 32 {
		t.Errorf("%v", marker)
	}
	is("k:-* k:c k:b k:a!")
	m.wants(copyOf("bkt", "k", "bkt", "l"), ozerr.KeyNotFound)
	m.wants(commit("bkt", "k", &ompb.Condition{IfMatch: []string{"*"}}), ozerr.KeyNotFound)
	second := m.removed(remove("bkt", "k"))
	is("k:-* k:- k:c k:b k:a!")
	m.removed(removeVersion("bkt", "k", marker.VersionId)) // not the newest: nothing comes back
	is("k:-* k:c k:b k:a!")
	gone := m.removed(removeVersion("bkt", "k", second.VersionId))
	if !gone.DeleteMarker || gone.MarkerAdded || gone.VersionId != second.VersionId {
		t.Errorf("%v", gone)
	}
	is("k:c* k:b k:a!")
	m.must(setVersions("bkt", suspended))
	put("d") // replaces the null version wherever it is
	is("k:d*! k:c k:b")
	put("e")
	is("k:e*! k:c k:b")
	null := m.removed(remove("bkt", "k"))
	if null.VersionId != nullVersion || !null.MarkerAdded {
		t.Errorf("%v", null)
	}
	is("k:-*! k:c k:b")
	m.removed(remove("bkt", "k"))
	is("k:-*! k:c k:b")
	put("f")
	is("k:f*! k:c k:b")
	m.must(setVersions("bkt", enabled))
	g := put("g")
	is("k:g* k:f! k:c k:b")
	m.removed(removeVersion("bkt", "k", g))
	is("k:f*! k:c k:b")
	m.removed(removeVersion("bkt", "k", nullVersion))
	is("k:c* k:b")
	if r := m.removed(removeVersion("bkt", "k", nullVersion)); r.Existed {
		t.Errorf("%v", r)
	}
	m.wants(deleteBucket(ref("bkt")), ozerr.BucketNotEmpty)
	for _, id := range []string{b, c} {
		m.removed(removeVersion("bkt", "k", id))
	}
	is("")
	if r := m.removed(remove("bkt", "k")); !r.MarkerAdded || r.Existed {
		t.Errorf("a marker for a missing key: %v", r)
	}
	m.wants(deleteBucket(ref("bkt")), ozerr.BucketNotEmpty)
	m.removed(removeVersion("bkt", "k", m.must(get("bkt", "k")).GetKey().Key.VersionId))
	m.must(deleteBucket(ref("bkt")))
	for n := range local {
		if m.owned(n+1) || !m.deleted()[n+1] {
			t.Errorf("block %d is still owned", n+1)
		}
	}
}

// TestNullVersionOfAPlainBucket: `null` works where there never were versions.
func TestNullVersionOfAPlainBucket(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "k", nil, block(1, 1)))
	if got := m.must(getVersion("bkt", "k", nullVersion)).GetKey().Key; got.VersionId != "" || !got.Latest {
		t.Errorf("%v", got)
	}
	if r := m.removed(removeVersion("bkt", "k", strings.Repeat("0", 32))); r.Existed {
		t.Errorf("%v", r)
	}
	if r := m.removed(removeVersion("bkt", "k", nullVersion)); !r.Existed || r.VersionId != nullVersion {
		t.Errorf("%v", r)
	}
	if m.owned(1) {
		t.Error("the block is still owned")
	}
	m.must(deleteBucket(ref("bkt")))
}

// TestVersionsInOneEntry: versions of one key in one entry of the log, and in one batch.
func TestVersionsInOneEntry(t *testing.T) {
	m := testMachine(t)
	tx := m.db.Update()
	m.index++
	reqs := []*ompb.Request{
		etag(commit("bkt", "k", nil, block(1, 1)), "a"), setVersions("bkt", enabled),
		etag(commit("bkt", "k", nil, block(2, 1)), "b"), remove("bkt", "k"), etag(commit("bkt", "k", nil, block(3, 1)), "c"),
	}
	var last *ompb.Response
	for _, req := range reqs {
		m.stamp(req)
		if last = Apply(tx, m.index, req); last.Error != nil {
			t.Fatal(last.Error)
		}
	}
	if resp := Apply(tx, m.index, deleteBucket(ref("bkt"))); ozerr.Code(resp.GetError().GetCode()) != ozerr.BucketNotEmpty {
		t.Errorf("%v", resp)
	}
	if err := tx.Commit(m.index, 1); err != nil {
		t.Fatal(err)
	}
	if got := m.versions(&ompb.ListVersions{Ref: ref("bkt")}); got != "k:c* k:- k:b k:a!" {
		t.Error(got)
	}
	wrong := removeVersion("bkt", "k", last.GetKey().Key.VersionId)
	d := wrong.GetDeleteKeys().Keys[0]
	d.Condition, d.IfGenerationOrdinal = &ompb.Condition{IfGeneration: m.index}, uint64(last.GetKey().Key.Ordinal)+2
	if r := m.must(wrong).GetDeletes().Results[0]; ozerr.Code(r.GetError().GetCode()) != ozerr.PreconditionFailed {
		t.Errorf("%v", r)
	}
	d.IfGenerationOrdinal--
	m.removed(removeVersion("bkt", "k", last.GetKey().Key.VersionId))
}

// TestEmptyingInOneRequest deletes all versions of a key, the newest first, in one request.
func TestEmptyingInOneRequest(t *testing.T) {
	m := testMachine(t)
	m.must(setVersions("bkt", enabled))
	req := remove("bkt")
	for i := range uint64(400) {
		id := m.must(commit("bkt", "k", nil, block(i+1, 1))).GetKey().Key.VersionId
		req.GetDeleteKeys().Keys = append([]*ompb.KeyToDelete{{Key: "k", VersionId: id}}, req.GetDeleteKeys().Keys...)
	}
	m.must(req)
	if len(m.deleted()) != 400 {
		t.Errorf("%d blocks freed", len(m.deleted()))
	}
	m.must(deleteBucket(ref("bkt")))
}

// TestLargeVersionsKeepTheirRows: body and owner rows of a large object stay as they are
// when it is tagged, becomes non-current and current again.
func TestLargeVersionsKeepTheirRows(t *testing.T) {
	m := testMachine(t)
	m.must(setVersions("bkt", enabled))
	large := commit("bkt", "k", nil)
	for i := range uint64(2000) {
		large.GetCommitKey().Blocks = append(large.GetCommitKey().Blocks, block(i+1, 1))
	}
	large.GetCommitKey().Size = 2000
	first := m.must(large).GetKey().Key.VersionId
	size := func(req *ompb.Request) int {
		m.stamp(req)
		m.index++
		tx := m.db.Update()
		if resp := Apply(tx, m.index, req); resp.Error != nil {
			t.Fatal(resp.Error)
		}
		n := tx.Size()
		if err := tx.Commit(m.index, 1); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tag := func(id string) *ompb.Request {
		op := &ompb.SetKeyTags{Ref: ref("bkt"), Key: "k", VersionId: id, Tags: map[string]string{"a": "b"}}
		return &ompb.Request{Op: &ompb.Request_SetKeyTags{SetKeyTags: op}}
	}
	if n := size(tag("")); n > 1000 {
		t.Errorf("a tag wrote %d bytes", n)
	}
	if n := size(commit("bkt", "k", nil)); n > 1000 {
		t.Errorf("a PUT over it wrote %d bytes", n)
	}
	if n := size(tag(first)); n > 1000 {
		t.Errorf("a tag of a version behind wrote %d bytes", n)
	}
	if n := size(remove("bkt", "k")); n > 1000 {
		t.Errorf("a DELETE wrote %d bytes", n)
	}
	for _, v := range m.must(&ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: &ompb.ListVersions{Ref: ref("bkt"), Limit: 2}}}).GetVersions().Versions {
		if n := size(removeVersion("bkt", "k", v.VersionId)); n > 1000 {
			t.Errorf("removing what is in front of it wrote %d bytes", n)
		}
	}
	if k := m.must(get("bkt", "k")).GetKey().Key; k.VersionId != first || len(k.Blocks) != 2000 || k.Meta.GetTags()["a"] != "b" {
		t.Errorf("%s has %d blocks, want those of %s", k.VersionId, len(k.Blocks), first)
	}
}

// Tags and ACL are changed of the write that was seen, or of none.
func TestChangeOfOneGeneration(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "k", nil))
	seen := m.must(get("bkt", "k")).GetKey().Key.Generation
	change := func(generation uint64) []*ompb.Request {
		tags := &ompb.SetKeyTags{Ref: ref("bkt"), Key: "k", Tags: map[string]string{"a": "b"}, IfGeneration: generation}
		acl := &ompb.SetKeyACL{Ref: ref("bkt"), Key: "k", Acl: &ompb.ACL{Owner: "o"}, IfGeneration: generation}
		return []*ompb.Request{{Op: &ompb.Request_SetKeyTags{SetKeyTags: tags}}, {Op: &ompb.Request_SetKeyAcl{SetKeyAcl: acl}}}
	}
	for _, req := range append(change(seen), change(0)...) {
		m.must(req)
	}
	m.must(commit("bkt", "k", nil))
	for _, req := range change(seen) {
		m.wants(req, ozerr.PreconditionFailed)
	}
	if k := m.must(get("bkt", "k")).GetKey().Key; len(k.Meta.GetTags()) > 0 || k.Acl != nil {
		t.Errorf("%v", k)
	}
}

// TestPlainBucketHasPlainRows: where versions never were, nothing but the key's own row
// and its blocks' are written, as before there were versions.
func TestPlainBucketHasPlainRows(t *testing.T) {
	m := testMachine(t)
	for range 3 {
		m.must(commit("bkt", "k", nil, block(m.index+10, 1)))
	}
	m.must(remove("bkt", "k"))
	m.must(commit("bkt", "k", nil, block(m.index+10, 1)))
	tx := m.db.View()
	defer tx.Discard()
	n := 0
	tx.All(func(key, _ []byte) bool { n += btoi(key[0] == 'w' || key[0] == 'z'); return true })
	if n != 0 || table.Keys.Head(tx, table.ObjectKey(1, "k")).GetVersionId() != "" {
		t.Error(fmt.Sprint(n, " rows of versions"))
	}
}
