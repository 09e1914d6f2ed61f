package container_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// The power fails at any operation from the swap of an unhealthy log for a new one on. The
// old log is never taken for a healthy one: word of what was wrong with it goes only when
// the new one has its name for good. And the new one is there once the repair has ended.
func TestSwapAndPowerLoss(t *testing.T) {
	mem := vfs.NewMem(0)
	fault := vfs.NewFault(mem, nil)
	open := func(fsys vfs.FS) *container.Set {
		opt := container.DefaultOptions()
		opt.MinFree = 0
		s, err := container.Open([]container.Volume{{Dir: "/d1", FS: fsys}}, opt)
		must(t, err)
		return s
	}
	old, lacking := bytesFor(1, 5000), bytesFor(2, unit+9)
	s := open(fault)
	keep(t, s, block(1, 1), old)
	must(t, s.CloseContainer(ctx, 1))
	must(t, s.Close(ctx))
	must(t, vfs.WriteFile(mem, "/d1/containers/0000000000000001.bad", []byte("a write failed")))
	s = open(fault)
	defer func() { _ = s.Close(ctx) }()

	outcome := map[dnpb.ContainerState]int{}
	crash := func(seed uint64) *vfs.Mem { return mem.Crash(rand.New(rand.NewPCG(seed, 0))) }
	look := func(left *vfs.Mem, done bool) {
		t.Helper()
		after := open(left)
		defer func() { must(t, after.Close(ctx)) }()
		r := reportOf(after, 1)
		outcome[r.GetState()]++
		if r.GetState() == dnpb.ContainerState_CLOSED {
			holds(t, after, block(1, 1), old)
			holds(t, after, block(1, 2), lacking)
		} else if done || r.GetState() != dnpb.ContainerState_UNHEALTHY {
			t.Fatalf("done %v: %v", done, r)
		}
	}
	var mu sync.Mutex // the old log is closed by a goroutine of its own
	swapping := false
	var left []*vfs.Mem // looked at later: the hook is called with locks held
	fault.SetHook(func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		swapping = swapping || op.Kind == vfs.OpRename && strings.HasSuffix(op.Name, ".new")
		if swapping {
			for seed := range uint64(40) {
				left = append(left, crash(seed))
			}
		}
		return nil
	})
	r := begin(t, s, 1)
	must(t, r.Put(ctx, stored(1, old), source(old)))
	must(t, r.Put(ctx, stored(2, lacking), source(lacking)))
	must(t, r.Finish(ctx))
	fault.SetHook(nil)
	mu.Lock()
	defer mu.Unlock()
	for _, m := range left {
		look(m, false)
	}
	if !swapping || outcome[dnpb.ContainerState_UNHEALTHY] == 0 || outcome[dnpb.ContainerState_CLOSED] == 0 {
		t.Fatalf("the power failed too early or too late: %v", outcome)
	}
	for seed := range uint64(40) {
		look(crash(seed), true)
	}
}
