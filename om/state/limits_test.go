package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// TestNoAnswerIsTooLargeToKeep: an answer is stored for repetitions, and an error quotes
// the request. What makes a row too large stops every om, and again at each replay.
func TestNoAnswerIsTooLargeToKeep(t *testing.T) {
	m := testMachine(t)
	long := strings.Repeat("\u00e9\x01", 600<<10)
	for i, req := range []*ompb.Request{
		deleteBucket(ref(long)),
		deleteBucket(&ompb.BucketRef{Bucket: long}),
		deleteBucket(&ompb.BucketRef{Volume: long, Bucket: "bkt"}),
		createVolume(long),
		createBucket(long, "bkt", "", false),
		createBucket("vol", long, "", true),
		copyOf("bkt", long, "bkt", "k"),
		rename("bkt", long, "k"),
		rename("bkt", "k", long),
		commit("bkt", long, nil),
		commit("bkt", "k", &ompb.Condition{IfMatch: []string{long}}),
		abort("bkt", "k", long),
		complete("bkt", "k", long),
		{Op: &ompb.Request_CreateBucket{CreateBucket: &ompb.CreateBucket{Volume: "vol", Bucket: "new", Replication: long}}},
		{Op: &ompb.Request_CreateUpload{CreateUpload: &ompb.CreateUpload{Ref: ref("bkt"), Key: "k", ChecksumAlgorithm: long}}},
		{Op: &ompb.Request_SetKeyTags{SetKeyTags: &ompb.SetKeyTags{Ref: ref("bkt"), Key: long}}},
		{Op: &ompb.Request_DeleteBucket{DeleteBucket: &ompb.DeleteBucket{Ref: ref("bkt"), ExpectedOwner: long}}},
		{Op: &ompb.Request_DeleteVolume{DeleteVolume: &ompb.DeleteVolume{Volume: long}}},
		setVersions("bkt", long),
		putDocument("bkt", long, "x"),
		putDocument("bkt", "policy", long),
		setBucket("bkt", setACL(&ompb.Grant{Permission: long})),
		setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_Acl{Acl: &ompb.ACL{Owner: long}}}),
		setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_Owner{Owner: long}}),
		setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectOwnership{ObjectOwnership: long}}),
		setBucket("bkt", &ompb.SetBucket{Change: &ompb.SetBucket_Encryption{Encryption: &ompb.DefaultEncryption{Algorithm: long}}}),
		{Op: &ompb.Request_SetKeyAcl{SetKeyAcl: &ompb.SetKeyACL{Ref: ref("bkt"), Key: long, VersionId: long}}},
		{Op: &ompb.Request_SetKeyLock{SetKeyLock: &ompb.SetKeyLock{Ref: ref("bkt"), Key: long, VersionId: long}}},
	} {
		req.ClientId, req.Sequence = "client", uint64(i+1)
		resp := m.do(req) // fails the test if it can't be committed
		if resp.Error == nil {
			t.Errorf("request %d, %T, was accepted", i, req.Op)
		}
		again := m.do(req)
		if again.GetError().GetCode() != resp.GetError().GetCode() || again.GetError().GetMessage() != resp.GetError().GetMessage() {
			t.Errorf("request %d, %T: %.100v, repeated %.100v", i, req.Op, resp.Error, again.Error)
		}
	}
	classy := commit("bkt", "k", nil)
	classy.GetCommitKey().Meta = &ompb.KeyMeta{StorageClass: strings.Repeat("C", maxAlgorithm+1)}
	m.wants(classy, ozerr.InvalidArgument)
	versioned := removeVersion("bkt", "k", long)
	versioned.ClientId, versioned.Sequence = "client", 99
	m.must(versioned)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = strings.Repeat("k", 2000)
	}
	req := remove("bkt", keys...)
	req.ClientId, req.Sequence = "client", 100
	if resp := m.do(req); len(resp.GetDeletes().GetResults()) != 1000 {
		t.Errorf("%.100v", resp)
	}
}

// TestBodyRowsStaySmall: 512 parts with all that a part may say fit a row.
func TestBodyRowsStaySmall(t *testing.T) {
	m := testMachine(t)
	sum := &ompb.Checksum{
		Algorithm: strings.Repeat("a", maxAlgorithm), Type: strings.Repeat("t", maxAlgorithm), Value: strings.Repeat("v", maxDigest),
	}
	var sums []*ompb.Checksum
	for range maxChecksums {
		sums = append(sums, sum)
	}
	etag := strings.Repeat("e", maxDigest)
	encrypted := createUpload("bkt", "k")
	encrypted.GetCreateUpload().Encryption = largestEncryption()
	up := m.must(encrypted).GetUpload()
	id, stored := up.UploadId, storedSize(up.Encryption, MinPartSize)
	var list []*ompb.Part
	for n := range uint32(table.BodyPieces + 1) {
		req := part("bkt", "k", id, n+1, etag, block(uint64(n+1), stored))
		req.GetCommitPart().Checksums, req.GetCommitPart().Size = sums, MinPartSize
		req.GetCommitPart().Salt = make([]byte, maxSalt)
		m.must(req)
		list = append(list, &ompb.Part{Number: n + 1, Etag: etag})
	}
	m.must(complete("bkt", "k", id, list...))
	if got := m.must(get("bkt", "k")).GetKey().GetKey(); len(got.Parts) != len(list) {
		t.Errorf("%d parts", len(got.Parts))
	}

	for _, change := range []func(*ompb.CommitPart){
		func(p *ompb.CommitPart) { p.Etag += "e" },
		func(p *ompb.CommitPart) { p.Checksums = append(p.Checksums, sum) },
		func(p *ompb.CommitPart) { p.Checksums = []*ompb.Checksum{{Value: sum.Value + "v"}} },
		func(p *ompb.CommitPart) { p.Checksums = []*ompb.Checksum{{Algorithm: sum.Algorithm + "a"}} },
		func(p *ompb.CommitPart) { p.Checksums = []*ompb.Checksum{{Type: sum.Type + "t"}} },
	} {
		id := m.must(createUpload("bkt", "k")).GetUpload().UploadId
		req := part("bkt", "k", id, 1, etag)
		req.GetCommitPart().Checksums = sums
		change(req.GetCommitPart())
		m.wants(req, ozerr.InvalidArgument)
	}
}

func largestEncryption() *ompb.Encryption {
	long := strings.Repeat("n", maxName)
	return &ompb.Encryption{
		Kind: long, Algorithm: long, KeyId: long, CustomerKeyMd5: long, Chunk: maxCipherChunk, Overhead: maxCipherOverhead,
		WrappedKey: make([]byte, maxWrappedKey), Salt: make([]byte, maxSalt), Context: strings.Repeat("c", maxCipherContext),
	}
}

// TestCopiesInOneEntryAreBounded: a copy is a short request and as many rows as its
// source has blocks. An entry that needs more memory than om has is applied at each start.
func TestCopiesInOneEntryAreBounded(t *testing.T) {
	m := testMachine(t)
	var blocks []*commonpb.Block
	for i := range uint64(1000) {
		blocks = append(blocks, block(i+1, 1))
	}
	m.must(commit("bkt", "src", nil, blocks...))
	apply := func(reqs []*ompb.Request) (done int) {
		tx := m.db.Update()
		m.index++
		for i, req := range reqs {
			m.stamp(req)
			switch resp := Apply(tx, m.index, req); ozerr.Code(resp.GetError().GetCode()) {
			case "":
				done++
			case ozerr.Unavailable:
			default:
				t.Fatalf("request %d: %v", i, resp.Error)
			}
		}
		if err := tx.Commit(m.index, 1); err != nil {
			t.Fatal(err)
		}
		return done
	}
	var copies, renames []*ompb.Request
	for i := range 250 {
		copies = append(copies, copyOf("bkt", "src", "bkt", fmt.Sprintf("copy%03d", i)))
	}
	if n := apply(copies); n != MaxMoved/1000 {
		t.Errorf("%d copies in one entry", n)
	}
	if n := apply(copies[200:]); n != 50 {
		t.Errorf("%d copies in the next", n)
	}
	for i := range 250 {
		renames = append(renames, rename("bkt", fmt.Sprintf("copy%03d", i), fmt.Sprintf("renamed%03d", i)))
	}
	if n := apply(renames); n != MaxMoved/2/1000 {
		t.Errorf("%d renames in one entry", n)
	}
}
