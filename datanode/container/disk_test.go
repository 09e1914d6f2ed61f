package container_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// twoDisks opens a set on /bad, whose file system can be made to fail, and /good, with
// containers 1 to 20 of one block each, some on each disk. on tells which are where.
func twoDisks(t *testing.T, change func(*container.Options)) (s *container.Set, bad *vfs.Fault, on [2][]uint64) {
	t.Helper()
	mem := vfs.NewMem(0)
	bad = vfs.NewFault(mem, nil)
	opt := container.DefaultOptions()
	opt.MinFree = 0
	if change != nil {
		change(&opt)
	}
	s, err := container.Open([]container.Volume{{Dir: "/bad", FS: bad}, {Dir: "/good", FS: mem}}, opt)
	must(t, err)
	t.Cleanup(func() {
		bad.SetHook(nil)
		_ = s.Close(ctx) // the bad disk may complain
	})
	for c := uint64(1); c <= 20; c++ {
		must(t, s.Write(ctx, commitReq(block(c, 1), 0, small, small), small))
		on[s.Disk(c)] = append(on[s.Disk(c)], c)
	}
	if len(on[0]) == 0 || len(on[1]) == 0 {
		t.Skip("one of a million: all containers are on one disk")
	}
	return s, bad, on
}

var small = bytesFor(1, 100)

// eventually waits for cond, which something else makes true.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for late := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("not in time: " + what)
		}
	}
}

// A disk that hangs in the middle of anything delays only those who want something of
// it, until their deadline. Then it is given up, and everybody else goes on.
func TestHungDisk(t *testing.T) {
	for _, kind := range []vfs.Kind{vfs.OpSync, vfs.OpWrite, vfs.OpRead, vfs.OpUsage, vfs.OpCreate, vfs.OpPunch, vfs.OpSyncDir} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel() // most of it is waiting
			s, bad, on := twoDisks(t, func(o *container.Options) { o.Check.Timeout = 5 * time.Second })
			thaw := make(chan struct{})
			bad.SetHook(func(op vfs.Op) error {
				if op.Kind == kind {
					<-thaw
				}
				return nil
			})
			var stuck sync.WaitGroup
			defer stuck.Wait()
			defer close(thaw)
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			hung := on[0][0]
			stuck.Go(func() { _ = s.Write(short, commitReq(block(hung, 2), 0, small, small), small) })
			stuck.Go(func() { _, _, _ = s.Read(short, &dnpb.ReadRequest{Block: block(hung, 1), Length: 100}, nil) })
			stuck.Go(func() { _ = s.Delete(short, []*commonpb.BlockID{block(on[0][1], 1)}) })
			stuck.Go(func() { s.TryDisks(ctx) })
			for i := range uint64(30) { // some of them meant for the bad disk
				stuck.Go(func() { _ = s.Write(short, commitReq(block(100+i, 1), 0, small, small), small) })
			}
			<-short.Done()

			work := func(local uint64) {
				t.Helper()
				for _, c := range on[1] {
					must(t, s.Write(ctx, commitReq(block(c, local), 0, small, small), small))
					holds(t, s, block(c, 1), small)
					must(t, s.Delete(ctx, []*commonpb.BlockID{block(c, local)}))
				}
				if reports, _, _ := s.Reports(0); len(reports) < 20 || len(s.Disks()) != 2 {
					t.Fatal("the reports lack something")
				}
			}
			work(2)
			_, before, _ := s.Reports(0)
			// Some kinds of operation have not happened since. A trial has them all.
			eventually(t, "the disk is given up", func() bool {
				s.Overdue(time.Now())
				return s.Disks()[0].Failed
			})
			work(3)
			if d := s.Disks(); !strings.Contains(d[0].Reason, "has not answered") || d[0].Remaining != 0 || d[1].Failed {
				t.Fatalf("disks: %v", d)
			}
			if _, _, err := s.Read(ctx, &dnpb.ReadRequest{Block: block(hung, 1), Length: 100}, nil); !errors.Is(err, ozerr.DiskFailed) {
				t.Errorf("read of a disk that hangs: %v", err)
			}
			if err := s.Write(ctx, commitReq(block(hung, 9), 0, small, small), small); !errors.Is(err, ozerr.DiskFailed) {
				t.Errorf("write to a disk that hangs: %v", err)
			}
			if err := s.Delete(ctx, []*commonpb.BlockID{block(hung, 1)}); !errors.Is(err, ozerr.DiskFailed) {
				t.Errorf("delete: %v", err)
			}
			if err := s.CloseContainer(ctx, hung); !errors.Is(err, ozerr.DiskFailed) {
				t.Errorf("close: %v", err)
			}
			must(t, s.Maintain(ctx, time.Now()))
			must(t, s.CloseContainer(ctx, on[1][0]))
			reports, _, full := s.Reports(before)
			unhealthy := 0
			for _, r := range reports {
				if r.State == dnpb.ContainerState_UNHEALTHY {
					unhealthy++
				}
			}
			if !full || unhealthy < len(on[0]) {
				t.Errorf("%d containers of %d are told to be unhealthy, full %v", unhealthy, len(on[0]), full)
			}
			_ = s.Close(ctx) // must return; that the bad disk was not closed is an error
		})
	}
}

// Close does not wait for a disk that hangs longer than it is told, even if nobody has
// given that up, and the other disk gets its checkpoints.
func TestCloseWithAHungDisk(t *testing.T) {
	s, bad, _ := twoDisks(t, nil)
	thaw := make(chan struct{})
	bad.SetHook(func(vfs.Op) error { <-thaw; return nil })
	defer close(thaw)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := s.Close(short); !errors.Is(err, ozerr.Timeout) {
		t.Fatalf("close: %v", err)
	}
}

// Trials find a disk that fails or lies, and tolerate one that failed once.
func TestDiskTrials(t *testing.T) {
	failing := func(kind vfs.Kind, err error) func(vfs.Op) error {
		return func(op vfs.Op) error {
			if op.Kind == kind && strings.HasPrefix(op.Name, "/bad/disk-check") {
				return err
			}
			return nil
		}
	}
	for _, kind := range []vfs.Kind{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpOpen, vfs.OpRead, vfs.OpRemove} {
		t.Run(string(kind), func(t *testing.T) {
			s, bad, on := twoDisks(t, nil)
			bad.SetHook(failing(kind, syscall.EIO))
			if !s.TryDisks(ctx) {
				t.Fatal("it wants no second trial")
			}
			if s.Disks()[0].Failed {
				t.Fatal("given up after one trial")
			}
			if s.TryDisks(ctx) {
				t.Fatal("it wants a third trial")
			}
			if d := s.Disks()[0]; !d.Failed || !strings.Contains(d.Reason, "2 of its last 2 checks failed") {
				t.Fatalf("after two: %v", d)
			}
			for _, c := range on[0] { // what can be read is still given out
				holds(t, s, block(c, 1), small)
			}
		})
	}
	t.Run("once in three", func(t *testing.T) {
		s, bad, _ := twoDisks(t, nil)
		for range 4 {
			bad.SetHook(failing(vfs.OpSync, syscall.EIO))
			s.TryDisks(ctx)
			bad.SetHook(nil)
			s.TryDisks(ctx)
			s.TryDisks(ctx)
		}
		if s.Disks()[0].Failed {
			t.Fatal("given up")
		}
	})
	t.Run("other bytes", func(t *testing.T) {
		s, bad, _ := twoDisks(t, nil)
		bad.AfterRead(func(op vfs.Op) {
			if len(op.Data) > 0 && strings.HasPrefix(op.Name, "/bad/disk-check") {
				op.Data[0] ^= 1
			}
		})
		s.TryDisks(ctx)
		s.TryDisks(ctx)
		if d := s.Disks()[0]; !d.Failed || !strings.Contains(d.Reason, "other bytes") {
			t.Fatalf("disk: %v", d)
		}
	})
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		t.Run(full.Error(), func(t *testing.T) {
			s, bad, _ := twoDisks(t, nil)
			bad.SetHook(failing(vfs.OpWrite, full))
			for range 3 {
				if s.TryDisks(ctx) || s.Disks()[0].Failed {
					t.Fatal("a full disk is taken for a broken one")
				}
			}
		})
	}
}

// The file that marks a directory is gone: its disk is not there any more.
func TestDiskWithoutItsMark(t *testing.T) {
	mem := vfs.NewMem(0)
	for _, dir := range []string{"/d1", "/d2"} {
		must(t, mem.MkdirAll(dir))
		must(t, vfs.WriteFile(mem, dir+"/mark", []byte("x")))
	}
	s, err := container.Open([]container.Volume{{Dir: "/d1", FS: mem, Mark: "mark"}, {Dir: "/d2", FS: mem, Mark: "mark"}}, container.DefaultOptions())
	must(t, err)
	defer func() { _ = s.Close(ctx) }()
	s.TryDisks(ctx)
	must(t, mem.Remove("/d1/mark"))
	s.TryDisks(ctx)
	s.TryDisks(ctx)
	if d := s.Disks(); !d[0].Failed || !strings.Contains(d[0].Reason, "mounted") || d[1].Failed {
		t.Fatalf("disks: %v", d)
	}
}

// A read error is no verdict over a disk, but a reason to try it.
func TestReadErrorAsksForATrial(t *testing.T) {
	s, bad, on := twoDisks(t, nil)
	bad.SetHook(vfs.FailKind(vfs.OpRead, syscall.EIO))
	if _, _, err := s.Read(ctx, &dnpb.ReadRequest{Block: block(on[0][0], 1), Length: 100}, nil); !errors.Is(err, ozerr.DiskFailed) {
		t.Fatalf("read: %v", err)
	}
	select {
	case <-s.Suspicions():
	default:
		t.Fatal("nobody is told")
	}
	if s.Disks()[0].Failed {
		t.Fatal("given up for one read")
	}
}

// A directory that may not be used is told of, and not touched.
func TestDiskLeftOut(t *testing.T) {
	mem := vfs.NewMem(0)
	out := vfs.NewFault(mem, func(vfs.Op) error { return syscall.EIO })
	s, err := container.Open([]container.Volume{{Dir: "/out", FS: out, Failed: errors.New("not mounted")}, {Dir: "/d1", FS: mem}}, container.DefaultOptions())
	must(t, err)
	defer func() { must(t, s.Close(ctx)) }()
	s.TryDisks(ctx)
	if d := s.Disks(); !d[0].Failed || !strings.Contains(d[0].Reason, "not mounted") || out.Count() > 0 {
		t.Fatalf("disks %v, %d operations", d, out.Count())
	}
}
