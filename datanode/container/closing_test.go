package container_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// closing is container 1 with unfinished blocks 1 to 3 of one unit each, and the
// order to close it.
type closing struct {
	t   *testing.T
	mem *vfs.Mem
	now time.Time
	s   *container.Set
}

func newClosing(t *testing.T) *closing {
	x := &closing{t: t, mem: vfs.NewMem(0), now: time.Unix(1_000_000, 0)}
	x.open()
	for local := uint64(1); local <= 3; local++ {
		must(t, x.write(local, 0, unit))
	}
	x.is(dnpb.ContainerState_OPEN)
	x.waits()
	return x
}

func (x *closing) open() {
	s, err := openMemAt(x.mem, func() time.Time { return x.now })
	must(x.t, err)
	x.t.Cleanup(func() { _ = s.Close(ctx) })
	x.s = s
}

func (x *closing) write(local uint64, from, to int) error {
	data := bytesFor(local, to)[from:]
	return x.s.Write(ctx, chunkReq(block(1, local), from, data), data)
}

func (x *closing) commit(local uint64, from, to int) error {
	whole := bytesFor(local, to)
	return x.s.Write(ctx, commitReq(block(1, local), from, whole[from:], whole), whole[from:])
}

func (x *closing) seal(local uint64, length int) error {
	req := commitReq(block(1, local), 0, nil, bytesFor(local, length))
	req.Seal = true
	return x.s.Write(ctx, req, nil)
}

func (x *closing) is(want dnpb.ContainerState) {
	x.t.Helper()
	r, _, _ := x.s.Reports(0)
	if len(r) != 1 || r[0].State != want {
		x.t.Fatalf("reports %v, want %v", r, want)
	}
}

// waits gives the order and checks that it is not done.
func (x *closing) waits() {
	x.t.Helper()
	if err := x.s.CloseContainer(ctx, 1); !errors.Is(err, container.ErrClosing) {
		x.t.Fatalf("the order: %v", err)
	}
	x.is(dnpb.ContainerState_CLOSING)
}

func TestClosingLetsUnfinishedBlocksFinish(t *testing.T) {
	x := newClosing(t)
	for _, err := range []error{x.write(9, 0, unit), x.commit(9, 0, 5), x.commit(9, 0, 0)} {
		if !errors.Is(err, ozerr.ContainerClosed) {
			t.Fatalf("a new block: %v", err)
		}
	}
	must(t, x.write(1, unit, 2*unit))
	must(t, x.write(1, unit, 2*unit)) // repeated
	must(t, x.commit(1, 2*unit, 2*unit+7))
	must(t, x.commit(1, 2*unit, 2*unit+7))
	holds(t, x.s, block(1, 1), bytesFor(1, 2*unit+7))
	x.waits()
	must(t, x.seal(2, unit/2))
	must(t, x.s.Maintain(ctx, x.now))
	x.is(dnpb.ContainerState_CLOSING)
	must(t, x.s.Delete(ctx, []*commonpb.BlockID{block(1, 3)})) // counts as finished
	must(t, x.s.Maintain(ctx, x.now))
	x.is(dnpb.ContainerState_CLOSED)
	must(t, x.s.CloseContainer(ctx, 1)) // the order comes again
	for local, n := range map[uint64]int{1: 2*unit + 7, 2: unit / 2} {
		holds(t, x.s, block(1, local), bytesFor(local, n))
	}
	must(t, x.commit(1, 2*unit, 2*unit+7))
	if err := x.write(3, unit, 2*unit); !errors.Is(err, ozerr.BlockNotFound) {
		t.Fatal(err)
	}
}

func TestClosingGivesIdleBlocksUp(t *testing.T) {
	for name, finish := range map[string]func(x *closing) error{
		"by itself": func(x *closing) error { return x.s.Maintain(ctx, x.now) },
		"by order":  func(x *closing) error { return x.s.CloseContainer(ctx, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newClosing(t)
			must(t, x.seal(1, unit))
			x.now = x.now.Add(20 * time.Second)
			must(t, x.write(2, unit, 2*unit))
			x.now = x.now.Add(20 * time.Second)
			x.waits() // block 3 is given up, 2 was touched
			must(t, x.write(2, 2*unit, 3*unit))
			if err := x.write(3, unit, 2*unit); !errors.Is(err, ozerr.ContainerClosed) {
				t.Fatalf("an idle block: %v", err)
			}
			x.now = x.now.Add(31 * time.Second)
			must(t, finish(x))
			x.is(dnpb.ContainerState_CLOSED)
			if err := x.commit(2, 3*unit, 3*unit); !errors.Is(err, ozerr.ContainerClosed) {
				t.Fatal(err)
			}
			holds(t, x.s, block(1, 1), bytesFor(1, unit))
		})
	}
}

func TestClosingEndsAfterARestart(t *testing.T) {
	for _, finished := range []bool{true, false} {
		x := newClosing(t)
		if finished {
			must(t, x.seal(1, unit))
		}
		must(t, x.s.Close(ctx))
		x.open()
		x.is(dnpb.ContainerState_CLOSING)
		if err := x.commit(9, 0, 5); !errors.Is(err, ozerr.ContainerClosed) {
			t.Fatalf("a new block: %v", err)
		}
		must(t, x.s.Maintain(ctx, x.now))
		if finished {
			x.is(dnpb.ContainerState_CLOSED)
			holds(t, x.s, block(1, 1), bytesFor(1, unit))
		} else if r, _, _ := x.s.Reports(0); len(r) != 0 {
			t.Fatalf("an empty container stays: %v", r)
		}
	}
}

// TestClosingUnderLoad closes a container under streams: each is refused at its first
// byte or not at all.
func TestClosingUnderLoad(t *testing.T) {
	s := openDisk(t, t.TempDir(), container.DefaultOptions())
	const streams, chunks = 8, 6
	var wg sync.WaitGroup
	var next atomic.Uint64
	var stored sync.Map
	for range streams {
		wg.Go(func() {
			for {
				local := next.Add(1)
				whole := bytesFor(local, chunks*unit)
				for i := range chunks {
					part := whole[i*unit : (i+1)*unit]
					req := chunkReq(block(1, local), i*unit, part)
					if i == chunks-1 {
						req = commitReq(block(1, local), i*unit, part, whole)
					}
					err := s.Write(ctx, req, part)
					if i == 0 && errors.Is(err, ozerr.ContainerClosed) {
						return
					}
					if err != nil {
						t.Errorf("block %d, chunk %d: %v", local, i, err)
						return
					}
				}
				stored.Store(local, whole)
			}
		})
	}
	for next.Load() < 3*streams { // let some through
		if _, err := s.List(&dnpb.ListBlocksRequest{Container: 1}); err != nil && !errors.Is(err, ozerr.ContainerNotFound) {
			t.Fatal(err)
		}
	}
	for err := container.ErrClosing; errors.Is(err, container.ErrClosing); {
		err = s.CloseContainer(ctx, 1)
		must(t, s.Maintain(ctx, time.Now()))
		if err != nil && !errors.Is(err, container.ErrClosing) {
			t.Fatal(err)
		}
	}
	wg.Wait()
	n := uint64(0)
	stored.Range(func(local, data any) bool {
		n++
		whole := data.([]byte)
		got, err := verified(s, block(1, local.(uint64)), 0, uint64(len(whole)), uint64(crc32c.Sum(whole)))
		if err != nil || len(got) != len(whole) {
			t.Errorf("block %d: %v", local, err)
		}
		return true
	})
	if r, _, _ := s.Reports(0); len(r) != 1 || r[0].State != dnpb.ContainerState_CLOSED || r[0].Blocks != n {
		t.Fatalf("%d blocks stored, reports %v", n, r)
	}
}
