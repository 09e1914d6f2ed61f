package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

var (
	bucketNames = []string{"bkt", "second", "third"}
	keyNames    = []string{"a", "a/b", "a/c", "b", "d//", "\x00", "é"}
)

// history drives machine and model with the same drawn requests and compares each answer.
type history struct {
	*rapid.T
	m     *machine
	truth *model
	sent  []*ompb.Request
	first []*ompb.Response
	seq   uint64
}

// send gives the request a place in the client's sequence, and now and then repeats an earlier one.
func (h *history) send(req *ompb.Request, want ozerr.Code) *ompb.Response {
	h.seq++
	req.ClientId, req.Sequence = "client", h.seq
	if h.seq > 20 {
		req.AckedBelow = h.seq - 20
	}
	resp := h.m.wants(req, want)
	h.sent, h.first = append(h.sent, req), append(h.first, resp)
	if rapid.IntRange(0, 3).Draw(h.T, "repeat") == 0 {
		i := rapid.IntRange(max(0, len(h.sent)-15), len(h.sent)-1).Draw(h.T, "which")
		again := h.m.do(proto.Clone(h.sent[i]).(*ompb.Request))
		if !proto.Equal(again, h.first[i]) {
			h.Fatalf("repetition of %T answered %v, first %v", h.sent[i].Op, again, h.first[i])
		}
	}
	return resp
}

func (h *history) bucket() string { return rapid.SampledFrom(bucketNames).Draw(h.T, "bucket") }
func (h *history) key() string    { return rapid.SampledFrom(keyNames).Draw(h.T, "key") }

// missing is BUCKET_NOT_FOUND or the given code.
func (h *history) expect(bucket string, otherwise ozerr.Code) ozerr.Code {
	if h.truth.buckets[bucket] == nil {
		return ozerr.BucketNotFound
	}
	return otherwise
}

func (h *history) createBucket() {
	b := h.bucket()
	if h.truth.buckets[b] != nil {
		h.send(createBucket("vol", b, "alice", true), ozerr.BucketAlreadyOwned)
		return
	}
	req, made := createBucket("vol", b, "alice", rapid.Bool().Draw(h.T, "s3")), &mbucket{keys: map[string][]*mversion{}}
	if made.lock = rapid.IntRange(0, 3).Draw(h.T, "lock") == 0; made.lock {
		req.GetCreateBucket().ObjectLock, made.versioning = true, enabled
	}
	h.send(req, "")
	h.truth.buckets[b] = made
}

func (h *history) deleteBucket() {
	b := h.bucket()
	want := h.expect(b, "")
	busy := want == "" && len(h.truth.buckets[b].keys) > 0
	for _, u := range h.truth.uploads {
		busy = busy || u.bucket == b && !u.completed
	}
	if busy {
		want = ozerr.BucketNotEmpty
	}
	h.send(deleteBucket(ref(b)), want)
	if want == "" {
		delete(h.truth.buckets, b)
		maps.DeleteFunc(h.truth.uploads, func(_ string, u *mupload) bool { return u.bucket == b })
	}
}

func (h *history) commitKey() {
	b, k := h.bucket(), h.key()
	bucket := h.truth.buckets[b]
	cur := bucket.current(k)
	var blocks []*commonpb.Block
	for range rapid.IntRange(0, 3).Draw(h.T, "blocks") {
		blocks = append(blocks, h.truth.fresh(10))
	}
	if rapid.IntRange(0, 9).Draw(h.T, "big") == 0 {
		for range 70 { // beyond InlinePieces
			blocks = append(blocks, h.truth.fresh(10))
		}
	}
	want := h.expect(b, "")
	cond := &ompb.Condition{}
	switch rapid.IntRange(0, 5).Draw(h.T, "condition") {
	case 0:
		cond.IfNoneMatch = []string{"*"}
		if cur != nil {
			want = ozerr.PreconditionFailed
		}
	case 1:
		cond.IfMatch = []string{"*"}
		if cur == nil && want == "" {
			want = ozerr.KeyNotFound
		}
	case 2:
		cond.IfMatch = []string{"other"}
		if want == "" {
			want = ozerr.KeyNotFound
			if cur != nil {
				want = ozerr.PreconditionFailed
			}
		}
	case 3: // steal a block somebody had
		if len(h.truth.committed) > 0 {
			blocks = append(blocks, block(rapid.SampledFrom(slices.Sorted(maps.Keys(h.truth.committed))).Draw(h.T, "stolen"), 10))
			if want == "" && !h.truth.forgotten[blocks[len(blocks)-1].Id.Local] {
				want = ozerr.InvalidRequest
			}
			if h.truth.forgotten[blocks[len(blocks)-1].Id.Local] {
				return // a lease outlives no forgotten block
			}
		}
	}
	req := commit(b, k, cond, blocks...)
	op, v := req.GetCommitKey(), &mversion{etag: req.GetCommitKey().Etag, blocks: blocks}
	if v.mode, v.until, v.hold = h.protection(); v.mode != "" {
		op.Retention = &ompb.Retention{Mode: v.mode, UntilNs: v.until}
	}
	if op.LegalHold = v.hold; want == "" && !bucket.lock && (v.hold || v.mode != "") {
		want = ozerr.NoObjectLock
	}
	now := h.next()
	resp := h.send(req, want)
	if want == "" {
		h.placed(bucket, k, bucket.retain(v, now), resp)
		h.truth.take(blocks)
	}
}

func (h *history) createUpload() {
	b, k := h.bucket(), h.key()
	resp := h.send(createUpload(b, k), h.expect(b, ""))
	if id := resp.GetUpload().GetUploadId(); id != "" {
		h.truth.uploads[id] = &mupload{b, k, map[uint32]*mversion{}, false}
	}
}

// upload picks a known upload; "" if there is none.
func (h *history) upload() (string, *mupload) {
	if len(h.truth.uploads) == 0 {
		return "", nil
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(h.truth.uploads))).Draw(h.T, "upload")
	return id, h.truth.uploads[id]
}

func open(u *mupload) ozerr.Code {
	if u.completed {
		return ozerr.NoSuchUpload
	}
	return ""
}

func (h *history) commitPart() {
	id, u := h.upload()
	if u == nil {
		return
	}
	number := uint32(rapid.IntRange(1, 4).Draw(h.T, "number"))
	blocks := []*commonpb.Block{h.truth.fresh(MinPartSize)}
	want := open(u)
	if owned := h.truth.owners(); len(owned) > 0 && rapid.IntRange(0, 2).Draw(h.T, "copy") == 0 {
		// An upload-part-copy: a slice of somebody's block, twice.
		local := rapid.SampledFrom(slices.Sorted(maps.Keys(owned))).Draw(h.T, "shared")
		piece := block(local, h.length(local))
		piece.Offset, piece.Length = 1, 2
		blocks = append(blocks, piece, proto.Clone(piece).(*commonpb.Block))
	}
	etag := md5Hex(fmt.Sprint(h.seq))
	h.send(part(u.bucket, u.key, id, number, etag, blocks...), want)
	if want == "" {
		u.parts[number] = &mversion{etag: etag, blocks: blocks}
		h.truth.take(blocks)
	}
}

// length is the stored length of an owned block.
func (h *history) length(local uint64) (n uint64) {
	tx, end := h.m.view()
	defer end()
	BlocksOf(tx, 1, local, func(b *ompb.ContainerBlock) bool { n = b.Length; return false })
	return n
}

func (h *history) completeUpload() {
	id, u := h.upload()
	if u == nil || u.completed {
		return
	}
	var list []*ompb.Part
	k := &mversion{}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if rapid.IntRange(0, 3).Draw(h.T, "leave out") > 0 {
			list = append(list, &ompb.Part{Number: n, Etag: u.parts[n].etag})
			k.blocks = append(k.blocks, u.parts[n].blocks...)
		}
	}
	want := ozerr.Code("")
	switch {
	case len(list) == 0:
		want = ozerr.InvalidRequest
	case rapid.IntRange(0, 5).Draw(h.T, "spoil") == 0:
		list[0].Etag, want = "wrong", ozerr.InvalidPart
	}
	req := complete(u.bucket, u.key, id, list...)
	now := h.next()
	resp := h.send(req, want)
	if want == "" {
		b := h.truth.buckets[u.bucket]
		k.etag, k.parts = resp.GetKey().GetKey().GetEtag(), len(list)
		h.placed(b, u.key, b.retain(k, now), resp)
		u.parts, u.completed = nil, true
		other := proto.Clone(req).(*ompb.Request)
		other.ClientId = "another"
		if again := h.m.must(other); !proto.Equal(again.GetKey(), resp.GetKey()) {
			h.Fatalf("repeated Complete: %v, first %v", again, resp)
		}
	}
}

func (h *history) abortUpload() {
	id, u := h.upload()
	if u == nil {
		return
	}
	want := open(u)
	h.send(abort(u.bucket, u.key, id), want)
	if want == "" {
		delete(h.truth.uploads, id)
	}
}

// forget confirms the deletion of some freed blocks.
func (h *history) forget() {
	op := &ompb.ForgetDeletedBlocks{}
	tx, end := h.m.view()
	DeletedBlocks(tx, 0, 0, func(d *ompb.DeletedBlock) bool {
		op.Blocks = append(op.Blocks, &ompb.DeletedBlock{Index: d.Index, Ordinal: d.Ordinal})
		h.truth.forgotten[d.Id.Local] = true
		return len(op.Blocks) < 5
	})
	end()
	h.m.must(&ompb.Request{Op: &ompb.Request_ForgetDeletedBlocks{ForgetDeletedBlocks: op}})
}

// run draws and sends n requests.
func (h *history) run(n int) {
	ops := []func(){
		h.createBucket, h.deleteBucket, h.commitKey, h.commitKey, h.commitKey, h.deleteKeys, h.deleteKeys, h.copyKey,
		h.renameKey, h.setVersioning, h.setObjectLock, h.setKeyLock, h.setTags, h.createUpload, h.commitPart, h.commitPart, h.commitPart, h.completeUpload, h.abortUpload, h.forget,
	}
	for range n {
		ops[rapid.IntRange(0, len(ops)-1).Draw(h.T, "op")]()
	}
}
