package state

import (
	"math"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

func sealedBy(kind, salt string) *ompb.Encryption {
	return &ompb.Encryption{Kind: kind, Chunk: 1000, Overhead: 16, Salt: []byte(salt), WrappedKey: []byte("wrapped under " + kind)}
}

func TestStoredSize(t *testing.T) {
	for size, want := range map[uint64]uint64{
		0: 0, 1: 17, 999: 1015, 1000: 1016, 1001: 1033, 2000: 2032, math.MaxUint64: math.MaxUint64, math.MaxUint64 - 16: math.MaxUint64,
	} {
		if got := storedSize(sealedBy("SSE-C", ""), size); got != want {
			t.Errorf("storedSize(%d) = %d, want %d", size, got, want)
		}
		if got := storedSize(nil, size); got != size {
			t.Errorf("not encrypted: storedSize(%d) = %d", size, got)
		}
	}
}

func TestStoredSizeOfTheLargest(t *testing.T) {
	e := &ompb.Encryption{Chunk: 1, Overhead: maxCipherOverhead}
	for _, size := range []uint64{maxCipherSize, maxCipherSize + 1, 1 << 52, 1 << 56} {
		if got := storedSize(e, size); got != math.MaxUint64 && got/maxCipherOverhead < size {
			t.Errorf("storedSize(%d) = %d: an overflow", size, got)
		}
	}
}

func commitSealed(key string, e *ompb.Encryption, size uint64, blocks ...*commonpb.Block) *ompb.Request {
	req := commit("bkt", key, nil, blocks...)
	req.GetCommitKey().Encryption, req.GetCommitKey().Size = e, size
	return req
}

// The blocks of an encrypted object hold what its plain size makes of them; the
// entry tells the plain size.
func TestEncryptedKey(t *testing.T) {
	m := testMachine(t)
	e := sealedBy("SSE-S3", "salt")
	for name, req := range map[string]*ompb.Request{
		"plain size of the blocks": commitSealed("k", e, 1516, block(1, 1516)),
		"one byte less":            commitSealed("k", e, 1500, block(1, 1531)),
		"one byte more":            commitSealed("k", e, 1500, block(1, 1533)),
		"no chunk":                 commitSealed("k", &ompb.Encryption{Kind: "SSE-C"}, 0),
		"no kind":                  commitSealed("k", &ompb.Encryption{Chunk: 1}, 0),
		"huge chunk":               commitSealed("k", &ompb.Encryption{Kind: "SSE-C", Chunk: maxCipherChunk + 1}, 0),
		"huge overhead":            commitSealed("k", &ompb.Encryption{Kind: "SSE-C", Chunk: 1, Overhead: math.MaxUint32}, 0),
		"long salt":                commitSealed("k", &ompb.Encryption{Kind: "SSE-C", Chunk: 1, Salt: make([]byte, maxSalt+1)}, 0),
		"overflow":                 commitSealed("k", e, math.MaxUint64-1000, block(1, 16)),
	} {
		if resp := m.do(req); ozerr.Code(resp.GetError().GetCode()) != ozerr.InvalidRequest {
			t.Errorf("%s: %v", name, resp)
		}
	}
	for _, resp := range []*ompb.Response{
		m.must(commitSealed("k", e, 1500, block(1, 1532))), m.must(get("bkt", "k")),
	} {
		if k := resp.GetKey().GetKey(); k.Size != 1500 || !proto.Equal(k.Encryption, e) {
			t.Errorf("%v", k)
		}
	}
	m.must(commitSealed("empty", e, 0))
}

// A copy keeps the source's encryption, or has the same data key wrapped anew.
func TestEncryptedCopy(t *testing.T) {
	m := testMachine(t)
	e := sealedBy("SSE-C", "salt")
	generation := m.must(commitSealed("k", e, 1000, block(1, 1016))).GetKey().GetKey().GetGeneration()
	m.must(commit("bkt", "plain", nil, block(2, 1016)))

	m.must(copyOf("bkt", "k", "bkt", "same"))
	if k := m.must(get("bkt", "same")).GetKey().GetKey(); k.Size != 1000 || !proto.Equal(k.Encryption, e) {
		t.Errorf("copied: %v", k)
	}
	rewrap := func(from string, e *ompb.Encryption, generation uint64) *ompb.Request {
		req := copyOf("bkt", from, "bkt", "other")
		req.GetCopyKey().Encryption = e
		if generation != 0 {
			req.GetCopyKey().SourceCondition = &ompb.Condition{IfGeneration: generation}
		}
		return req
	}
	anew := sealedBy("SSE-S3", "salt")
	m.wants(rewrap("k", anew, 0), ozerr.InvalidRequest)
	m.wants(rewrap("k", anew, generation+1), ozerr.PreconditionFailed)
	m.wants(rewrap("k", sealedBy("SSE-S3", "other salt"), generation), ozerr.InvalidRequest)
	m.wants(rewrap("plain", anew, generation+1), ozerr.InvalidRequest)
	m.must(rewrap("k", anew, generation))
	if k := m.must(get("bkt", "other")).GetKey().GetKey(); k.Size != 1000 || !proto.Equal(k.Encryption, anew) {
		t.Errorf("wrapped anew: %v", k)
	}
}

// Parts are encrypted one by one, each with a salt; they can't share blocks.
func TestEncryptedUpload(t *testing.T) {
	m := testMachine(t)
	e := sealedBy("SSE-C", "")
	req := createUpload("bkt", "k")
	req.GetCreateUpload().Encryption = e
	up := m.must(req).GetUpload()
	if !proto.Equal(up.Encryption, e) {
		t.Errorf("the upload: %v", up)
	}
	sealed := func(id string, number uint32, size uint64, salt string, blocks ...*commonpb.Block) *ompb.Request {
		req := part("bkt", "k", id, number, md5Hex("part"), blocks...)
		req.GetCommitPart().Size, req.GetCommitPart().Salt = size, []byte(salt)
		return req
	}
	const big = MinPartSize
	stored := storedSize(e, big)
	m.wants(sealed(up.UploadId, 1, big, "s1", block(1, big)), ozerr.InvalidRequest)
	m.wants(sealed(up.UploadId, 1, big, "", block(1, stored)), ozerr.InvalidRequest)
	if p := m.must(sealed(up.UploadId, 1, big, "s1", block(1, stored))).GetPart(); string(p.Salt) != "s1" {
		t.Errorf("the part: %v", p)
	}
	m.must(sealed(up.UploadId, 2, 1001, "s2", block(2, 1033)))
	m.wants(sealed(up.UploadId, 3, big, "s3", block(1, stored)), ozerr.InvalidRequest) // another part's

	listed := m.must(&ompb.Request{Op: &ompb.Request_ListParts{ListParts: &ompb.ListParts{Ref: ref("bkt"), Key: "k", UploadId: up.UploadId}}}).GetParts()
	if !proto.Equal(listed.GetUpload().GetEncryption(), e) || len(listed.GetParts()) != 2 {
		t.Errorf("listed: %v", listed)
	}
	m.must(complete("bkt", "k", up.UploadId, &ompb.Part{Number: 1, Etag: md5Hex("part")}, &ompb.Part{Number: 2, Etag: md5Hex("part")}))
	k := m.must(get("bkt", "k")).GetKey().GetKey()
	if k.Size != big+1001 || !proto.Equal(k.Encryption, e) || len(k.Parts) != 2 || string(k.Parts[0].Salt) != "s1" || string(k.Parts[1].Salt) != "s2" {
		t.Errorf("the object: %v", k)
	}

	open := m.must(createUpload("bkt", "k")).GetUpload().GetUploadId()
	m.wants(sealed(open, 1, 1000, "s", block(9, 1000)), ozerr.InvalidRequest)
	m.must(sealed(open, 1, 1000, "", block(9, 1000)))
}

// Once a bucket encrypts by default, nobody stores plain bytes in it; what began
// before, and what is there, stays.
func TestEncryptionRequired(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "before", nil, block(1, 10)))
	m.must(commitSealed("sealed", sealedBy("SSE-S3", "s"), 10, block(2, 26)))
	begun := m.must(createUpload("bkt", "begun")).GetUpload().GetUploadId()
	m.must(setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_Encryption{Encryption: &ompb.DefaultEncryption{Algorithm: "AES256"}}}))

	m.wants(commit("bkt", "k", nil, block(3, 10)), ozerr.EncryptionRequired)
	m.wants(copyOf("bkt", "before", "bkt", "k"), ozerr.EncryptionRequired)
	m.wants(createUpload("bkt", "k"), ozerr.EncryptionRequired)
	m.must(commitSealed("k", sealedBy("SSE-C", "s"), 10, block(4, 26)))
	m.must(copyOf("bkt", "sealed", "bkt", "k"))
	m.must(part("bkt", "begun", begun, 1, md5Hex("p"), block(5, 10)))
	m.must(complete("bkt", "begun", begun, &ompb.Part{Number: 1, Etag: md5Hex("p")}))
	m.must(get("bkt", "before"))

	m.must(setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_Encryption{Encryption: &ompb.DefaultEncryption{}}}))
	m.must(commit("bkt", "k", nil, block(6, 10)))
}
