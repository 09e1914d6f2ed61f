package state

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"github.com/minio/crc64nvme"
	"google.golang.org/protobuf/proto"
)

func TestLegalName(t *testing.T) {
	tests := map[string]struct{ plain, s3 bool }{
		"abc": {true, true}, "a.b-c": {true, true}, strings.Repeat("a", 63): {true, true}, "123": {true, true},
		"ab": {}, strings.Repeat("a", 64): {}, "Abc": {}, "a_b": {}, "-ab": {}, "ab-": {}, ".ab": {}, "ab.": {},
		"a..b": {}, "a.-b": {}, "a-.b": {}, "192.168.5.4": {}, "": {}, "a\x00b": {}, "aéb": {},
		"1.2.3.4.5": {true, true}, "xn--abc": {true, false}, "sthree-abc": {true, false},
		"abc-s3alias": {true, false}, "abc--ol-s3": {true, false}, "abc--x-s3": {true, false},
	}
	for name, want := range tests {
		if got := legalName(name); got != want.plain {
			t.Errorf("legalName(%q) = %v", name, got)
		}
		if got := legalS3Name(name); got != want.s3 {
			t.Errorf("legalS3Name(%q) = %v", name, got)
		}
	}
}

func TestVolumes(t *testing.T) {
	m := testMachine(t)
	m.wants(createVolume("vol"), ozerr.VolumeAlreadyExists)
	m.wants(createVolume("V"), ozerr.InvalidVolumeName)
	del := func(v string) *ompb.Request {
		return &ompb.Request{Op: &ompb.Request_DeleteVolume{DeleteVolume: &ompb.DeleteVolume{Volume: v}}}
	}
	m.wants(del("vol"), ozerr.VolumeNotEmpty)
	m.wants(del("other"), ozerr.VolumeNotFound)
	m.must(deleteBucket(ref("bkt")))
	m.must(del("vol"))
	for i := range 5 {
		m.must(createVolume(fmt.Sprintf("list%d", i)))
	}
	list := func(r *ompb.ListVolumes) (names []string, more bool) {
		got := m.must(&ompb.Request{Op: &ompb.Request_ListVolumes{ListVolumes: r}}).GetVolumes()
		for _, v := range got.Volumes {
			names = append(names, v.Name)
		}
		return names, got.Truncated
	}
	if names, more := list(&ompb.ListVolumes{Prefix: "list", After: "list1", Limit: 2}); !slices.Equal(names, []string{"list2", "list3"}) || !more {
		t.Errorf("%v %v", names, more)
	}
	if names, more := list(&ompb.ListVolumes{After: "list3"}); !slices.Equal(names, []string{"list4"}) || more {
		t.Errorf("%v %v", names, more)
	}
	if names, _ := list(&ompb.ListVolumes{Prefix: "zz"}); len(names) != 0 {
		t.Errorf("%v", names)
	}
}

func TestS3BucketNames(t *testing.T) {
	m := testMachine(t)
	got := m.must(createBucket("s3v", "photos", "alice", true)).GetBucket()
	if !got.S3 || got.Id == 0 || got.Owner != "alice" {
		t.Fatalf("%v", got)
	}
	if again := m.wants(createBucket("s3v", "photos", "alice", true), ozerr.BucketAlreadyOwned); again.GetBucket().GetId() != got.Id {
		t.Errorf("the bucket does not ride along: %v", again)
	}
	m.wants(createBucket("s3v", "photos", "bob", true), ozerr.BucketAlreadyExists)
	m.wants(createBucket("s3v", "photos", "alice", false), ozerr.BucketAlreadyExists)
	m.wants(createBucket("s3v", "xn--photos", "alice", true), ozerr.InvalidBucketName)
	m.wants(createBucket("none", "photos", "alice", false), ozerr.VolumeNotFound)
	m.must(createVolume("shell"))
	if b := m.must(createBucket("shell", "photos", "bob", false)).GetBucket(); b.S3 {
		t.Error("the shell took a name that was in use")
	}
	if b := m.must(createBucket("shell", "docs", "bob", false)).GetBucket(); !b.S3 {
		t.Error("a free, legal name is not claimed")
	}
	if b := m.must(createBucket("shell", "xn--docs", "bob", false)).GetBucket(); b.S3 {
		t.Error("a reserved name is claimed")
	}
	s3 := &ompb.BucketRef{Bucket: "photos"}
	m.wants(&ompb.Request{Op: &ompb.Request_GetBucket{GetBucket: &ompb.GetBucket{Ref: s3, ExpectedOwner: "bob"}}}, ozerr.WrongBucketOwner)
	m.must(deleteBucket(s3))
	m.wants(deleteBucket(s3), ozerr.BucketNotFound)
	m.must(createBucket("s3v", "photos", "bob", true)) // the name is free again
	list := m.must(&ompb.Request{Op: &ompb.Request_ListBuckets{ListBuckets: &ompb.ListBuckets{Owner: "bob"}}}).GetBuckets()
	if len(list.Buckets) != 2 || list.Buckets[0].Name != "docs" || list.Buckets[1].Volume != "s3v" {
		t.Errorf("%v", list)
	}
	list = m.must(&ompb.Request{Op: &ompb.Request_ListBuckets{ListBuckets: &ompb.ListBuckets{Volume: "shell", After: "docs", Limit: 1}}}).GetBuckets()
	if len(list.Buckets) != 1 || list.Buckets[0].Name != "photos" || !list.Truncated {
		t.Errorf("%v", list)
	}
	m.wants(&ompb.Request{Op: &ompb.Request_ListBuckets{ListBuckets: &ompb.ListBuckets{Volume: "none"}}}, ozerr.VolumeNotFound)
}

func TestKeyNames(t *testing.T) {
	m := testMachine(t)
	local := uint64(10)
	for _, key := range []string{"a/../b", "//", "/", "\x00", "é", strings.Repeat("k", 1024), "a b+c%"} {
		local++
		m.must(commit("bkt", key, nil, block(local, 1)))
		if got := m.must(get("bkt", key)).GetKey().Key; got.Key != key || got.Blocks[0].Id.Local != local {
			t.Errorf("%q: %v", key, got)
		}
	}
	for _, key := range []string{"", "\xff", strings.Repeat("k", 1025)} {
		m.wants(commit("bkt", key, nil), ozerr.InvalidKeyName)
	}
}

func TestCommitKeyChecksBlocks(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "k", nil, block(1, 10)))
	unknown := block(2, 10)
	unknown.Id.Container = 99
	m.wants(commit("bkt", "l", nil, unknown), ozerr.ContainerNotFound)
	m.wants(commit("bkt", "l", nil, block(1, 10)), ozerr.InvalidRequest)
	slice := block(3, 10)
	slice.Length = 5
	m.wants(commit("bkt", "l", nil, slice), ozerr.InvalidRequest)
	wrong := commit("bkt", "l", nil, block(4, 10))
	wrong.GetCommitKey().Size = 11
	m.wants(wrong, ozerr.InvalidRequest)
	m.must(remove("bkt", "k"))
	m.wants(commit("bkt", "l", nil, block(1, 10)), ozerr.InvalidRequest) // deleted, not yet forgotten
	if got := m.deleted(); len(got) != 1 || !got[1] {
		t.Errorf("deleted: %v", got)
	}
	huge := commit("bkt", "l", nil)
	huge.GetCommitKey().Meta = &ompb.KeyMeta{Metadata: map[string]string{"a": strings.Repeat("x", maxMeta)}}
	m.wants(huge, ozerr.InvalidArgument)
}

func TestConditions(t *testing.T) {
	const day = int64(24 * 3600 * 1e9)
	cur := &ompb.KeyInfo{Etag: "e", ModifiedNs: 10*day + 5, Generation: 7}
	tests := []struct {
		name          string
		cond          *ompb.Condition
		onCur, onNone ozerr.Code
	}{
		{"none", nil, "", ""},
		{"if-match", &ompb.Condition{IfMatch: []string{"x", "e"}}, "", ozerr.KeyNotFound},
		{"if-match other", &ompb.Condition{IfMatch: []string{"x"}}, ozerr.PreconditionFailed, ozerr.KeyNotFound},
		{"if-match any", &ompb.Condition{IfMatch: []string{"*"}}, "", ozerr.KeyNotFound},
		{"if-none-match any", &ompb.Condition{IfNoneMatch: []string{"*"}}, ozerr.PreconditionFailed, ""},
		{"if-none-match", &ompb.Condition{IfNoneMatch: []string{"e"}}, ozerr.PreconditionFailed, ""},
		{"if-none-match other", &ompb.Condition{IfNoneMatch: []string{"x"}}, "", ""},
		{"modified", &ompb.Condition{IfModifiedSinceNs: 9 * day}, "", ""},
		{"not modified in that second", &ompb.Condition{IfModifiedSinceNs: 10 * day}, ozerr.PreconditionFailed, ""},
		{"unmodified in that second", &ompb.Condition{IfUnmodifiedSinceNs: 10 * day}, "", ""},
		{"not unmodified", &ompb.Condition{IfUnmodifiedSinceNs: 9 * day}, ozerr.PreconditionFailed, ""},
		{"if-match hides unmodified", &ompb.Condition{IfMatch: []string{"e"}, IfUnmodifiedSinceNs: 9 * day}, "", ozerr.KeyNotFound},
		{"if-none-match hides modified", &ompb.Condition{IfNoneMatch: []string{"x"}, IfModifiedSinceNs: 11 * day}, "", ""},
		{"generation", &ompb.Condition{IfGeneration: 7}, "", ozerr.KeyNotFound},
		{"other generation", &ompb.Condition{IfGeneration: 8}, ozerr.PreconditionFailed, ozerr.KeyNotFound},
	}
	for _, tt := range tests {
		if got := ozerr.CodeOf(check(tt.cond, cur)); got != tt.onCur {
			t.Errorf("%s: %q on a key", tt.name, got)
		}
		if got := ozerr.CodeOf(check(tt.cond, nil)); got != tt.onNone {
			t.Errorf("%s: %q without", tt.name, got)
		}
	}
}

func TestDeleteKeysOneByOne(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "a", nil, block(1, 1)))
	m.must(commit("bkt", "b", nil, block(2, 1)))
	req := remove("bkt", "a", "missing", "b", "gone", "\xff")
	keys := req.GetDeleteKeys().Keys
	keys[2].Condition = &ompb.Condition{IfMatch: []string{"other"}}
	keys[3].MustExist = true
	got := m.must(req).GetDeletes().Results
	want := []ozerr.Code{"", "", ozerr.PreconditionFailed, ozerr.KeyNotFound, ozerr.InvalidKeyName}
	for i, r := range got {
		if ozerr.Code(r.GetError().GetCode()) != want[i] || r.Key != keys[i].Key {
			t.Errorf("%d: %v", i, r)
		}
	}
	if !got[0].Existed || got[1].Existed || !got[2].Existed {
		t.Errorf("%v", got)
	}
}

func TestCopyMetadata(t *testing.T) {
	m := testMachine(t)
	req := commit("bkt", "a", nil, block(1, 5))
	req.GetCommitKey().Meta = &ompb.KeyMeta{
		Metadata: map[string]string{"m": "1"}, Headers: map[string]string{"Content-Type": "x/y"},
		Tags: map[string]string{"t": "1"}, StorageClass: "GLACIER",
	}
	m.must(req)
	m.must(copyOf("bkt", "a", "bkt", "b"))
	b := m.must(get("bkt", "b")).GetKey().Key
	if b.Meta.Metadata["m"] != "1" || b.Meta.Tags["t"] != "1" || b.Meta.Headers["Content-Type"] != "x/y" || b.Meta.StorageClass != "" {
		t.Errorf("%v", b.Meta)
	}
	over := copyOf("bkt", "a", "bkt", "a") // onto itself
	op := over.GetCopyKey()
	op.ReplaceMetadata, op.Meta = true, &ompb.KeyMeta{Metadata: map[string]string{"n": "2"}}
	m.must(over)
	a := m.must(get("bkt", "a")).GetKey().Key
	if a.Meta.Metadata["m"] != "" || a.Meta.Metadata["n"] != "2" || a.Meta.Tags["t"] != "1" {
		t.Errorf("%v", a.Meta)
	}
	cond := copyOf("bkt", "a", "bkt", "c")
	cond.GetCopyKey().SourceCondition = &ompb.Condition{IfNoneMatch: []string{a.Etag}}
	m.wants(cond, ozerr.PreconditionFailed)
	m.must(remove("bkt", "a"))
	if !m.owned(1) {
		t.Error("the copy lost its block")
	}
	m.must(remove("bkt", "b"))
	if m.owned(1) || !m.deleted()[1] {
		t.Error("the last owner is gone, the block is not")
	}
}

func TestTagsKeepDateAndVersion(t *testing.T) {
	m := testMachine(t)
	before := m.must(commit("bkt", "a", nil, block(1, 5))).GetKey().Key
	tags := map[string]string{"x": "y"}
	m.must(&ompb.Request{Op: &ompb.Request_SetKeyTags{SetKeyTags: &ompb.SetKeyTags{Ref: ref("bkt"), Key: "a", Tags: tags}}})
	after := m.must(get("bkt", "a")).GetKey().Key
	if after.Meta.Tags["x"] != "y" || after.ModifiedNs != before.ModifiedNs || after.Generation != before.Generation {
		t.Errorf("%v", after)
	}
}

func TestGetKeyLocations(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "a", nil, block(1, 5), block(2, 5)))
	got := m.must(get("bkt", "a")).GetKey()
	if len(got.Locations) != 1 || len(got.Locations[1].Nodes) != 1 || got.Locations[1].Nodes[0].Address != "h:1" {
		t.Errorf("%v", got.Locations)
	}
}

func TestLargeObjectRows(t *testing.T) {
	m := testMachine(t)
	var blocks []*commonpb.Block
	for i := range uint64(2000) {
		blocks = append(blocks, block(100+i, 1))
	}
	m.must(commit("bkt", "big", nil, blocks...))
	m.must(rename("bkt", "big", "moved"))
	m.must(copyOf("bkt", "moved", "bkt", "copy"))
	m.must(remove("bkt", "moved"))
	got := m.must(get("bkt", "copy")).GetKey().Key
	if len(got.Blocks) != 2000 || got.Blocks[1999].Id.Local != 2099 {
		t.Fatalf("%d blocks", len(got.Blocks))
	}
	m.must(remove("bkt", "copy"))
	if n := len(m.deleted()); n != 2000 {
		t.Errorf("%d deleted rows", n)
	}
	m.must(deleteBucket(ref("bkt")))
}

// upload makes an upload with parts of these sizes and the list for its Complete.
func (m *machine) upload(key string, sizes ...uint64) (string, []*ompb.Part) {
	id := m.must(createUpload("bkt", key)).GetUpload().UploadId
	var list []*ompb.Part
	for i, size := range sizes {
		p := part("bkt", key, id, uint32(i+1), md5Hex(key, fmt.Sprint(i)), block(m.index+1_000_000, size))
		m.must(p)
		list = append(list, &ompb.Part{Number: uint32(i + 1), Etag: p.GetCommitPart().Etag})
	}
	return id, list
}

func TestCompleteUploadRefuses(t *testing.T) {
	m := testMachine(t)
	id, list := m.upload("k", MinPartSize, MinPartSize-1, 3)
	at := func(i ...int) (out []*ompb.Part) {
		for _, i := range i {
			out = append(out, proto.Clone(list[i]).(*ompb.Part))
		}
		return out
	}
	m.wants(complete("bkt", "k", id), ozerr.InvalidRequest)
	m.wants(complete("bkt", "k", id, at(1, 0)...), ozerr.InvalidPartOrder)
	m.wants(complete("bkt", "k", id, at(0, 0)...), ozerr.InvalidPartOrder)
	m.wants(complete("bkt", "k", id, at(0, 1, 2)...), ozerr.EntityTooSmall)
	m.wants(complete("bkt", "k", id, &ompb.Part{Number: 4}), ozerr.InvalidPart)
	small := at(0, 1, 2)
	small[2].Etag = "x"
	m.wants(complete("bkt", "k", id, small...), ozerr.InvalidPart)
	bad := at(0, 2)
	bad[1].Etag = "x"
	m.wants(complete("bkt", "k", id, bad...), ozerr.InvalidPart)
	size := complete("bkt", "k", id, at(0, 2)...)
	size.GetCompleteUpload().ExpectedSize = new(uint64)
	m.wants(size, ozerr.InvalidRequest)
	cond := complete("bkt", "k", id, at(0, 2)...)
	cond.GetCompleteUpload().Condition = &ompb.Condition{IfMatch: []string{"*"}}
	m.wants(cond, ozerr.KeyNotFound)
	m.wants(complete("bkt", "other", id, at(0, 2)...), ozerr.NoSuchUpload)
	m.wants(complete("bkt", "k", "nonsense", at(0, 2)...), ozerr.NoSuchUpload)
	got := m.must(complete("bkt", "k", id, at(0, 2)...)).GetKey().Key
	if got.Size != MinPartSize+3 || !strings.HasSuffix(got.Etag, "-2") {
		t.Errorf("%v", got)
	}
	if n := len(m.deleted()); n != 1 {
		t.Errorf("%d blocks freed, want that of the unlisted part", n)
	}
	m.wants(complete("bkt", "k", id, at(0)...), ozerr.NoSuchUpload)
	m.wants(abort("bkt", "k", id), ozerr.NoSuchUpload)
	m.must(deleteAll(m, "bkt"))
	m.must(deleteBucket(ref("bkt"))) // a completed upload is not an open one
}

func deleteAll(m *machine, bucket string) *ompb.Request {
	var keys []string
	for _, k := range m.must(&ompb.Request{Op: &ompb.Request_ListKeys{ListKeys: &ompb.ListKeys{Ref: ref(bucket)}}}).GetKeys().Keys {
		keys = append(keys, k.Key)
	}
	return remove(bucket, keys...)
}

func TestMultipartETag(t *testing.T) {
	// md5("a"), md5("b"); echo -n | md5sum of the two binary digests.
	got := multipartETag([]*ompb.PartInfo{{Etag: md5Hex("a")}, {Etag: md5Hex("b")}})
	if want := md5Hex("\x0c\xc1\x75\xb9\xc0\xf1\xb6\xa8\x31\xc3\x99\xe2\x69\x77\x26\x61", "\x92\xeb\x5f\xfe\xe6\xae\x2f\xec\x3a\xd7\x1c\x77\x75\x31\x57\x8f") + "-2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCombineCRC(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	b32 := func(table uint32) func([]byte) []byte {
		return func(b []byte) []byte {
			return binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(table)))
		}
	}
	sums := map[string]func([]byte) []byte{
		"CRC32": b32(crc32.IEEE), "CRC32C": b32(crc32.Castagnoli),
		"CRC64NVME": func(b []byte) []byte { return binary.BigEndian.AppendUint64(nil, crc64nvme.Checksum(b)) },
	}
	for name, sum := range sums {
		for range 20 {
			var parts []*ompb.PartInfo
			for at := 0; at < len(data); {
				n := min(r.IntN(40_000), len(data)-at)
				value := base64.StdEncoding.EncodeToString(sum(data[at : at+n]))
				parts = append(parts, &ompb.PartInfo{Size: uint64(n), Checksums: []*ompb.Checksum{{Algorithm: name, Value: value}}})
				at += n
			}
			got, err := combine(name, fullObject, parts)
			if want := base64.StdEncoding.EncodeToString(sum(data)); err != nil || got.Value != want {
				t.Fatalf("%s of %d parts: %v %v, want %s", name, len(parts), got, err, want)
			}
		}
	}
}

func TestCompleteChecksums(t *testing.T) {
	m := testMachine(t)
	id := m.must(&ompb.Request{Op: &ompb.Request_CreateUpload{CreateUpload: &ompb.CreateUpload{
		Ref: ref("bkt"), Key: "k", ChecksumAlgorithm: "CRC32",
	}}}).GetUpload().UploadId
	value := base64.StdEncoding.EncodeToString([]byte{1, 2, 3, 4})
	p := part("bkt", "k", id, 1, md5Hex("1"), block(1, 10))
	p.GetCommitPart().Checksums = []*ompb.Checksum{{Algorithm: "CRC32", Value: value}}
	m.must(p)
	do := func(partSum, whole string) *ompb.Request {
		req := complete("bkt", "k", id, &ompb.Part{Number: 1, Etag: md5Hex("1")})
		op := req.GetCompleteUpload()
		if partSum != "" {
			op.Parts[0].Checksums = []*ompb.Checksum{{Algorithm: "CRC32", Value: partSum}}
		}
		if whole != "" {
			op.Checksums = []*ompb.Checksum{{Algorithm: "CRC32", Value: whole}}
		}
		return req
	}
	m.wants(do("AAAAAA==", ""), ozerr.InvalidPart)
	m.wants(do(value, "AAAAAA=="), ozerr.BadDigest)
	want := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte{1, 2, 3, 4})))
	got := m.must(do(value, want)).GetKey().Key.Checksums
	if len(got) != 1 || got[0].Value != want+"-1" || got[0].Type != composite {
		t.Errorf("%v", got)
	}
	m.wants(&ompb.Request{Op: &ompb.Request_CreateUpload{CreateUpload: &ompb.CreateUpload{
		Ref: ref("bkt"), Key: "k", ChecksumAlgorithm: "SHA256", ChecksumType: fullObject,
	}}}, ozerr.InvalidRequest)
}

func TestListPartsAndUploads(t *testing.T) {
	m := testMachine(t)
	id, _ := m.upload("a/1", 1, 2, 3, 4)
	got := m.must(&ompb.Request{Op: &ompb.Request_ListParts{ListParts: &ompb.ListParts{Ref: ref("bkt"), Key: "a/1", UploadId: id, After: 1, Limit: 2}}}).GetParts()
	if len(got.Parts) != 2 || got.Parts[0].Number != 2 || !got.Truncated || got.Parts[0].Blocks != nil || got.Upload.Key != "a/1" {
		t.Errorf("%v", got)
	}
	ids := map[string]string{id: "a/1"}
	for _, key := range []string{"a/1", "a/2", "b", "b\x00", "b\x00c", "c"} {
		other, _ := m.upload(key)
		ids[other] = key
	}
	// Page by one through all, by key and then by initiation.
	var keys []string
	r := &ompb.ListUploads{Ref: ref("bkt"), Limit: 1}
	for {
		l := m.must(&ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: r}}).GetUploads()
		for _, u := range l.Uploads {
			if ids[u.UploadId] != u.Key {
				t.Fatalf("%v", u)
			}
			keys = append(keys, u.Key)
		}
		if !l.Truncated {
			break
		}
		r.AfterKey, r.AfterUploadId = l.NextKey, l.NextUploadId
	}
	if want := []string{"a/1", "a/1", "a/2", "b", "b\x00", "b\x00c", "c"}; !slices.Equal(keys, want) {
		t.Errorf("%q", keys)
	}
	l := m.must(&ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: &ompb.ListUploads{Ref: ref("bkt"), Delimiter: "/", Limit: 2}}}).GetUploads()
	if !slices.Equal(l.CommonPrefixes, []string{"a/"}) || len(l.Uploads) != 1 || l.Uploads[0].Key != "b" || !l.Truncated {
		t.Errorf("%v", l)
	}
	l = m.must(&ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: &ompb.ListUploads{Ref: ref("bkt"), Delimiter: "/", AfterKey: "a/", Prefix: ""}}}).GetUploads()
	if len(l.CommonPrefixes) != 0 || len(l.Uploads) != 4 {
		t.Errorf("%v", l)
	}
}

func TestPrune(t *testing.T) {
	m := testMachine(t)
	id, list := m.upload("k", 3)
	done := complete("bkt", "k", id, list...)
	done.ClientId, done.Sequence = "c", 1
	first := m.must(done)
	if again := m.must(proto.Clone(done).(*ompb.Request)); !proto.Equal(again, first) {
		t.Errorf("%v, first %v", again, first)
	}
	prune := func(before int64) {
		m.must(&ompb.Request{Op: &ompb.Request_PruneResults{PruneResults: &ompb.PruneResults{BeforeNs: before}}})
	}
	prune(m.now - 1_000_000_000_000)
	m.must(proto.Clone(done).(*ompb.Request))
	prune(m.now + 1)
	m.wants(proto.Clone(done).(*ompb.Request), ozerr.NoSuchUpload)
}

func TestAcknowledgedResultsAreForgotten(t *testing.T) {
	m := testMachine(t)
	for seq := range uint64(10) {
		req := createUpload("bkt", "k")
		req.ClientId, req.Sequence, req.AckedBelow = "c", seq, seq
		m.must(req)
	}
	old := createUpload("bkt", "k")
	old.ClientId, old.Sequence = "c", 3
	m.wants(old, ozerr.InvalidRequest)
}

func TestClusterRows(t *testing.T) {
	m := testMachine(t)
	init := func(id string) *ompb.Request {
		return &ompb.Request{Op: &ompb.Request_InitCluster{InitCluster: &ompb.InitCluster{ClusterId: id}}}
	}
	m.must(init("one"))
	m.must(init("one"))
	m.wants(init("two"), ozerr.InvalidRequest)
	reserve := func(n uint64) *ompb.IDRange {
		return m.must(&ompb.Request{Op: &ompb.Request_ReserveIds{ReserveIds: &ompb.ReserveIDs{Kind: "block", Count: n}}}).GetIds()
	}
	if a, b := reserve(10), reserve(5); a.First != 1 || a.End != 11 || b.First != 11 || b.End != 16 {
		t.Errorf("%v %v", a, b)
	}
	set := func(state uint32) uint32 {
		return m.must(&ompb.Request{Op: &ompb.Request_SetContainerState{SetContainerState: &ompb.SetContainerState{Container: 1, State: state}}}).GetContainer().State
	}
	if set(2) != 2 || set(1) != 2 || set(3) != 3 || set(2) != 3 {
		t.Error("a container went back")
	}
	m.wants(&ompb.Request{Op: &ompb.Request_CreateContainer{CreateContainer: &ompb.CreateContainer{Nodes: []string{"ghost"}}}}, ozerr.InvalidArgument)
	list := m.must(&ompb.Request{Op: &ompb.Request_ListContainers{ListContainers: &ompb.ListContainers{}}}).GetContainers()
	nodes := m.must(&ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}}).GetNodes()
	if len(list.Containers) != 1 || len(nodes.Nodes) != 1 {
		t.Errorf("%v %v", list, nodes)
	}
}

func TestUnknownOperationPanics(t *testing.T) {
	m := testMachine(t)
	defer func() {
		if recover() == nil {
			t.Error("it went on")
		}
	}()
	tx := m.db.Update()
	defer tx.Discard()
	Apply(tx, m.index+1, &ompb.Request{})
}

// TestEveryOperationIsPlaced: each member of the oneof is a read, a logged one, or one of
// those the server answers itself.
func TestEveryOperationIsPlaced(t *testing.T) {
	own := map[string]bool{
		"allocate_blocks": true, "report_bad_replica": true, "get_roles": true, "get_secret": true,
		"get_replication": true, "control_replication": true, "close_container_now": true,
		"get_group": true, "join_group": true, "change_group": true,
	}
	fields := (&ompb.Request{}).ProtoReflect().Descriptor().Oneofs().ByName("op").Fields()
	for i := range fields.Len() {
		req := &ompb.Request{}
		f := fields.Get(i)
		req.ProtoReflect().Set(f, req.ProtoReflect().NewField(f))
		if places := btoi(IsRead(req)) + btoi(NeedsLog(req)) + btoi(own[string(f.Name())]); places != 1 {
			t.Errorf("%s is in %d places", f.Name(), places)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
