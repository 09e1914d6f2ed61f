package datanode_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/datanode"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ctx               = context.Background()
	_   client.Blocks = (*datanode.Server)(nil)
)

// fakeOM answers heartbeats as a test wants and keeps them.
type fakeOM struct {
	mu     sync.Mutex
	answer func(hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error)
	beats  chan *dnpb.Heartbeat
}

func newOM() *fakeOM {
	return &fakeOM{beats: make(chan *dnpb.Heartbeat, 1000), answer: func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true}, nil
	}}
}

func (o *fakeOM) Heartbeat(_ context.Context, hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.beats <- hb:
	default: // a test that looks at none of them
	}
	return o.answer(hb)
}

func (o *fakeOM) answering(f func(hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = f
}

// until returns the first heartbeat from now on that ok accepts.
func (o *fakeOM) until(t *testing.T, what string, ok func(*dnpb.Heartbeat) bool) *dnpb.Heartbeat {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case hb := <-o.beats:
			if ok(hb) {
				return hb
			}
		case <-late:
			t.Fatalf("no heartbeat with %s", what)
		}
	}
}

func anyBeat(*dnpb.Heartbeat) bool { return true }

func config(t *testing.T) datanode.Config {
	cfg := datanode.DefaultConfig()
	cfg.Dirs = []string{filepath.Join(t.TempDir(), "d1"), filepath.Join(t.TempDir(), "d2")}
	cfg.Address, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Heartbeat = time.Minute // what comes sooner was asked for
	return cfg
}

func start(t *testing.T, cfg datanode.Config, oms ...datanode.OM) *datanode.Server {
	t.Helper()
	s, err := datanode.Open(cfg, oms, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	return s
}

func put(t *testing.T, s client.Blocks, id *commonpb.BlockID, data []byte) {
	t.Helper()
	req := &dnpb.WriteRequest{Block: id, Crc32C: crc32c.Sum(data), Commit: true, BlockLength: uint64(len(data)), BlockCrc32C: crc32c.Sum(data)}
	if err := s.Write(ctx, req, data); err != nil {
		t.Fatal(err)
	}
}

func TestHeartbeats(t *testing.T) {
	om, other := newOM(), newOM()
	other.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return nil, ozerr.New(ozerr.Unavailable, "down")
	})
	s := start(t, config(t), om, other)
	hb := om.until(t, "anything", anyBeat)
	if !hb.FullReport || hb.Node.Id != s.ID() || hb.Node.Address != s.RPCAddr() || hb.Node.HttpAddress != s.HTTPAddr() || hb.ClusterId != "" {
		t.Fatalf("first heartbeat: %v", hb)
	}
	if hb.Capacity == 0 || hb.Remaining == 0 || len(hb.Disks) != 2 {
		t.Fatalf("space: %v", hb)
	}
	put(t, s, &commonpb.BlockID{Container: 5, Local: 1}, []byte("hello"))
	hb = om.until(t, "the new container", func(hb *dnpb.Heartbeat) bool { return len(hb.Containers) > 0 })
	if hb.FullReport || hb.Containers[0].Id != 5 || hb.ClusterId != "CID-1" {
		t.Fatalf("after a write: %v", hb)
	}
	om.answering(func(hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true, WantFullReport: !hb.FullReport}, nil
	})
	put(t, s, &commonpb.BlockID{Container: 6, Local: 1}, []byte("hello"))
	// It was down for both containers; what it hears first is all of them.
	other.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1"}, nil
	})
	hb = om.until(t, "the full report that was asked for", func(hb *dnpb.Heartbeat) bool { return hb.FullReport })
	if len(hb.Containers) != 2 {
		t.Fatalf("full report: %v", hb)
	}
	hb = other.until(t, "a report to the om that was down", func(hb *dnpb.Heartbeat) bool { return hb.FullReport && len(hb.Containers) == 2 })
	if hb.Node.Id != s.ID() {
		t.Fatal("another node")
	}
}

func TestOrders(t *testing.T) {
	om := newOM()
	s := start(t, config(t), om)
	a, b := &commonpb.BlockID{Container: 1, Local: 1}, &commonpb.BlockID{Container: 1, Local: 2}
	put(t, s, a, []byte("a"))
	put(t, s, b, []byte("b"))
	orders := []*dnpb.Order{
		{Id: 11, What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: []*commonpb.BlockID{a}}}},
		{Id: 12, What: &dnpb.Order_CloseContainer{CloseContainer: &dnpb.CloseContainer{Container: 1}}},
		{Id: 13}, // of a kind that is not known
	}
	om.answering(func(hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		left := orders[:0:0]
		for _, o := range orders {
			if !contains(hb.DoneOrders, o.Id) {
				left = append(left, o)
			}
		}
		orders = left
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true, Orders: left}, nil
	})
	put(t, s, &commonpb.BlockID{Container: 2, Local: 1}, nil) // a new container: a heartbeat soon
	done := map[uint64]bool{}
	om.until(t, "both orders done", func(hb *dnpb.Heartbeat) bool {
		for _, id := range hb.DoneOrders {
			done[id] = true
		}
		return done[11] && done[12]
	})
	if done[13] {
		t.Error("an unknown order was reported done")
	}
	if _, _, err := s.Read(ctx, &dnpb.ReadRequest{Block: a}, nil); !errors.Is(err, ozerr.BlockNotFound) {
		t.Errorf("deleted block: %v", err)
	}
	if _, _, err := s.Read(ctx, &dnpb.ReadRequest{Block: b, Length: 1}, nil); err != nil {
		t.Error(err)
	}
	err := s.Write(ctx, &dnpb.WriteRequest{Block: &commonpb.BlockID{Container: 1, Local: 3}, Commit: true}, nil)
	if !errors.Is(err, ozerr.ContainerClosed) {
		t.Errorf("write to a closed container: %v", err)
	}
}

func contains(ids []uint64, id uint64) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}

// Only the leader gives orders.
func TestOrdersOfAFollowerAreIgnored(t *testing.T) {
	om := newOM()
	a := &commonpb.BlockID{Container: 1, Local: 1}
	om.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Orders: []*dnpb.Order{
			{Id: 1, What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: []*commonpb.BlockID{a}}}}}}, nil
	})
	s := start(t, config(t), om)
	put(t, s, a, []byte("a"))
	om.until(t, "the container", func(hb *dnpb.Heartbeat) bool { return len(hb.Containers) > 0 })
	put(t, s, &commonpb.BlockID{Container: 2, Local: 1}, []byte("a"))
	om.until(t, "another one", func(hb *dnpb.Heartbeat) bool { return len(hb.Containers) > 0 && len(hb.DoneOrders) == 0 })
	if _, _, err := s.Read(ctx, &dnpb.ReadRequest{Block: a, Length: 1}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOverTheNetwork(t *testing.T) {
	s := start(t, config(t), newOM())
	c := rpc.NewClient(s.RPCAddr(), rpc.ClientOptions{})
	defer c.Close()
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	id := &commonpb.BlockID{Container: 3, Local: 9}
	req := &dnpb.WriteRequest{Block: id, Crc32C: crc32c.Sum(data), Commit: true, BlockLength: uint64(len(data)), BlockCrc32C: crc32c.Sum(data)}
	if _, err := c.CallBulk(ctx, "dn.Write", req, data, &dnpb.WriteResponse{}, nil); err != nil {
		t.Fatal(err)
	}
	var resp dnpb.ReadResponse
	got, err := c.CallBulk(ctx, "dn.Read", &dnpb.ReadRequest{Block: id, Offset: 300_000, Length: 10}, nil, &resp, nil)
	if err != nil || len(got) != 256<<10 || crc32c.Sum(got) != resp.Checksums[0] || !bytes.Equal(got, data[256<<10:512<<10]) {
		t.Fatalf("%v, %d bytes, %v", &resp, len(got), err)
	}
	_, err = c.CallBulk(ctx, "dn.Read", &dnpb.ReadRequest{Block: &commonpb.BlockID{Container: 3, Local: 1}}, nil, &resp, nil)
	if !errors.Is(err, ozerr.BlockNotFound) {
		t.Fatal(err)
	}
	var list dnpb.ListBlocksResponse
	if err := c.Call(ctx, "dn.ListBlocks", &dnpb.ListBlocksRequest{Container: 3}, &list); err != nil || len(list.Blocks) != 1 || list.Blocks[0].Length != uint64(len(data)) {
		t.Fatalf("%v %v", &list, err)
	}
}

// A client that knows a datanode by an address which is another's now must not leave
// a replica where om doesn't look for it.
func TestAnotherNodeAtTheAddress(t *testing.T) {
	s := start(t, config(t), newOM())
	pool := dnclient.NewPool(dnclient.Options{})
	defer pool.Close()
	data := []byte("for another")
	id := &commonpb.BlockID{Container: 3, Local: 9}
	req := &dnpb.WriteRequest{Block: id, Crc32C: crc32c.Sum(data), Commit: true, BlockLength: uint64(len(data)), BlockCrc32C: crc32c.Sum(data)}
	other := pool.Node(&commonpb.Node{Id: "gone", Address: s.RPCAddr()})
	if err := other.Write(ctx, req, data); !errors.Is(err, ozerr.WrongNode) {
		t.Fatal(err)
	}
	if _, _, err := other.Read(ctx, &dnpb.ReadRequest{Block: id, Length: 1}, nil); !errors.Is(err, ozerr.WrongNode) {
		t.Fatal(err)
	}
	this := pool.Node(&commonpb.Node{Id: s.ID(), Address: s.RPCAddr()})
	if _, _, err := this.Read(ctx, &dnpb.ReadRequest{Block: id, Length: 1}, nil); !errors.Is(err, ozerr.ContainerNotFound) && !errors.Is(err, ozerr.BlockNotFound) {
		t.Fatalf("the refused write left something: %v", err)
	}
	if err := this.Write(ctx, req, data); err != nil {
		t.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	om := newOM()
	s := start(t, config(t), om)
	om.until(t, "anything", anyBeat)
	put(t, s, &commonpb.BlockID{Container: 77, Local: 1}, []byte("hello"))
	om.until(t, "the container", func(hb *dnpb.Heartbeat) bool { return len(hb.Containers) > 0 })
	for path, want := range map[string]string{
		"/": s.ID(), "/healthz": "ok", "/readyz": "ready", "/metrics": "ozone_datanode_blocks 1", "/prom": "ozone_datanode_sync_commits_bucket",
	} {
		resp, err := http.Get("http://" + s.HTTPAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRestartKeepsIdentityAndBlocks(t *testing.T) {
	cfg, om := config(t), newOM()
	s, err := datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	om.until(t, "anything", anyBeat)
	id := &commonpb.BlockID{Container: 1, Local: 1}
	put(t, s, id, []byte("hello"))
	om.until(t, "the cluster", func(hb *dnpb.Heartbeat) bool { return hb.ClusterId == "CID-1" })
	if _, err := datanode.Open(cfg, nil, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "another datanode uses it") {
		t.Fatalf("two on one directory: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, cfg, om)
	if again.ID() != s.ID() {
		t.Fatal("the id changed")
	}
	if _, p, err := again.Read(ctx, &dnpb.ReadRequest{Block: id, Length: 5}, nil); err != nil || string(p) != "hello" {
		t.Fatalf("%q %v", p, err)
	}
}

// A datanode that meets another cluster's om stops.
func TestOtherCluster(t *testing.T) {
	cfg, om := config(t), newOM()
	s := start(t, cfg, om)
	om.until(t, "anything", anyBeat)
	put(t, s, &commonpb.BlockID{Container: 1, Local: 1}, nil)
	om.until(t, "the cluster", func(hb *dnpb.Heartbeat) bool { return hb.ClusterId == "CID-1" })
	om.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-2", Leader: true}, nil
	})
	put(t, s, &commonpb.BlockID{Container: 2, Local: 1}, nil)
	select {
	case err := <-s.Failed():
		if !strings.Contains(err.Error(), "CID-2") {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

func TestDirectoriesThatAreRefused(t *testing.T) {
	write := func(name, text string) func(t *testing.T, cfg datanode.Config) {
		return func(t *testing.T, cfg datanode.Config) {
			if err := os.WriteFile(filepath.Join(cfg.Dirs[1], name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, cfg datanode.Config) {
		return func(t *testing.T, cfg datanode.Config) {
			if err := os.Remove(filepath.Join(cfg.Dirs[1], name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(t *testing.T, cfg datanode.Config){
		"empty id":         write("datanode.id", ""),
		"garbage id":       write("datanode.id", "\x00\x00\x00\x00"),
		"another node":     write("datanode.id", uuid.NewString()),
		"another version":  write("version", "2"),
		"no version":       remove("version"),
		"empty cluster id": write("cluster.id", " \n"),
		"another cluster":  write("cluster.id", "CID-9"),
		"lost id":          remove("datanode.id"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, om := config(t), newOM()
			s, err := datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			om.until(t, "anything", anyBeat)
			put(t, s, &commonpb.BlockID{Container: 1, Local: 1}, nil)
			om.until(t, "the cluster", func(hb *dnpb.Heartbeat) bool { return hb.ClusterId != "" })
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, cfg)
			s, err = datanode.Open(cfg, nil, zerolog.Nop())
			if err == nil {
				_ = s.Close()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), cfg.Dirs[1]) {
				t.Fatalf("the error doesn't say what is wrong: %v", err)
			}
		})
	}
}

func TestNewDiskJoins(t *testing.T) {
	cfg := config(t)
	two := cfg.Dirs
	cfg.Dirs = two[:1]
	s, err := datanode.Open(cfg, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Dirs = []string{two[1], two[0]}
	if again := start(t, cfg); again.ID() != s.ID() {
		t.Fatal("the id changed")
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*datanode.Config){
		"no directory":      func(c *datanode.Config) { c.Dirs = nil },
		"directory twice":   func(c *datanode.Config) { c.Dirs = []string{"/a", "/a"} },
		"no heartbeat":      func(c *datanode.Config) { c.Heartbeat = 0 },
		"negative reserve":  func(c *datanode.Config) { c.MinFree = -1 },
		"negative idleness": func(c *datanode.Config) { c.Idle = -1 },
	} {
		cfg := datanode.DefaultConfig()
		cfg.Dirs = []string{"/a"}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
