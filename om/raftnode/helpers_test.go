package raftnode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// oneConfig is a node alone, with small files.
func oneConfig(t testing.TB, dir string) Config {
	c := DefaultConfig()
	c.ID, c.Dir, c.Bootstrap = "om1", dir, true
	c.Peers = []Peer{{ID: "om1", RPCAddress: "om1:9862"}}
	c.SegmentBytes, c.MemTableSize = 4<<20, 4<<20
	c.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	return c
}

func openOne(t testing.TB, c Config) *Node {
	t.Helper()
	n, err := Open(c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := n.WaitLeader(testContext(t)); err != nil {
		t.Fatalf("no leader: %v", err)
	}
	return n
}

func closeNode(t testing.TB, n *Node) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func createVolume(name string) *ompb.Request {
	return &ompb.Request{User: "u", Op: &ompb.Request_CreateVolume{CreateVolume: &ompb.CreateVolume{Volume: name}}}
}

func createBucket(volume, name string) *ompb.Request {
	return &ompb.Request{User: "u", Op: &ompb.Request_CreateBucket{CreateBucket: &ompb.CreateBucket{
		Volume: volume, Bucket: name, Replication: "ONE"}}}
}

func commitKey(volume, bucket, key string) *ompb.Request {
	return &ompb.Request{User: "u", Op: &ompb.Request_CommitKey{CommitKey: &ompb.CommitKey{
		Ref: &ompb.BucketRef{Volume: volume, Bucket: bucket}, Key: key, Etag: "d41d8cd98f00b204e9800998ecf8427e"}}}
}

func mustPropose(t testing.TB, n *Node, req *ompb.Request) *ompb.Response {
	t.Helper()
	resp, err := n.Propose(testContext(t), req)
	if err == nil {
		err = ozerr.FromProto(resp.Error)
	}
	if err != nil {
		t.Fatalf("propose %T: %v", req.Op, err)
	}
	return resp
}

// hasVolume reads through the read index.
func hasVolume(t testing.TB, n *Node, name string) bool {
	t.Helper()
	if err := n.ReadIndex(testContext(t)); err != nil {
		t.Fatalf("read index: %v", err)
	}
	return hasVolumeNow(t, n, name)
}

func hasVolumeNow(t testing.TB, n *Node, name string) (has bool) {
	t.Helper()
	err := n.View(func(tx *table.Txn) error {
		resp := state.Read(tx, &ompb.Request{Op: &ompb.Request_GetVolume{GetVolume: &ompb.GetVolume{Volume: name}}})
		has = resp.Error == nil
		return nil
	})
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	return has
}

func stateHash(t testing.TB, n *Node) (h [32]byte) {
	t.Helper()
	if err := n.View(func(tx *table.Txn) error { h = state.Hash(tx); return nil }); err != nil {
		t.Fatalf("hash: %v", err)
	}
	return h
}

// copyDir copies a directory as a crash would leave it, with the writer alive.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o644)
	})
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
}

// cluster is three nodes in this process over raft's in-memory transport.
type cluster struct {
	t      testing.TB
	peers  []Peer
	dirs   map[string]string
	trans  map[string]*raft.InmemTransport
	nodes  map[string]*Node
	change func(*Config)

	tcp      bool
	sequence uint64
}

func newCluster(t testing.TB, change func(*Config)) *cluster {
	c := unstarted(t, change)
	c.startAll()
	return c
}

// newTCPCluster talks over loopback, on ports that were free a moment ago.
func newTCPCluster(t testing.TB) *cluster {
	c := unstarted(t, nil)
	c.tcp = true
	for i := range c.peers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // held until all ports are known, so that they differ
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.peers[i].RaftAddress = "localhost:" + port
	}
	return c
}

func unstarted(t testing.TB, change func(*Config)) *cluster {
	c := &cluster{t: t, dirs: map[string]string{}, trans: map[string]*raft.InmemTransport{}, nodes: map[string]*Node{}, change: change}
	for i := range 3 {
		id := fmt.Sprintf("om%d", i+1)
		c.peers = append(c.peers, Peer{ID: id, RaftAddress: id + ":9872", RPCAddress: id + ":9862"})
		c.dirs[id] = filepath.Join(t.TempDir(), id)
	}
	t.Cleanup(func() {
		for id := range c.nodes {
			c.stop(id)
		}
	})
	return c
}

func (c *cluster) startAll() {
	for _, p := range c.peers {
		c.start(p.ID, true)
	}
}

func (c *cluster) start(id string, bootstrap bool) {
	c.t.Helper()
	cfg := oneConfig(c.t, c.dirs[id])
	cfg.ID, cfg.Peers, cfg.Bootstrap = id, c.peers, bootstrap
	if c.tcp {
		cfg.Listen = cfg.self().RaftAddress
	} else {
		cfg.Transport = c.connect(id)
	}
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = 600*time.Millisecond, 600*time.Millisecond, 500*time.Millisecond
	if c.change != nil {
		c.change(&cfg)
	}
	n, err := Open(cfg)
	if err != nil {
		c.t.Fatalf("open %s: %v", id, err)
	}
	c.nodes[id] = n
}

// connect gives the node a transport and introduces it to the others.
func (c *cluster) connect(id string) raft.Transport {
	addr := raft.ServerAddress(id + ":9872")
	_, tr := raft.NewInmemTransportWithTimeout(addr, time.Second)
	for other, o := range c.trans {
		if _, up := c.nodes[other]; up {
			tr.Connect(raft.ServerAddress(other+":9872"), o)
			o.Connect(addr, tr)
		}
	}
	c.trans[id] = tr
	return tr
}

func (c *cluster) stop(id string) {
	c.t.Helper()
	for other, o := range c.trans {
		if other != id {
			o.Disconnect(raft.ServerAddress(id + ":9872"))
		}
	}
	closeNode(c.t, c.nodes[id])
	delete(c.nodes, id)
}

// leader waits for a node that serves.
func (c *cluster) leader() *Node {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(testContext(c.t), patience)
	defer cancel()
	found := make(chan *Node, len(c.nodes))
	for _, n := range c.nodes {
		go func() {
			for n.WaitLeader(ctx) == nil {
				if n.ReadIndex(ctx) == nil {
					found <- n
					return
				}
			}
			found <- nil
		}()
	}
	n := <-found
	cancel()
	for range len(c.nodes) - 1 {
		<-found
	}
	if n == nil {
		c.t.Fatal("no leader")
	}
	return n
}

// propose finds the leader and repeats a request until it is answered, as a client
// does: with the same client id and sequence. It returns who answered.
func (c *cluster) propose(req *ompb.Request) *Node {
	c.t.Helper()
	c.sequence++
	req.ClientId, req.Sequence = "test", c.sequence
	for range 20 {
		n := c.leader()
		resp, err := n.Propose(testContext(c.t), req)
		if errors.Is(err, ozerr.Unavailable) || errors.Is(err, ozerr.NotLeader) {
			continue
		}
		if err == nil {
			err = ozerr.FromProto(resp.Error)
		}
		if err != nil {
			c.t.Fatalf("propose %T: %v", req.Op, err)
		}
		return n
	}
	c.t.Fatalf("propose %T: no leader for long", req.Op)
	return nil
}

// caughtUp waits until the node has applied what the leader has.
func (c *cluster) caughtUp(id string, leader *Node) {
	c.t.Helper()
	if err := c.nodes[id].fsm.applied.wait(testContext(c.t), leader.fsm.applied.get()); err != nil {
		c.t.Fatalf("%s does not catch up: at %d, leader at %d", id, c.nodes[id].fsm.applied.get(), leader.fsm.applied.get())
	}
}

// sameState checks that the node comes to the leader's state.
func (c *cluster) sameState(id string) {
	c.t.Helper()
	leader := c.leader()
	c.caughtUp(id, leader)
	if stateHash(c.t, c.nodes[id]) != stateHash(c.t, leader) {
		c.t.Errorf("%s has another state than the leader", id)
	}
}
