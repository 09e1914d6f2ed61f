package container_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// One disk, and a list of the blocks that were reported bad.
func scrubbed(t *testing.T, fsys vfs.FS, bad map[uint64]bool) *container.Set {
	t.Helper()
	opt := container.DefaultOptions()
	opt.MinFree = 0
	opt.OnBadBlock = func(id *commonpb.BlockID, _ error) { bad[id.Local] = true }
	s, err := container.Open([]container.Volume{{Dir: "/d1", FS: fsys}}, opt)
	must(t, err)
	t.Cleanup(func() { _ = s.Close(ctx) }) // the test may have closed it
	return s
}

// The scrubber finds every bad payload, without making its container unhealthy, and goes
// on where it was after a restart.
func TestScrub(t *testing.T) {
	mem := vfs.NewMem(0)
	bad := map[uint64]bool{}
	s := scrubbed(t, mem, bad)
	for local := uint64(1); local <= 40; local++ {
		data := bytesFor(local, 3000)
		if local%10 == 0 {
			data = bytesFor(100+local, 2*unit+5) // shares no bytes with the small ones
		}
		keep(t, s, block(local%3+1, local), data)
		if local == 7 || local == 20 || local == 33 {
			rot(t, mem, data[len(data)-100:len(data)-10])
		}
	}
	must(t, s.CloseContainer(ctx, 1))
	must(t, s.CloseContainer(ctx, 2))
	errEnough := errors.New("enough")
	passes := 0
	for ; ; passes++ {
		n := 0
		x := s.Scrubber("/d1", func(context.Context, int) error {
			if n++; n > 9 {
				return errEnough
			}
			return nil
		})
		err := x.Pass(ctx)
		if err == nil {
			if st := x.State(); st.Running || st.Finished.IsZero() || st.Bad != 3 || !x.Due(time.Hour).After(time.Now()) {
				t.Fatalf("%+v", st)
			}
			break
		}
		if !errors.Is(err, errEnough) || passes > 100 {
			t.Fatal(err)
		}
		must(t, s.Close(ctx))
		mem = mem.Kill()
		s = scrubbed(t, mem, bad)
	}
	if passes < 3 || fmt.Sprint(bad) != fmt.Sprint(map[uint64]bool{7: true, 20: true, 33: true}) {
		t.Fatalf("in %d parts: %v", passes, bad)
	}
	if isUnhealthy(s) {
		t.Fatal("a container is unhealthy for one bad payload")
	}
}

// TestScrubPositionDamaged: a position that is not the one that was written, whichever bit
// of it is wrong, begins a new pass; and so does one that is in the future, as a clock that
// was wrong leaves it. Else a year of 9026 for one of 2026 ends all verifying.
func TestScrubPositionDamaged(t *testing.T) {
	mem := vfs.NewMem(0)
	s := scrubbed(t, mem, map[uint64]bool{})
	keep(t, s, block(1, 1), bytesFor(1, 5000))
	must(t, s.Scrubber("/d1", unbounded).Pass(ctx))
	ended := s.Scrubber("/d1", unbounded).State()
	if s.Scrubber("/d1", unbounded).Due(time.Hour).IsZero() {
		t.Fatal("a pass that ended is forgotten")
	}
	good, err := vfs.ReadFile(mem, "/d1/scrub", 1<<20)
	must(t, err)
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		must(t, vfs.WriteFile(mem, "/d1/scrub", b))
		if x := s.Scrubber("/d1", unbounded); x.State() != ended && !x.Due(time.Hour).IsZero() {
			t.Fatalf("bit %d: %s is taken for %+v", bit, b, x.State())
		}
	}
	for n := range len(good) {
		must(t, vfs.WriteFile(mem, "/d1/scrub", good[:n]))
		if x := s.Scrubber("/d1", unbounded); !x.Due(time.Hour).IsZero() {
			t.Fatalf("cut at %d: %+v", n, x.State())
		}
	}
	must(t, vfs.WriteFile(mem, "/d1/scrub", good))
	opt := container.DefaultOptions()
	opt.MinFree, opt.Now = 0, func() time.Time { return time.Now().Add(-100 * time.Hour) }
	must(t, s.Close(ctx))
	s, err = container.Open([]container.Volume{{Dir: "/d1", FS: mem}}, opt)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close(ctx)) })
	if x := s.Scrubber("/d1", unbounded); !x.Due(time.Hour).IsZero() {
		t.Fatalf("a pass that begins in 100 hours is waited for: %+v", x.State())
	}
}

// Damage to what a start would read: a checkpoint is written again, a log is unhealthy.
func TestScrubOfFiles(t *testing.T) {
	mem := vfs.NewMem(0)
	s := scrubbed(t, mem, map[uint64]bool{})
	keep(t, s, block(1, 1), bytesFor(1, 5000))
	keep(t, s, block(2, 1), bytesFor(2, 5000))
	keep(t, s, block(2, 2), bytesFor(3, 5000))
	must(t, s.Delete(ctx, []*commonpb.BlockID{block(2, 2)}))
	must(t, s.CloseContainer(ctx, 1))
	must(t, s.CloseContainer(ctx, 2))
	flipAt := func(name string, at int64) {
		t.Helper()
		f, err := mem.OpenWrite(name)
		must(t, err)
		p := make([]byte, 1)
		_, err = f.ReadAt(p, at)
		must(t, err)
		_, err = f.WriteAt([]byte{p[0] ^ 1}, at)
		must(t, errors.Join(err, f.Sync(), f.Close()))
	}
	flipAt("/d1/containers/0000000000000001.idx", 50)
	flipAt("/d1/containers/0000000000000002.log", 4096+68+5000+4+68+5000+4+20) // in the delete record
	must(t, s.Scrubber("/d1", unbounded).Pass(ctx))
	if got := reportOf(s, 1).State; got != dnpb.ContainerState_CLOSED {
		t.Fatalf("a damaged checkpoint: %v", got)
	}
	if got := reportOf(s, 2).State; got != dnpb.ContainerState_UNHEALTHY {
		t.Fatalf("a damaged log: %v", got)
	}
	must(t, s.Close(ctx))
	s = scrubbed(t, mem, map[uint64]bool{})
	if got := reportOf(s, 1).State; got != dnpb.ContainerState_CLOSED {
		t.Fatalf("the checkpoint was not written again: %v", got)
	}
}

// A container on two disks: the one that was made later is used, or the one that is
// healthy; the other one is kept until a repair says that nothing is missing.
func TestTwoDisks(t *testing.T) {
	data, old := bytesFor(1, 5000), bytesFor(2, 100)
	one, two := vfs.NewMem(0), vfs.NewMem(0)
	open := func(vols ...container.Volume) *container.Set {
		t.Helper()
		opt := container.DefaultOptions()
		opt.MinFree = 0
		s, err := container.Open(vols, opt)
		must(t, err)
		return s
	}
	d1, d2 := container.Volume{Dir: "/d1", FS: one}, container.Volume{Dir: "/d2", FS: two}
	s := open(d1)
	keep(t, s, block(1, 1), data)
	keep(t, s, block(1, 2), old)
	must(t, s.Close(ctx))
	s = open(d2) // while the first disk is away
	r := begin(t, s, 1)
	must(t, r.Put(ctx, stored(1, data), source(data)))
	must(t, r.Finish(ctx))
	must(t, s.Close(ctx))
	aside := func() bool {
		names, err := one.List("/d1/containers")
		must(t, err)
		return strings.Contains(strings.Join(names, " "), ".aside")
	}
	for range 2 { // and it stays so
		s = open(d1, d2)
		holds(t, s, block(1, 1), data)
		holds(t, s, block(1, 2), nil)
		if got := reportOf(s, 1); got.State != dnpb.ContainerState_CLOSED || !aside() {
			t.Fatalf("%v, aside: %t", got, aside())
		}
		must(t, s.Close(ctx))
	}
	s = open(d1) // now the other one is away: what there is is used
	holds(t, s, block(1, 2), old)
	must(t, s.Close(ctx))
	rot2, err := two.OpenWrite("/d2/containers/0000000000000001.log")
	must(t, err)
	must(t, errors.Join(rot2.Truncate(100), rot2.Sync(), rot2.Close()))
	s = open(d1, d2)
	holds(t, s, block(1, 1), data)
	holds(t, s, block(1, 2), old)
	must(t, s.DropAside(1))
	must(t, s.Close(ctx))
}
