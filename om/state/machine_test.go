package state

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
)

// tester is what testing.T, testing.B and rapid.T share.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// tempDir is TempDir also for rapid.T: the caller removes it. In memory where that is
// possible, for hundreds of histories; what a disk would lose is simulated.
func tempDir(t tester) (string, func()) {
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "om-state-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

func openDB(t tester, dir string) *table.DB {
	t.Helper()
	db, err := table.Open(dir, table.Options{Log: zerolog.Nop(), MemTableSize: 1 << 20})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return db
}

// machine is a state machine without raft: one request, one entry, one transaction.
type machine struct {
	t     tester
	db    *table.DB
	index uint64
	now   int64
	log   []*ompb.Request

	group func() int // how many requests the next entry has; nil: one
	entry *table.Txn // the entry to which more requests come; nil: none
	left  int        // how many
}

// view sees all that was done, the entry under way included.
func (m *machine) view() (tx *table.Txn, end func()) {
	if m.entry != nil {
		return m.entry, func() {}
	}
	tx = m.db.View()
	return tx, tx.Discard
}

// join applies a request as the next of its entry.
func (m *machine) join(req *ompb.Request) *ompb.Response {
	if m.entry == nil {
		m.index++
		m.entry, m.left = m.db.Update(), m.group()
	}
	resp := Apply(m.entry, m.index, proto.CloneOf(req))
	if m.left--; m.left <= 0 {
		m.flush()
	}
	return resp
}

// flush ends the entry under way.
func (m *machine) flush() {
	if m.entry == nil {
		return
	}
	tx := m.entry
	m.entry = nil
	if err := tx.Commit(m.index, 1); err != nil {
		m.t.Fatalf("commit: %v", err)
	}
}

// newMachine has a registered node and one container, volume vol and bucket bkt.
func newMachine(t tester, db *table.DB) *machine {
	m := &machine{t: t, db: db, now: 1_700_000_000_000_000_000}
	m.must(&ompb.Request{Op: &ompb.Request_RegisterNode{RegisterNode: &ompb.RegisterNode{Node: &commonpb.Node{Id: "n1", Address: "h:1"}}}})
	m.must(&ompb.Request{Op: &ompb.Request_CreateContainer{CreateContainer: &ompb.CreateContainer{Replication: "ONE", Nodes: []string{"n1"}}}})
	m.must(createVolume("vol"))
	m.must(createBucket("vol", "bkt", "alice", false))
	return m
}

// testMachine is newMachine on a fresh database of a test.
func testMachine(t testing.TB) *machine {
	db := openDB(t, t.TempDir())
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return newMachine(t, db)
}

// stamp does the leader's part.
func (m *machine) stamp(req *ompb.Request) {
	m.now += 1_000_000_007
	req.TimeNs = m.now
	req.Entropy = binary.BigEndian.AppendUint64(make([]byte, 8), m.index+1)
	if req.User == "" {
		req.User = "alice"
	}
}

func (m *machine) do(req *ompb.Request) *ompb.Response {
	m.t.Helper()
	if IsRead(req) {
		tx, end := m.view()
		defer end()
		return Read(tx, req)
	}
	m.stamp(req)
	if m.group != nil {
		return m.join(req)
	}
	m.index++
	m.log = append(m.log, proto.Clone(req).(*ompb.Request))
	return applyAll(m.t, m.db, m.log[len(m.log)-1:], m.index-1, 1)[0]
}

// applyAll applies log entries after `from` in one transaction.
func applyAll(t tester, db *table.DB, entries []*ompb.Request, from uint64, term uint64) []*ompb.Response {
	t.Helper()
	tx := db.Update()
	defer tx.Discard()
	var out []*ompb.Response
	for i, req := range entries {
		out = append(out, Apply(tx, from+uint64(i)+1, req))
	}
	if err := tx.Commit(from+uint64(len(entries)), term); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return out
}

func (m *machine) must(req *ompb.Request) *ompb.Response {
	m.t.Helper()
	resp := m.do(req)
	if resp.Error != nil {
		m.t.Fatalf("%T: %v", req.Op, resp.Error)
	}
	return resp
}

func (m *machine) wants(req *ompb.Request, code ozerr.Code) *ompb.Response {
	m.t.Helper()
	resp := m.do(req)
	if got := ozerr.Code(resp.GetError().GetCode()); got != code {
		m.t.Fatalf("%T: code %q (%s), want %q", req.Op, got, resp.GetError().GetMessage(), code)
	}
	return resp
}

func (m *machine) hash() [32]byte {
	tx, end := m.view()
	defer end()
	h := Hash(tx)
	if err := tx.Err(); err != nil {
		m.t.Fatalf("hash: %v", err)
	}
	return h
}

// deleted returns the freed blocks' local ids.
func (m *machine) deleted() map[uint64]bool {
	tx, end := m.view()
	defer end()
	out := map[uint64]bool{}
	last := table.DeletedKey(0, 0)
	DeletedBlocks(tx, 0, 0, func(d *ompb.DeletedBlock) bool {
		key := table.DeletedKey(d.Index, d.Ordinal)
		if string(key) < string(last) || out[d.Id.Local] {
			m.t.Fatalf("deleted rows out of order or twice: %v", d)
		}
		last, out[d.Id.Local] = key, true
		return true
	})
	return out
}

func (m *machine) owned(local uint64) bool {
	tx, end := m.view()
	defer end()
	return BlockOwned(tx, &commonpb.BlockID{Container: 1, Local: local})
}

func ref(bucket string) *ompb.BucketRef { return &ompb.BucketRef{Volume: "vol", Bucket: bucket} }

func createVolume(name string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_CreateVolume{CreateVolume: &ompb.CreateVolume{Volume: name}}}
}

func createBucket(volume, bucket, owner string, s3 bool) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_CreateBucket{CreateBucket: &ompb.CreateBucket{Volume: volume, Bucket: bucket, Owner: owner, S3: s3}}}
}

func deleteBucket(r *ompb.BucketRef) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_DeleteBucket{DeleteBucket: &ompb.DeleteBucket{Ref: r}}}
}

func block(local, length uint64) *commonpb.Block {
	return &commonpb.Block{Id: &commonpb.BlockID{Container: 1, Local: local}, BlockLength: length, Length: length, Crc32C: uint32(local)}
}

func commit(bucket, key string, cond *ompb.Condition, blocks ...*commonpb.Block) *ompb.Request {
	op := &ompb.CommitKey{Ref: ref(bucket), Key: key, Blocks: blocks, Condition: cond, Etag: md5Hex(key, fmt.Sprint(blocks))}
	for _, b := range blocks {
		op.Size += b.Length
		op.Etag = md5Hex(fmt.Sprint(b.Id.Local))
	}
	return &ompb.Request{Op: &ompb.Request_CommitKey{CommitKey: op}}
}

func get(bucket, key string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_GetKey{GetKey: &ompb.GetKey{Ref: ref(bucket), Key: key}}}
}

func remove(bucket string, keys ...string) *ompb.Request {
	op := &ompb.DeleteKeys{Ref: ref(bucket)}
	for _, k := range keys {
		op.Keys = append(op.Keys, &ompb.KeyToDelete{Key: k})
	}
	return &ompb.Request{Op: &ompb.Request_DeleteKeys{DeleteKeys: op}}
}

func copyOf(fromBucket, from, toBucket, to string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_CopyKey{CopyKey: &ompb.CopyKey{Source: ref(fromBucket), SourceKey: from, Ref: ref(toBucket), Key: to}}}
}

func rename(bucket, key, to string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_RenameKey{RenameKey: &ompb.RenameKey{Ref: ref(bucket), Key: key, To: to}}}
}

func createUpload(bucket, key string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_CreateUpload{CreateUpload: &ompb.CreateUpload{Ref: ref(bucket), Key: key}}}
}

func part(bucket, key, id string, number uint32, etag string, blocks ...*commonpb.Block) *ompb.Request {
	op := &ompb.CommitPart{Ref: ref(bucket), Key: key, UploadId: id, Number: number, Etag: etag, Blocks: blocks}
	for _, b := range blocks {
		op.Size += b.Length
	}
	return &ompb.Request{Op: &ompb.Request_CommitPart{CommitPart: op}}
}

func complete(bucket, key, id string, parts ...*ompb.Part) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_CompleteUpload{CompleteUpload: &ompb.CompleteUpload{Ref: ref(bucket), Key: key, UploadId: id, Parts: parts}}}
}

func abort(bucket, key, id string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_AbortUpload{AbortUpload: &ompb.AbortUpload{Ref: ref(bucket), Key: key, UploadId: id}}}
}

func md5Hex(parts ...string) string {
	h := md5.New()
	for _, p := range parts {
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}
