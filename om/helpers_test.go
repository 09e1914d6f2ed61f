package om

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// clock is time as the heartbeats see it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func testConfig(t testing.TB, dir string) (Config, *clock) {
	clk := &clock{t: time.Unix(1_700_000_000, 0)}
	c := DefaultConfig()
	c.Dir, c.Address, c.HTTPAddress = dir, "", ""
	c.AllocateWait, c.DutyInterval, c.DeleteInterval, c.DeleteGrace = 50*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond, 0
	c.ContainerSize, c.BlockSize = 1000, 100
	c.Now = clk.now
	c.Raft.SegmentBytes, c.Raft.MemTableSize = 4<<20, 4<<20
	c.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	return c, clk
}

func openServer(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Open(c, zerolog.Nop())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func closeServer(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func submit(t testing.TB, s *Server, req *ompb.Request) *ompb.Response {
	t.Helper()
	resp, err := s.Submit(testContext(t), req)
	if err != nil {
		t.Fatalf("submit %T: %v", req.Op, err)
	}
	return resp
}

func allocate(count uint32, replication string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_AllocateBlocks{AllocateBlocks: &ompb.AllocateBlocks{
		Count: count, Replication: replication}}}
}

func leases(t testing.TB, s *Server, count uint32, replication string) []*ompb.BlockLease {
	t.Helper()
	return submit(t, s, allocate(count, replication)).GetLeases().GetLeases()
}

func makeBucket(t testing.TB, s *Server) *ompb.BucketRef {
	t.Helper()
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_CreateBucket{CreateBucket: &ompb.CreateBucket{
		Volume: "s3u", Bucket: "bucket", S3: true}}})
	return &ompb.BucketRef{Volume: "s3u", Bucket: "bucket"}
}

func commit(t testing.TB, s *Server, ref *ompb.BucketRef, key string, l *ompb.BlockLease, size uint64) {
	t.Helper()
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_CommitKey{CommitKey: &ompb.CommitKey{
		Ref: ref, Key: key, Size: size, Etag: "d41d8cd98f00b204e9800998ecf8427e",
		Blocks: []*commonpb.Block{{Id: l.Id, BlockLength: size, Length: size}}}}})
}

// fakeNode is a datanode that only talks to om.
type fakeNode struct {
	t    testing.TB
	s    *Server
	beat *dnpb.Heartbeat
	lazy bool // takes orders and does nothing
	// refuses: it fails to reconcile; lacks: it finds no source for one of the blocks.
	refuses, lacks bool
	taken          []*dnpb.Order
}

func newNode(t testing.TB, s *Server, id string) *fakeNode {
	return &fakeNode{t: t, s: s, beat: &dnpb.Heartbeat{
		Node:     &commonpb.Node{Id: id, Host: id, Address: id + ":9859"},
		Capacity: 10 << 30, Used: 1 << 30, Remaining: 9 << 30, Version: "test", FullReport: true,
	}}
}

// heartbeat sends one, with all that was done since the last, and carries out what comes back.
func (n *fakeNode) heartbeat() *dnpb.HeartbeatReply {
	n.t.Helper()
	reply, err := n.s.Heartbeat(testContext(n.t), n.beat)
	if err != nil {
		n.t.Fatalf("heartbeat of %s: %v", n.beat.Node.Id, err)
	}
	n.beat.ClusterId, n.beat.DoneOrders, n.beat.FailedOrders = reply.ClusterId, nil, nil
	for _, o := range reply.Orders {
		n.taken = append(n.taken, o)
		if n.lazy {
			continue
		}
		if n.refuses && o.GetReconcileContainer() != nil {
			n.beat.FailedOrders = append(n.beat.FailedOrders, &dnpb.OrderFailure{Id: o.Id, Code: "UNAVAILABLE", Reason: "refuses"})
			continue
		}
		if c := o.GetCloseContainer(); c != nil {
			n.report(c.Container, dnpb.ContainerState_CLOSED, 0)
		}
		if c := o.GetReconcileContainer(); c != nil && len(c.Locals) == 0 {
			n.report(c.Container, dnpb.ContainerState_CLOSED, 10)
			if n.lacks {
				n.beat.FailedOrders = append(n.beat.FailedOrders, &dnpb.OrderFailure{Id: o.Id, Code: string(ozerr.BlockNotFound), Reason: "lost"})
				continue
			}
		}
		if c := o.GetDeleteContainer(); c != nil {
			n.beat.Containers = slices.DeleteFunc(n.beat.Containers, func(r *dnpb.ContainerReport) bool { return r.Id == c.Container })
		}
		n.beat.DoneOrders = append(n.beat.DoneOrders, o.Id)
	}
	return reply
}

func (n *fakeNode) report(container uint64, state dnpb.ContainerState, used uint64) {
	for _, c := range n.beat.Containers {
		if c.Id == container {
			c.State = state
			c.UsedBytes = max(c.UsedBytes, used)
			return
		}
	}
	n.beat.Containers = append(n.beat.Containers, &dnpb.ContainerReport{Id: container, State: state, UsedBytes: used})
}

func startNodes(t testing.TB, s *Server, count int) []*fakeNode {
	t.Helper()
	var out []*fakeNode
	for i := range count {
		n := newNode(t, s, fmt.Sprintf("dn%d", i+1))
		n.heartbeat()
		out = append(out, n)
	}
	return out
}

// until repeats f, with a heartbeat of all nodes before each, until it holds.
func until(t testing.TB, nodes []*fakeNode, what string, f func() bool) {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, n := range nodes {
			n.heartbeat()
		}
		if f() {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting in vain for: %s", what)
		}
	}
}

func containerInfo(t testing.TB, s *Server, id uint64) *ompb.ContainerInfo {
	t.Helper()
	list := submit(t, s, &ompb.Request{Op: &ompb.Request_ListContainers{ListContainers: &ompb.ListContainers{After: id - 1, Limit: 1}}})
	c := list.GetContainers().GetContainers()
	if len(c) != 1 || c[0].Id != id {
		t.Fatalf("container %d is not listed", id)
	}
	return c[0]
}
