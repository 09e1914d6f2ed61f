package datanode_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/datanode"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// startOn is start on another file system.
func startOn(t *testing.T, fsys vfs.FS, cfg datanode.Config, oms ...datanode.OM) *datanode.Server {
	t.Helper()
	s, err := datanode.OpenOn(fsys, cfg, oms, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // its disk may be broken
	return s
}

func page(t *testing.T, s *datanode.Server, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + s.HTTPAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A disk that hangs is given up; the node goes on with the other one, says so in its
// heartbeats and on its pages, and stops when it is told to.
func TestHungDisk(t *testing.T) {
	cfg, om := config(t), newOM()
	cfg.Heartbeat = 50 * time.Millisecond
	cfg.DiskCheckInterval, cfg.DiskCheck.Timeout = 10*time.Millisecond, 3*time.Second
	thaw := make(chan struct{})
	hang := func(op vfs.Op) error {
		if strings.HasPrefix(op.Name, cfg.Dirs[0]) {
			<-thaw
		}
		return nil
	}
	fault := vfs.NewFault(vfs.NewMem(1<<30), nil) // no disk of ours: that may be slow
	s := startOn(t, fault, cfg, om)
	defer close(thaw)
	data := []byte("some bytes")
	for c := uint64(1); c <= 20; c++ {
		put(t, s, &commonpb.BlockID{Container: c, Local: 1}, data)
	}
	fault.SetHook(hang)
	hb := om.until(t, "the failed disk and its containers", func(hb *dnpb.Heartbeat) bool {
		return hb.FullReport && len(hb.Disks) == 2 && hb.Disks[0].Failed
	})
	if !strings.Contains(hb.Disks[0].Reason, "has not answered") || hb.Disks[1].Failed || hb.Remaining != hb.Disks[1].Remaining {
		t.Fatalf("disks: %v", hb.Disks)
	}
	pool := dnclient.NewPool(dnclient.Options{})
	defer pool.Close()
	node := pool.Node(&commonpb.Node{Id: s.ID(), Address: s.RPCAddr()})
	lost := 0
	for _, r := range hb.Containers {
		req := &dnpb.ReadRequest{Block: &commonpb.BlockID{Container: r.Id, Local: 1}, Length: 10}
		_, got, err := node.Read(ctx, req, nil)
		switch {
		case r.State == dnpb.ContainerState_UNHEALTHY:
			lost++
			if !errors.Is(err, ozerr.DiskFailed) {
				t.Errorf("container %d: %v", r.Id, err)
			}
		case err != nil || !bytes.Equal(got, data):
			t.Errorf("container %d: %q %v", r.Id, got, err)
		}
	}
	if lost == 0 || lost == 20 || len(hb.Containers) != 20 {
		t.Errorf("%d containers of %d are lost", lost, len(hb.Containers))
	}
	put(t, s, &commonpb.BlockID{Container: 50, Local: 1}, data)
	om.until(t, "heartbeats still", anyBeat)
	if body := page(t, s, "/"); !strings.Contains(body, "has not answered") {
		t.Error("the page doesn't say why the disk failed")
	}
	body := page(t, s, "/metrics")
	if !strings.Contains(body, `ozone_datanode_disk_failed{dir="`+cfg.Dirs[0]+`"} 1`) || !strings.Contains(body, "ozone_datanode_disk_checks_total") {
		t.Error("the metrics lack something")
	}
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-s.Failed():
		t.Fatalf("the node gives up: %v", err)
	default:
	}
	if err := s.Close(); !errors.Is(err, ozerr.DiskFailed) {
		t.Errorf("close: %v", err)
	}
}

// A disk that hangs when the first om answers holds up no heartbeat: the cluster's id is on
// the other one.
func TestDiskHangsAtFirstContact(t *testing.T) {
	cfg, om := config(t), newOM()
	cfg.Heartbeat = 50 * time.Millisecond
	cfg.DiskCheck.Timeout = time.Second // which is what the end waits for it
	thaw := make(chan struct{})
	disks := vfs.NewMem(1 << 30)
	fault := vfs.NewFault(disks, func(op vfs.Op) error {
		if op.Kind == vfs.OpCreate && strings.HasPrefix(op.Name, filepath.Join(cfg.Dirs[0], "cluster.id")) {
			<-thaw
		}
		return nil
	})
	s := startOn(t, fault, cfg, om)
	defer close(thaw)
	om.until(t, "the cluster", func(hb *dnpb.Heartbeat) bool { return hb.ClusterId != "" })
	om.until(t, "another one", anyBeat)
	if id, err := vfs.ReadFile(disks, filepath.Join(cfg.Dirs[1], "cluster.id"), 100); err != nil || string(id) != "CID-1\n" {
		t.Errorf("on the other disk: %q %v", id, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// While no disk takes the cluster's id the datanode goes on trying.
func TestFirstContactOnFullDisks(t *testing.T) {
	cfg, om := config(t), newOM()
	var room atomic.Bool
	fault := vfs.NewFault(vfs.Disk{}, func(op vfs.Op) error {
		if !room.Load() && strings.HasPrefix(filepath.Base(op.Name), "cluster.id") && op.Kind == vfs.OpCreate {
			return syscall.ENOSPC
		}
		return nil
	})
	startOn(t, fault, cfg, om)
	for range 3 {
		if hb := om.until(t, "anything", anyBeat); hb.ClusterId != "" {
			t.Fatalf("it is of %q, and no disk says so", hb.ClusterId)
		}
	}
	room.Store(true)
	recorded := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "cluster.id"))
		return err == nil
	}
	for late := time.Now().Add(time.Minute); !slices.ContainsFunc(cfg.Dirs, recorded); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("it has given up")
		}
	}
}

// The node ends when more disks fail than it bears.
func TestTooManyFailedDisks(t *testing.T) {
	for name, tc := range map[string]struct{ tolerated, broken int }{
		"none is tolerated": {0, 1},
		"one is tolerated":  {1, 2},
		"all":               {-1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, om := config(t), newOM()
			cfg.FailedTolerated, cfg.DiskCheckInterval = tc.tolerated, 10*time.Millisecond
			fault := vfs.NewFault(vfs.Disk{}, nil)
			s := startOn(t, fault, cfg, om)
			fault.SetHook(func(op vfs.Op) error {
				for _, dir := range cfg.Dirs[:tc.broken] {
					if op.Kind == vfs.OpSync && strings.HasPrefix(op.Name, dir) {
						return syscall.EIO
					}
				}
				return nil
			})
			select {
			case err := <-s.Failed():
				if !strings.Contains(err.Error(), "disks have failed") {
					t.Fatal(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("it goes on")
			}
		})
	}
}

// A directory that was in use and is empty now is a disk that isn't mounted, not a new
// one. An operator may say that it is new.
func TestMissingDisk(t *testing.T) {
	cfg, om := config(t), newOM()
	s, err := datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for c := uint64(1); c <= 20; c++ {
		put(t, s, &commonpb.BlockID{Container: c, Local: 1}, []byte("x"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(t.TempDir(), "away")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(cfg.Dirs[1], away)
	out := func(hb *dnpb.Heartbeat) bool {
		return slices.ContainsFunc(hb.Disks, func(d *dnpb.Disk) bool {
			return d.Path == cfg.Dirs[1] && d.Failed && strings.Contains(d.Reason, "is its disk mounted?")
		})
	}
	for range 2 { // it must not be taken in by its own traces
		om := newOM()
		again, err := datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if hb := om.until(t, "the missing disk", out); len(hb.Containers) == 0 || len(hb.Containers) == 20 {
			t.Errorf("%d containers", len(hb.Containers))
		}
		if again.ID() != s.ID() {
			t.Error("it became another node")
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(cfg.Dirs[1]); err != nil {
		t.Fatal(err)
	}
	rename(away, cfg.Dirs[1])
	om = newOM()
	back, err := datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if hb := om.until(t, "anything", anyBeat); len(hb.Containers) != 20 {
		t.Errorf("mounted again: %d containers", len(hb.Containers))
	}
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}
	rename(cfg.Dirs[1], away)
	if err := os.Mkdir(cfg.Dirs[1], 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dirs[1], "new"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	om = newOM()
	start(t, cfg, om)
	if hb := om.until(t, "anything", anyBeat); hb.Disks[0].Failed || hb.Disks[1].Failed {
		t.Errorf("a disk that was said to be new: %v", hb.Disks)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dirs[1], "new")); !errors.Is(err, os.ErrNotExist) {
		t.Error("it would be new again the next time")
	}
}

// Where only new directories work, nobody knows which node this is: it must not become
// another one.
func TestOldDiskFailsBesideANewOne(t *testing.T) {
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
	cfg.Dirs = two
	fault := vfs.NewFault(vfs.Disk{}, func(op vfs.Op) error {
		if strings.HasPrefix(op.Name, two[0]) {
			return syscall.EIO
		}
		return nil
	})
	if s, err := datanode.OpenOn(fault, cfg, nil, zerolog.Nop()); err == nil {
		t.Errorf("it starts, as %s", s.ID())
		_ = s.Close()
	} else if !strings.Contains(err.Error(), "which datanode") {
		t.Error(err)
	}
}

// Disks that were swapped between two datanodes are refused by both.
func TestSwappedDisks(t *testing.T) {
	a, b := config(t), config(t)
	for _, cfg := range []datanode.Config{a, b} {
		s, err := datanode.Open(cfg, nil, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a.Dirs[1], b.Dirs[1] = b.Dirs[1], a.Dirs[1]
	for _, cfg := range []datanode.Config{a, b} {
		s, err := datanode.Open(cfg, nil, zerolog.Nop())
		if err == nil {
			_ = s.Close()
			t.Fatal("it starts")
		}
		if !strings.Contains(err.Error(), "belongs to datanode") {
			t.Error(err)
		}
	}
}

// tmpfs mounts a file system of size on a new directory, or skips the test.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A real disk that fills up, by blocks and then by somebody else's file: clean errors,
// nothing lost, and it goes on when there is room.
func TestRealFullDisk(t *testing.T) {
	disk := tmpfs(t, "32m")
	cfg, om := config(t), newOM()
	cfg.Dirs = []string{filepath.Join(disk, "data")}
	s, err := datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	stored := map[uint64][]byte{}
	store := func(local uint64) error {
		data := bytes.Repeat([]byte{byte(local)}, 1<<20)
		sum := crc32c.Sum(data)
		req := &dnpb.WriteRequest{Block: &commonpb.BlockID{Container: 1, Local: local}, Crc32C: sum, Commit: true, BlockLength: 1 << 20, BlockCrc32C: sum}
		err := s.Write(ctx, req, data)
		if err == nil {
			stored[local] = data
		}
		return err
	}
	intact := func(when string) {
		t.Helper()
		for local, data := range stored {
			_, got, err := s.Read(ctx, &dnpb.ReadRequest{Block: &commonpb.BlockID{Container: 1, Local: local}, Length: 1 << 20}, nil)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%s: block %d: %v", when, local, err)
			}
		}
	}
	local := uint64(1)
	for err = nil; err == nil && local < 100; local++ {
		err = store(local)
	}
	if !errors.Is(err, ozerr.DiskFull) || len(stored) < 20 {
		t.Fatalf("after %d blocks: %v", len(stored), err)
	}
	intact("at the reserve")

	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	om.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true}, nil
	})
	if err := store(200); !errors.Is(err, ozerr.DiskFull) {
		t.Fatalf("without a byte left: %v", err)
	}
	intact("without a byte left")
	if err := s.Close(); err != nil {
		t.Logf("close on a full disk: %v", err) // the checkpoint has no room: an error, not a loss
	}
	if s, err = datanode.Open(cfg, nil, zerolog.Nop()); err != nil {
		t.Fatalf("start on a full disk: %v", err)
	}
	defer func() { _ = s.Close() }()
	intact("after a restart on a full disk")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	intact("with room again")
	deleted := &dnpb.Order{Id: 1, What: &dnpb.Order_DeleteBlocks{DeleteBlocks: &dnpb.DeleteBlocks{Blocks: []*commonpb.BlockID{
		{Container: 1, Local: 1}, {Container: 1, Local: 2}, {Container: 1, Local: 3}, {Container: 1, Local: 4}}}}}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	om = newOM()
	om.answering(func(hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true, Orders: []*dnpb.Order{deleted}}, nil
	})
	if s, err = datanode.Open(cfg, []datanode.OM{om}, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	om.until(t, "the deletion", func(hb *dnpb.Heartbeat) bool { return slices.Contains(hb.DoneOrders, 1) })
	for i := uint64(1); i <= 4; i++ {
		delete(stored, i)
	}
	for i := uint64(300); i < 303; i++ {
		if err := store(i); err != nil {
			t.Fatalf("after deletions: %v", err)
		}
	}
	intact("at the end")
}
