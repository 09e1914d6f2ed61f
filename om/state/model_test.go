package state

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// model is the plain truth: what the tables must say after any history.
type model struct {
	buckets   map[string]map[string]*mkey
	uploads   map[string]*mupload // by id
	committed map[uint64]bool     // every block ever taken
	forgotten map[uint64]bool
	next      uint64 // fresh block
}

type mkey struct {
	etag   string
	blocks []*commonpb.Block
}

type mupload struct {
	bucket, key string
	parts       map[uint32]*mkey
	completed   bool
}

func newModel() *model {
	return &model{
		buckets: map[string]map[string]*mkey{"bkt": {}}, uploads: map[string]*mupload{},
		committed: map[uint64]bool{}, forgotten: map[uint64]bool{}, next: 1,
	}
}

func (m *model) fresh(size uint64) *commonpb.Block {
	m.next++
	return block(m.next, size)
}

func (m *model) take(bs []*commonpb.Block) {
	for _, b := range bs {
		m.committed[b.Id.Local] = true
	}
}

func (m *model) owned() map[uint64]bool {
	out := map[uint64]bool{}
	add := func(k *mkey) {
		for _, b := range k.blocks {
			out[b.Id.Local] = true
		}
	}
	for _, keys := range m.buckets {
		for _, k := range keys {
			add(k)
		}
	}
	for _, u := range m.uploads {
		for _, p := range u.parts {
			add(p)
		}
	}
	return out
}

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
	h.send(createBucket("vol", b, "alice", rapid.Bool().Draw(h.T, "s3")), "")
	h.truth.buckets[b] = map[string]*mkey{}
}

func (h *history) deleteBucket() {
	b := h.bucket()
	want := h.expect(b, "")
	busy := len(h.truth.buckets[b]) > 0
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
	cur := h.truth.buckets[b][k]
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
	h.send(req, want)
	if want == "" {
		h.truth.buckets[b][k] = &mkey{req.GetCommitKey().Etag, blocks}
		h.truth.take(blocks)
	}
}

func (h *history) deleteKeys() {
	b := h.bucket()
	keys := rapid.SliceOfN(rapid.SampledFrom(keyNames), 1, 4).Draw(h.T, "keys")
	resp := h.send(remove(b, keys...), h.expect(b, ""))
	if h.truth.buckets[b] == nil {
		return
	}
	for i, k := range keys {
		_, existed := h.truth.buckets[b][k]
		if r := resp.GetDeletes().Results[i]; r.Existed != existed || r.Key != k || r.Error != nil {
			h.Fatalf("delete of %q: %v, existed %v", k, r, existed)
		}
		delete(h.truth.buckets[b], k)
	}
}

func (h *history) copyKey() {
	from, k, to, l := h.bucket(), h.key(), h.bucket(), h.key()
	src := h.truth.buckets[from][k]
	want := h.expect(from, h.expect(to, ""))
	if want == "" && src == nil {
		want = ozerr.KeyNotFound
	}
	h.send(copyOf(from, k, to, l), want)
	if want == "" {
		h.truth.buckets[to][l] = src
	}
}

func (h *history) renameKey() {
	b, k, l := h.bucket(), h.key(), h.key()
	keys := h.truth.buckets[b]
	want := h.expect(b, "")
	switch {
	case want != "":
	case keys[k] == nil:
		want = ozerr.KeyNotFound
	case k != l && keys[l] != nil:
		want = ozerr.KeyAlreadyExists
	}
	h.send(rename(b, k, l), want)
	if want == "" && k != l {
		keys[l] = keys[k]
		delete(keys, k)
	}
}

func (h *history) createUpload() {
	b, k := h.bucket(), h.key()
	resp := h.send(createUpload(b, k), h.expect(b, ""))
	if id := resp.GetUpload().GetUploadId(); id != "" {
		h.truth.uploads[id] = &mupload{b, k, map[uint32]*mkey{}, false}
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
	if owned := h.truth.owned(); len(owned) > 0 && rapid.IntRange(0, 2).Draw(h.T, "copy") == 0 {
		// An upload-part-copy: a slice of somebody's block, twice.
		local := rapid.SampledFrom(slices.Sorted(maps.Keys(owned))).Draw(h.T, "shared")
		piece := block(local, h.length(local))
		piece.Offset, piece.Length = 1, 2
		blocks = append(blocks, piece, proto.Clone(piece).(*commonpb.Block))
	}
	etag := md5Hex(fmt.Sprint(h.seq))
	h.send(part(u.bucket, u.key, id, number, etag, blocks...), want)
	if want == "" {
		u.parts[number] = &mkey{etag, blocks}
		h.truth.take(blocks)
	}
}

// length is the stored length of an owned block.
func (h *history) length(local uint64) (n uint64) {
	tx := h.m.db.View()
	defer tx.Discard()
	BlocksOf(tx, 1, local, func(_ *commonpb.BlockID, length uint64, _ bool) bool { n = length; return false })
	return n
}

func (h *history) completeUpload() {
	id, u := h.upload()
	if u == nil || u.completed {
		return
	}
	var list []*ompb.Part
	var k mkey
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
	resp := h.send(req, want)
	if want == "" {
		k.etag = resp.GetKey().GetKey().GetEtag()
		h.truth.buckets[u.bucket][u.key] = &k
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
	tx := h.m.db.View()
	DeletedBlocks(tx, 0, 0, func(d *ompb.DeletedBlock) bool {
		op.Blocks = append(op.Blocks, &ompb.DeletedBlock{Index: d.Index, Ordinal: d.Ordinal})
		h.truth.forgotten[d.Id.Local] = true
		return len(op.Blocks) < 5
	})
	tx.Discard()
	h.m.must(&ompb.Request{Op: &ompb.Request_ForgetDeletedBlocks{ForgetDeletedBlocks: op}})
}

// run draws and sends n requests.
func (h *history) run(n int) {
	ops := []func(){
		h.createBucket, h.deleteBucket, h.commitKey, h.commitKey, h.commitKey, h.deleteKeys, h.copyKey,
		h.renameKey, h.createUpload, h.commitPart, h.commitPart, h.commitPart, h.completeUpload, h.abortUpload, h.forget,
	}
	for range n {
		ops[rapid.IntRange(0, len(ops)-1).Draw(h.T, "op")]()
	}
}

// check compares the tables with the model.
func (h *history) check() {
	for _, b := range bucketNames {
		for _, k := range keyNames {
			want := h.truth.buckets[b][k]
			if want == nil {
				if h.m.do(get(b, k)).Error == nil {
					h.Fatalf("%s/%q should not exist", b, k)
				}
				continue
			}
			got := h.m.must(get(b, k)).GetKey().Key
			if got.Etag != want.etag || !slices.EqualFunc(got.Blocks, want.blocks, func(x, y *commonpb.Block) bool { return proto.Equal(x, y) }) {
				h.Fatalf("%s/%q is %v, want %v", b, k, got, want)
			}
		}
	}
	owned, deleted := h.truth.owned(), h.m.deleted()
	for local := range h.truth.committed {
		if h.m.owned(local) != owned[local] {
			h.Fatalf("block %d: owned %v, want %v", local, !owned[local], owned[local])
		}
		if gone := !owned[local] && !h.truth.forgotten[local]; deleted[local] != gone {
			h.Fatalf("block %d: deleted row %v, want %v", local, deleted[local], gone)
		}
		delete(deleted, local)
	}
	if len(deleted) > 0 {
		h.Fatalf("deleted rows of blocks that were never committed: %v", deleted)
	}
}

// TestModel runs random histories with repeated requests over the model; then, for some,
// the same log, cut into other batches, on a second replica, or with crashes.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, remove := tempDir(rt)
		defer remove()
		db := openDB(rt, filepath.Join(dir, "a"))
		defer db.Close()
		h := &history{T: rt, m: newMachine(rt, db), truth: newModel()}
		h.run(rapid.IntRange(1, 60).Draw(rt, "length"))
		h.check()
		want := h.m.hash()
		switch rapid.IntRange(0, 4).Draw(rt, "then") {
		case 0:
			second := openDB(rt, filepath.Join(dir, "b"))
			defer second.Close()
			replay(rt, second, h.m.log, len(h.m.log))
			if got := (&machine{t: rt, db: second}).hash(); got != want {
				rt.Fatalf("replicas differ")
			}
		case 1:
			crashes(rt, filepath.Join(dir, "c"), h.m.log, want)
		}
	})
}

// replay applies the log up to entry `to` in batches of drawn sizes.
func replay(rt *rapid.T, db *table.DB, log []*ompb.Request, to int) {
	for at := applied(db); at < to; at = applied(db) {
		n := min(rapid.IntRange(1, 12).Draw(rt, "batch"), to-at)
		applyAll(rt, db, log[at:at+n], uint64(at), 1)
	}
}

func applied(db *table.DB) int {
	index, _ := db.Applied()
	return int(index)
}

// crashes replays the log with barriers and power losses in between: what was written after
// the last barrier is kept, cut, or zeroed, differently each time.
func crashes(rt *rapid.T, dir string, log []*ompb.Request, want [32]byte) {
	for round := 0; ; round++ {
		safe := memTables(dir)
		db := openDB(rt, dir)
		durable := applied(db)
		replay(rt, db, log, rapid.IntRange(durable, len(log)).Draw(rt, "barrier at"))
		if rapid.Bool().Draw(rt, "barrier") {
			if _, _, err := db.Barrier(); err != nil {
				rt.Fatalf("barrier: %v", err)
			}
			safe = memTables(dir)
		}
		replay(rt, db, log, rapid.IntRange(applied(db), len(log)).Draw(rt, "crash at"))
		if round == 3 {
			replay(rt, db, log, len(log))
			got := (&machine{t: rt, db: db}).hash()
			if err := db.Close(); err != nil {
				rt.Fatalf("close: %v", err)
			}
			if got != want {
				rt.Fatalf("state after crashes differs")
			}
			return
		}
		next := dir + "x"
		powerLoss(rt, dir, next, safe)
		if err := db.Close(); err != nil {
			rt.Fatalf("close: %v", err)
		}
		dir = next
	}
}

// memTables reads badger's logs as they are at a barrier.
func memTables(dir string) map[string][]byte {
	out := map[string][]byte{}
	names, _ := filepath.Glob(filepath.Join(dir, "*.mem"))
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil { // else it was just flushed
			out[filepath.Base(name)] = b
		}
	}
	return out
}

// powerLoss copies dir as a disk might have it: of the pages of a log that changed since
// the barrier, each may be new or old. badger flushes in the background, so the copy is
// taken again until the set of files stood still.
func powerLoss(rt *rapid.T, dir, to string, safe map[string][]byte) {
	files := copyOfDir(dir)
	for again := copyOfDir(dir); !sameFiles(files, again); again = copyOfDir(dir) {
		files = again
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		rt.Fatalf("%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".mem") {
			damage(rt, files[name], safe[name])
		}
		if err := os.WriteFile(filepath.Join(to, name), files[name], 0o600); err != nil {
			rt.Fatalf("%v", err)
		}
	}
}

func copyOfDir(dir string) map[string][]byte {
	out := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.Name() == "LOCK" || strings.HasSuffix(e.Name(), ".vlog") {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil { // else it went away meanwhile
			out[e.Name()] = b
		}
	}
	return out
}

// sameFiles: same names, same manifest, and tables of the same size.
func sameFiles(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, func(x, y []byte) bool { return len(x) == len(y) }) &&
		slices.Equal(a["MANIFEST"], b["MANIFEST"])
}

func damage(rt *rapid.T, now, before []byte) {
	const page = 4096
	before = append(slices.Clone(before), make([]byte, max(0, len(now)-len(before)))...)
	for at := 0; at < len(now); at += page {
		end := min(at+page, len(now))
		if !slices.Equal(now[at:end], before[at:end]) && rapid.Bool().Draw(rt, "page lost") {
			copy(now[at:end], before[at:end])
		}
	}
}
