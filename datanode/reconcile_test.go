package datanode_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/datanode"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// leader is an om that knows the blocks of container 1.
type leader struct {
	*fakeOM
	limit int // of a page

	mu     sync.Mutex
	fenced bool
	nodes  []string // the container's
	blocks map[uint64]*ompb.ContainerBlock
	asked  func(n int) // called with how many lists were asked for before
	n      int

	orders map[uint64]*dnpb.Order
	failed map[uint64]*dnpb.OrderFailure
	done   map[uint64]bool
	bad    map[uint64]string
	last   map[string]*dnpb.ContainerReport // of container 1, by node
	next   uint64
}

func newLeader() *leader {
	l := &leader{
		fakeOM: newOM(), limit: 4, blocks: map[uint64]*ompb.ContainerBlock{}, bad: map[uint64]string{},
		orders: map[uint64]*dnpb.Order{}, failed: map[uint64]*dnpb.OrderFailure{}, done: map[uint64]bool{}, last: map[string]*dnpb.ContainerReport{},
	}
	return l
}

// Submit implements datanode.Leader.
func (l *leader) Submit(_ context.Context, req *ompb.Request) (*ompb.Response, error) {
	l.mu.Lock()
	n, asked := l.n, l.asked
	l.n++
	l.mu.Unlock()
	if asked != nil {
		asked(n)
	}
	q := req.GetListContainerBlocks()
	if q == nil {
		return nil, errors.New("not a list")
	}
	limit := l.limit
	if q.Limit > 0 {
		limit = min(limit, int(q.Limit))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	page := &ompb.ContainerBlocks{Container: &ompb.ContainerInfo{Id: q.Container, Fenced: l.fenced, Nodes: l.nodes}}
	var locals []uint64
	for local := range l.blocks {
		if local > q.AfterLocal {
			locals = append(locals, local)
		}
	}
	slices.Sort(locals)
	for i, local := range locals {
		if i == limit {
			page.Truncated = true
			break
		}
		page.Blocks = append(page.Blocks, l.blocks[local])
	}
	return &ompb.Response{Result: &ompb.Response_ContainerBlocks{ContainerBlocks: page}}, nil
}

func (l *leader) know(local uint64, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocks[local] = &ompb.ContainerBlock{Local: local, Length: uint64(len(data)), Crc32C: crc32c.Sum(data), HasCrc: true}
}

func (l *leader) free(local uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocks[local].Freed = true
}

// forNode is the om that one datanode talks to: it gives that one its orders.
type forNode struct {
	*leader
	mu     sync.Mutex
	orders map[uint64]*dnpb.Order
}

func (f *forNode) Heartbeat(_ context.Context, hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader.mu.Lock()
	defer f.leader.mu.Unlock()
	for _, id := range hb.DoneOrders {
		f.done[id] = true
		delete(f.orders, id)
	}
	for _, x := range hb.FailedOrders {
		f.failed[x.Id] = x
		delete(f.orders, x.Id)
	}
	for _, b := range hb.BadBlocks {
		f.bad[b.Block.Local] = b.Reason
	}
	if hb.FullReport {
		delete(f.last, hb.Node.Id)
	}
	for _, c := range hb.Containers {
		if c.Id == 1 {
			f.last[hb.Node.Id] = c
		}
	}
	reply := &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true}
	for _, o := range f.orders {
		reply.Orders = append(reply.Orders, o)
	}
	return reply, nil
}

// rig is datanodes over loopback and an om that the test plays.
type rig struct {
	t    *testing.T
	om   *leader
	pool *dnclient.Pool
	dn   []*datanode.Server
	ask  []*forNode
	cfg  []datanode.Config
	next uint64
	down map[int]bool
}

func newRig(t *testing.T, n int) *rig {
	r := &rig{t: t, om: newLeader(), pool: dnclient.NewPool(dnclient.Options{}), down: map[int]bool{}}
	t.Cleanup(func() { _ = r.pool.Close() })
	for i := range n {
		cfg := config(t)
		cfg.Heartbeat, cfg.Leader, cfg.Nodes, cfg.CopyRate = 20*time.Millisecond, r.om, r.pool, 0
		r.cfg = append(r.cfg, cfg)
		ask := &forNode{leader: r.om, orders: map[uint64]*dnpb.Order{}}
		r.ask = append(r.ask, ask)
		r.dn = append(r.dn, nil)
		r.start(i)
	}
	t.Cleanup(func() {
		for i := range n {
			r.stop(i)
		}
	})
	return r
}

func (r *rig) start(i int) {
	r.t.Helper()
	s, err := datanode.Open(r.cfg[i], []datanode.OM{r.ask[i]}, zerolog.Nop())
	if err != nil {
		r.t.Fatal(err)
	}
	r.dn[i] = s
	r.down[i] = false
}

// stop ends a datanode, unless that was done.
func (r *rig) stop(i int) {
	if r.down[i] {
		return
	}
	r.down[i] = true
	if err := r.dn[i].Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) node(i int) *commonpb.Node {
	return &commonpb.Node{Id: r.dn[i].ID(), Address: r.dn[i].RPCAddr()}
}

// order sends an order and returns its failure, nil if it was done.
func (r *rig) order(i int, o *dnpb.Order) *dnpb.OrderFailure {
	r.t.Helper()
	r.next++
	o.Id = r.next
	r.ask[i].mu.Lock()
	r.ask[i].orders[o.Id] = o
	r.ask[i].mu.Unlock()
	r.until("the order's end", func() bool { return r.om.done[o.Id] || r.om.failed[o.Id] != nil })
	r.om.mu.Lock()
	defer r.om.mu.Unlock()
	return r.om.failed[o.Id]
}

// until waits for ok, which is called with the leader's lock held.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	late := time.Now().Add(60 * time.Second)
	for {
		r.om.mu.Lock()
		yes := ok()
		r.om.mu.Unlock()
		if yes {
			return
		}
		if time.Now().After(late) {
			r.t.Fatalf("waiting in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond) // polls; nothing depends on how long
	}
}

func (r *rig) reconcile(i int, change func(*dnpb.ReconcileContainer), sources ...int) *dnpb.OrderFailure {
	r.t.Helper()
	rec := &dnpb.ReconcileContainer{Container: 1}
	for _, s := range sources {
		rec.Sources = append(rec.Sources, r.node(s))
	}
	if change != nil {
		change(rec)
	}
	return r.order(i, &dnpb.Order{What: &dnpb.Order_ReconcileContainer{ReconcileContainer: rec}})
}

func (r *rig) do(i int, o *dnpb.Order) {
	r.t.Helper()
	if f := r.order(i, o); f != nil {
		r.t.Fatal(f)
	}
}

func (r *rig) closeContainer(i int) {
	r.t.Helper()
	r.do(i, &dnpb.Order{What: &dnpb.Order_CloseContainer{CloseContainer: &dnpb.CloseContainer{Container: 1}}})
}

func (r *rig) report(i int) *dnpb.ContainerReport {
	r.om.mu.Lock()
	defer r.om.mu.Unlock()
	return r.om.last[r.dn[i].ID()]
}

// settled waits until datanode i reports what ok wants of container 1.
func (r *rig) settled(i int, what string, ok func(*dnpb.ContainerReport) bool) {
	r.t.Helper()
	r.until(what, func() bool { return ok(r.om.last[r.dn[i].ID()]) })
}

// blockData is the content of a block.
func blockData(local uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(local), byte(local >> 8)}).Read(b)
	return b
}

// putBig writes a block in chunks of 1 MiB.
func putBig(t *testing.T, s client.Blocks, local uint64, data []byte) {
	t.Helper()
	id := &commonpb.BlockID{Container: 1, Local: local}
	for off := 0; ; off += 1 << 20 {
		part := data[off:min(len(data), off+1<<20)]
		req := &dnpb.WriteRequest{Block: id, Offset: uint64(off), Crc32C: crc32c.Sum(part)}
		last := off+len(part) == len(data)
		if last {
			req.Commit, req.BlockLength, req.BlockCrc32C = true, uint64(len(data)), crc32c.Sum(data)
		}
		if err := s.Write(ctx, req, part); err != nil {
			t.Fatal(err)
		}
		if last {
			return
		}
	}
}

// fill writes blocks of many sizes to datanode i and lets om know them.
func (r *rig) fill(i int, known bool) map[uint64][]byte {
	r.t.Helper()
	out := map[uint64][]byte{}
	for n, size := range []int{0, 1, 100, 4096, 10_000, 256 << 10, 256<<10 + 1, 1 << 20, 3<<20 + 77, 10<<20 + 12345, 5, 6, 7} {
		local := uint64(n*3 + 1)
		out[local] = blockData(local, size)
		putBig(r.t, r.dn[i], local, out[local])
		if known {
			r.om.know(local, out[local])
		}
	}
	return out
}

// check reads every block as a client would.
func (r *rig) check(i int, want map[uint64][]byte) {
	r.t.Helper()
	for local, data := range want {
		if err := r.has(i, local, data); err != nil {
			r.t.Fatalf("datanode %d, block %d: %v", i, local, err)
		}
	}
}

func (r *rig) has(i int, local uint64, data []byte) error {
	for off := 0; ; off += 1 << 20 {
		resp, got, err := r.dn[i].Read(ctx, &dnpb.ReadRequest{Block: &commonpb.BlockID{Container: 1, Local: local}, Offset: uint64(off), Length: 1 << 20}, nil)
		if err != nil {
			return err
		}
		want := data[off:min(len(data), off+1<<20)]
		if !bytes.Equal(got, want) || resp.BlockLength != uint64(len(data)) || !slices.Equal(resp.Checksums, crc32c.Units(nil, want, 256<<10)) {
			return fmt.Errorf("other bytes at %d", off)
		}
		if off+1<<20 >= len(data) {
			return nil
		}
	}
}

// A replica is made from nothing: what om lists, and what only a source has. It is closed,
// and has the digest of its source.
func TestReconcileMakesAReplica(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	want[1000] = []byte("om doesn't know this one yet")
	putBig(t, r.dn[0], 1000, want[1000])
	putBig(t, r.dn[0], 1001, []byte("freed"))
	r.om.know(1001, []byte("freed"))
	r.om.free(1001)
	r.closeContainer(0)
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
	if err := r.has(1, 1001, []byte("freed")); err == nil {
		t.Fatal("a freed block was copied")
	}
	r.do(0, &dnpb.Order{What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: []*commonpb.BlockID{{Container: 1, Local: 1001}}}}})
	r.same(0, 1)
	err := r.dn[1].Write(ctx, &dnpb.WriteRequest{Block: &commonpb.BlockID{Container: 1, Local: 2000}, Commit: true}, nil)
	if !errors.Is(err, ozerr.ContainerClosed) {
		t.Fatalf("a write to the copy: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.cfg[1].Dirs[0], "containers", "*.new")); len(left) > 0 {
		t.Fatalf("left behind: %q", left)
	}
}

// same waits until both report closed replicas with one digest.
func (r *rig) same(a, b int) {
	r.t.Helper()
	r.until("equal replicas", func() bool {
		x, y := r.om.last[r.dn[a].ID()], r.om.last[r.dn[b].ID()]
		return x.GetState() == dnpb.ContainerState_CLOSED && y.GetState() == dnpb.ContainerState_CLOSED &&
			x.GetContent() == y.GetContent() && x.GetBlocks() == y.GetBlocks() && x.GetUsedBytes() == y.GetUsedBytes()
	})
}

// A replica that was removed here can be made again; late writes of clients can't.
func TestReconcileAfterRemoval(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	r.closeContainer(0)
	for range 2 {
		if f := r.reconcile(1, nil, 0); f != nil {
			t.Fatal(f)
		}
		r.check(1, want)
		r.do(1, &dnpb.Order{What: &dnpb.Order_DeleteContainer{DeleteContainer: &dnpb.DeleteContainer{Container: 1}}})
		if err := r.has(1, 4, want[4]); !errors.Is(err, ozerr.ContainerNotFound) {
			t.Fatalf("after the removal: %v", err)
		}
		err := r.dn[1].Write(ctx, &dnpb.WriteRequest{Block: &commonpb.BlockID{Container: 1, Local: 2000}, Commit: true}, nil)
		if !errors.Is(err, ozerr.ContainerClosed) {
			t.Fatalf("a late write: %v", err)
		}
	}
	r.settled(1, "the end of the replica", func(c *dnpb.ContainerReport) bool { return c == nil })
}

// In place: what lacks comes, what differs is replaced, what is bad is found with verify,
// what was freed waits for om's order to delete it, what nobody knows is put aside once the container is fenced.
func TestReconcileInPlace(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	for local, data := range want {
		switch local {
		case 4, 28: // lacking, small and large
		case 7:
			putBig(t, r.dn[1], local, []byte("not what om has, though it sums up"))
		default:
			putBig(t, r.dn[1], local, data)
		}
	}
	putBig(t, r.dn[1], 500, []byte("nobody's"))
	putBig(t, r.dn[1], 501, []byte("freed"))
	r.om.know(501, []byte("freed"))
	r.om.free(501)
	r.closeContainer(0)
	r.closeContainer(1)
	flip(t, r.cfg[1], want[25][1<<20:1<<20+64])
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	delete(want, 25)
	r.check(1, want)
	want[25] = blockData(25, 3<<20+77)
	if err := r.has(1, 500, []byte("nobody's")); err != nil {
		t.Fatalf("a block that om may still get is gone: %v", err)
	}
	if err := r.has(1, 501, []byte("freed")); err != nil {
		t.Fatalf("a freed block went before its time: %v", err)
	}
	r.do(1, &dnpb.Order{What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: []*commonpb.BlockID{{Container: 1, Local: 501}}}}})
	r.om.mu.Lock()
	r.om.fenced = true
	r.om.mu.Unlock()
	if f := r.reconcile(1, func(o *dnpb.ReconcileContainer) { o.Verify = true }, 0); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
	r.same(0, 1)
	if c := r.report(1); c.Quarantined != 1 {
		t.Fatalf("%d blocks in quarantine", c.Quarantined)
	}
	if err := r.has(1, 500, []byte("nobody's")); err != nil {
		t.Fatalf("in quarantine it can still be read: %v", err)
	}
	r.om.know(500, []byte("nobody's")) // om was restored from an older state, say
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	r.settled(1, "the block live again", func(c *dnpb.ContainerReport) bool {
		return c.GetQuarantined() == 0 && c.GetBlocks() == uint64(len(want)+1)
	})
}

// flip changes a bit of every place in the logs where these bytes are.
func flip(t *testing.T, cfg datanode.Config, what []byte) {
	t.Helper()
	n := 0
	for _, dir := range cfg.Dirs {
		names, err := filepath.Glob(filepath.Join(dir, "containers", "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			at := bytes.Index(b, what)
			if at < 0 {
				continue
			}
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt([]byte{what[0] ^ 1}, int64(at))
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	if n == 0 {
		t.Fatal("the bytes are nowhere")
	}
}

// Single blocks, as after a reader's complaint: they are read, and replaced from the one
// source whose bytes are good.
func TestReconcileOneBlock(t *testing.T) {
	r := newRig(t, 3)
	want := r.fill(0, true)
	for local, data := range want {
		putBig(t, r.dn[1], local, data)
		putBig(t, r.dn[2], local, data)
	}
	for i := range 3 {
		r.closeContainer(i)
	}
	flip(t, r.cfg[1], want[13][:100])
	flip(t, r.cfg[2], want[13][:100])
	only := func(locals ...uint64) func(*dnpb.ReconcileContainer) {
		return func(o *dnpb.ReconcileContainer) { o.Locals = locals }
	}
	if f := r.reconcile(1, only(13, 7, 9999), 2, 0); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
	r.same(0, 1)
	flip(t, r.cfg[0], want[10][:100])
	flip(t, r.cfg[1], want[10][:100])
	if f := r.reconcile(1, only(10), 0); f.GetCode() != string(ozerr.BlockNotFound) {
		t.Fatalf("no source has good bytes: %v", f)
	}
	if f := r.reconcile(1, only(10), 0, 2); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
}

// The source dies midway: the order fails with a code, nothing half is there, and the
// next one with another source succeeds, while blocks are being deleted.
func TestSourceDiesMidway(t *testing.T) {
	r := newRig(t, 3)
	want := r.fill(0, true)
	for local, data := range want {
		putBig(t, r.dn[2], local, data)
	}
	r.closeContainer(0)
	r.closeContainer(2)
	r.om.asked = func(n int) {
		if n == 2 {
			r.stop(0)
		}
	}
	f := r.reconcile(1, nil, 0)
	if f.GetCode() != string(ozerr.Unavailable) {
		t.Fatalf("without a source: %v", f)
	}
	if err := r.has(1, 4, want[4]); !errors.Is(err, ozerr.ContainerNotFound) {
		t.Fatalf("half a replica is there: %v", err)
	}
	r.om.asked = func(n int) {
		if r.om.next == 0 { // at the second list: what was copied already is deleted, and what was not
			r.om.next = 1
			return
		}
		for _, local := range []uint64{1, 28} {
			r.om.free(local)
			ids := []*commonpb.BlockID{{Container: 1, Local: local}}
			for _, i := range []int{1, 2} {
				if err := r.deleteAt(i, ids); err != nil {
					t.Error(err)
				}
			}
		}
		r.om.asked = nil
	}
	if f := r.reconcile(1, nil, 0, 2); f != nil {
		t.Fatal(f)
	}
	delete(want, 1)
	delete(want, 28)
	r.check(1, want)
	r.same(1, 2)
}

// deleteAt orders a deletion without waiting for it: small orders are carried out while
// a repair goes on.
func (r *rig) deleteAt(i int, ids []*commonpb.BlockID) error {
	if f := r.order(i, &dnpb.Order{What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: ids}}}); f != nil {
		return errors.New(f.Reason)
	}
	return nil
}

// An unhealthy replica is written anew, from its own good blocks and from sources.
func TestReconcileUnhealthy(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	for local, data := range want {
		putBig(t, r.dn[1], local, data)
	}
	r.closeContainer(0)
	r.closeContainer(1)
	r.stop(1)
	for _, dir := range r.cfg[1].Dirs { // the tail is lost, and one block in the middle rots
		names, _ := filepath.Glob(filepath.Join(dir, "containers", "*.log"))
		for _, name := range names {
			st, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(name, st.Size()-7<<20); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.start(1)
	r.settled(1, "an unhealthy replica", func(c *dnpb.ContainerReport) bool { return c.GetState() == dnpb.ContainerState_UNHEALTHY })
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
	r.same(0, 1)
	r.stop(1)
	r.start(1)
	r.check(1, want)
	r.same(0, 1)
}
