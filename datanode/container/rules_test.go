package container_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// TestWriteRules goes through what dnpb.WriteRequest promises, request by request.
func TestWriteRules(t *testing.T) {
	b := block(1, 10)
	two := bytesFor(1, 2*unit)
	odd := bytesFor(2, 1000)
	other := bytesFor(3, 1000)
	type step struct {
		req  *dnpb.WriteRequest
		data []byte
		want ozerr.Code // "" for success
	}
	with := func(r *dnpb.WriteRequest, change func(*dnpb.WriteRequest)) *dnpb.WriteRequest {
		change(r)
		return r
	}
	seal := func(n int) *dnpb.WriteRequest {
		return with(commitReq(b, 0, nil, two[:n]), func(r *dnpb.WriteRequest) { r.Seal = true })
	}
	first, second := chunkReq(b, 0, two[:unit]), chunkReq(b, unit, two[unit:])
	for _, c := range []struct {
		name  string
		steps []step
		holds []byte // what the block has in the end; nil: it is not there
	}{
		{"one chunk with commit", []step{{commitReq(b, 0, odd, odd), odd, ""}}, odd},
		{"empty block", []step{{commitReq(b, 0, nil, nil), nil, ""}}, []byte{}},
		{"chunks, then commit with the last", []step{
			{first, two[:unit], ""}, {commitReq(b, unit, two[unit:], two), two[unit:], ""}}, two},
		{"chunks, then commit alone", []step{
			{first, two[:unit], ""}, {second, two[unit:], ""}, {commitReq(b, 2*unit, nil, two), nil, ""}}, two},
		{"uncommitted is not visible", []step{{first, two[:unit], ""}}, nil},
		{"last chunk again", []step{
			{first, two[:unit], ""}, {first, two[:unit], ""}, {second, two[unit:], ""}, {second, two[unit:], ""},
			{commitReq(b, unit, two[unit:], two), two[unit:], ""}}, two},
		{"commit again", []step{
			{commitReq(b, 0, odd, odd), odd, ""}, {commitReq(b, 0, odd, odd), odd, ""}}, odd},
		{"commit of other bytes", []step{
			{commitReq(b, 0, odd, odd), odd, ""}, {commitReq(b, 0, other, other), other, ozerr.BlockConflict}}, odd},
		{"chunk for a committed block", []step{
			{commitReq(b, 0, odd, odd), odd, ""}, {chunkReq(b, 1000, odd), odd, ozerr.BlockConflict}}, odd},
		{"other bytes at the same place", []step{
			{chunkReq(b, 0, odd), odd, ""}, {chunkReq(b, 0, other), other, ozerr.BlockConflict}}, nil},
		{"gap", []step{{first, two[:unit], ""}, {chunkReq(b, 2*unit, odd), odd, ozerr.InvalidRequest}}, nil},
		{"nothing before", []step{{second, two[unit:], ozerr.BlockNotFound}}, nil},
		{"chunk after a partial unit", []step{
			{chunkReq(b, 0, odd), odd, ""}, {chunkReq(b, 1000, odd), odd, ozerr.InvalidRequest}}, nil},
		{"wrong checksum of the chunk", []step{
			{with(commitReq(b, 0, odd, odd), func(r *dnpb.WriteRequest) { r.Crc32C ^= 1 }), odd, ozerr.ChecksumMismatch}}, nil},
		{"wrong checksum of the block", []step{
			{with(commitReq(b, 0, odd, odd), func(r *dnpb.WriteRequest) { r.BlockCrc32C ^= 1 }), odd, ozerr.ChecksumMismatch},
			{commitReq(b, 0, odd, odd), odd, ""}}, odd},
		{"wrong length of the block", []step{
			{with(commitReq(b, 0, odd, odd), func(r *dnpb.WriteRequest) { r.BlockLength++ }), odd, ozerr.BlockConflict}}, nil},
		{"seal on a unit", []step{{first, two[:unit], ""}, {second, two[unit:], ""}, {seal(unit), nil, ""}}, two[:unit]},
		{"seal inside a unit", []step{{first, two[:unit], ""}, {second, two[unit:], ""}, {seal(unit + 77), nil, ""}}, two[:unit+77]},
		{"seal to nothing", []step{{first, two[:unit], ""}, {seal(0), nil, ""}}, []byte{}},
		{"seal beyond what is there", []step{{first, two[:unit], ""}, {seal(2 * unit), nil, ozerr.BlockConflict}}, nil},
		{"seal of nothing known", []step{{seal(unit), nil, ozerr.BlockNotFound}}, nil},
		{"seal again", []step{{first, two[:unit], ""}, {seal(99), nil, ""}, {seal(99), nil, ""}}, two[:99]},
		{"neither bytes nor commit", []step{{chunkReq(b, 0, nil), nil, ozerr.InvalidArgument}}, nil},
		{"id 0", []step{{commitReq(block(1, 0), 0, odd, odd), odd, ozerr.InvalidArgument},
			{commitReq(block(0, 1), 0, odd, odd), odd, ozerr.InvalidArgument}, {commitReq(nil, 0, odd, odd), odd, ozerr.InvalidArgument}}, nil},
		{"chunk too large", []step{{commitReq(b, 0, make([]byte, 4<<20+1), nil), make([]byte, 4<<20+1), ozerr.InvalidArgument}}, nil},
		{"absurd offset", []step{{chunkReq(b, -1, odd), odd, ozerr.InvalidArgument}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memSet(t, vfs.NewMem(0))
			for i, st := range c.steps {
				if err := s.Write(ctx, st.req, st.data); ozerr.CodeOf(err) != st.want {
					t.Fatalf("step %d: %v, want %q", i, err, st.want)
				}
			}
			holds(t, s, b, c.holds)
		})
	}
}

// holds checks what a block is; nil means not there.
func holds(t *testing.T, s *container.Set, id *commonpb.BlockID, want []byte) {
	t.Helper()
	var crc uint64
	if want != nil {
		crc = uint64(commitReq(id, 0, nil, want).BlockCrc32C)
	}
	got, err := verified(s, id, 0, uint64(len(want)), crc)
	if want == nil {
		if !errors.Is(err, ozerr.BlockNotFound) && !errors.Is(err, ozerr.ContainerNotFound) {
			t.Fatalf("block is there: %v", err)
		}
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, want %d: %v", len(got), len(want), err)
	}
}

func TestReadRules(t *testing.T) {
	s := memSet(t, vfs.NewMem(0))
	const length = 3*unit + 10
	data := bytesFor(4, length)
	b := block(1, 1)
	for off := 0; off < length; off += unit {
		part := data[off:min(off+unit, length)]
		req := chunkReq(b, off, part)
		if off+len(part) == length {
			req = commitReq(b, off, part, data)
		}
		if err := s.Write(ctx, req, part); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		off, n, from, to uint64
		want             ozerr.Code
	}{
		{0, 1, 0, unit, ""},
		{unit - 1, 2, 0, 2 * unit, ""},
		{unit, unit, unit, 2 * unit, ""},
		{3*unit + 5, 1, 3 * unit, length, ""},
		{0, length, 0, length, ""},
		{0, 1 << 62, 0, length, ""}, // as much as there is
		{5, 0, 0, 0, ""},
		{length, 10, 3 * unit, 3 * unit, ""},
		{length + 1, 1, 0, 0, ozerr.InvalidArgument},
		{1 << 63, 1 << 63, 0, 0, ozerr.InvalidArgument},
	} {
		t.Run(fmt.Sprintf("%d+%d", c.off, c.n), func(t *testing.T) {
			buf := make([]byte, length)
			resp, p, err := s.Read(ctx, &dnpb.ReadRequest{Block: b, Offset: c.off, Length: c.n}, buf)
			if ozerr.CodeOf(err) != c.want {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if err != nil {
				return
			}
			if resp.PayloadOffset != c.from || !bytes.Equal(p, data[c.from:c.to]) || resp.BlockLength != length || resp.Unit != unit {
				t.Fatalf("%v with %d bytes", resp, len(p))
			}
			if len(p) > 0 && &p[0] != &buf[0] {
				t.Error("the caller's buffer was not used")
			}
			if want := (len(p) + unit - 1) / unit; len(resp.Checksums) != want {
				t.Errorf("%d checksums, want %d", len(resp.Checksums), want)
			}
		})
	}
}

func TestClosedContainer(t *testing.T) {
	mem := vfs.NewMem(0)
	s := memSet(t, mem)
	data := bytesFor(1, 100)
	write := func(id *commonpb.BlockID) error { return s.Write(ctx, commitReq(id, 0, data, data), data) }
	if err := write(block(1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.CloseContainer(ctx, 1), s.CloseContainer(ctx, 1), s.CloseContainer(ctx, 9)); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for _, id := range []*commonpb.BlockID{block(1, 3), block(9, 1)} {
			if err := write(id); !errors.Is(err, ozerr.ContainerClosed) {
				t.Fatalf("write of %v: %v", id, err)
			}
		}
		if err := write(block(1, 1)); err != nil {
			t.Fatalf("repeated commit: %v", err)
		}
		holds(t, s, block(1, 1), data)
	}
	check()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s = memSet(t, mem)
	check()
	if err := s.Delete(ctx, []*commonpb.BlockID{block(1, 1)}); err != nil {
		t.Fatal(err)
	}
	if names, err := mem.List("/d1/containers"); err != nil || len(names) > 2 {
		t.Fatalf("an empty closed container is still there: %q %v", names, err)
	}
	if r, _, full := s.Reports(1 << 40); full || len(r) != 0 {
		t.Fatalf("reports %v", r)
	}
	if r, _, full := s.Reports(1); !full || len(r) != 0 {
		t.Fatalf("a removal should make the report full: %v", r)
	}
	if err := write(block(1, 5)); !errors.Is(err, ozerr.ContainerClosed) {
		t.Fatalf("a removed container came back: %v", err)
	}
}

func TestEmptyContainerIsRemovedWhenItCloses(t *testing.T) {
	s := memSet(t, vfs.NewMem(0))
	data := bytesFor(1, 100)
	must(t, s.Write(ctx, commitReq(block(1, 1), 0, data, data), data))
	must(t, s.Delete(ctx, []*commonpb.BlockID{block(1, 1)}))
	must(t, s.CloseContainer(ctx, 1))
	if r, _, _ := s.Reports(0); len(r) != 0 {
		t.Fatalf("reports %v", r)
	}
	must(t, s.CloseContainer(ctx, 1)) // the order is repeated
	must(t, s.Delete(ctx, []*commonpb.BlockID{block(1, 1)}))
	if err := s.Write(ctx, commitReq(block(1, 2), 0, data, data), data); !errors.Is(err, ozerr.ContainerClosed) {
		t.Fatal(err)
	}
}

func TestIdleBlocksAreForgotten(t *testing.T) {
	s := memSet(t, vfs.NewMem(0))
	data := bytesFor(1, unit)
	if err := s.Write(ctx, chunkReq(block(1, 1), 0, data), data); err != nil {
		t.Fatal(err)
	}
	if err := s.Maintain(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	next := chunkReq(block(1, 1), unit, data)
	if err := s.Write(ctx, next, data); err != nil {
		t.Fatalf("forgotten too early: %v", err)
	}
	if err := s.Maintain(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, chunkReq(block(1, 1), 2*unit, data), data); !errors.Is(err, ozerr.BlockNotFound) {
		t.Fatalf("not forgotten: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	mem := vfs.NewMem(200_000)
	s := memSet(t, mem)
	data := bytesFor(1, 10_000)
	n := uint64(0)
	var err error
	for err == nil && n < 100 {
		n++
		err = s.Write(ctx, commitReq(block(1, n), 0, data, data), data)
	}
	if !errors.Is(err, ozerr.DiskFull) {
		t.Fatalf("after %d blocks: %v", n, err)
	}
	mem.SetCapacity(0)
	if err := s.Write(ctx, commitReq(block(1, n), 0, data, data), data); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	for i := uint64(1); i <= n; i++ {
		holds(t, s, block(1, i), data)
	}
}

// The disk may turn out to be full in the middle of a write although the reserve
// looked fine.
func TestFullInTheMiddleOfAWrite(t *testing.T) {
	mem := vfs.NewMem(0)
	fault := vfs.NewFault(mem, nil)
	s := memSet(t, fault)
	data := bytesFor(1, unit)
	must(t, s.Write(ctx, commitReq(block(1, 1), 0, data, data), data))
	fault.SetHook(vfs.FailKind(vfs.OpWrite, syscall.ENOSPC))
	if err := s.Write(ctx, commitReq(block(1, 2), 0, data, data), data); !errors.Is(err, ozerr.DiskFull) {
		t.Fatal(err)
	}
	fault.SetHook(nil)
	must(t, s.Write(ctx, commitReq(block(1, 2), 0, data, data), data))
	must(t, s.Close(ctx))
	s = memSet(t, mem)
	holds(t, s, block(1, 1), data)
	holds(t, s, block(1, 2), data)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A disk that fails is isolated; the other one goes on.
func TestFailedDisk(t *testing.T) {
	mem := vfs.NewMem(0)
	bad := vfs.NewFault(mem, nil)
	opt := container.DefaultOptions()
	opt.MinFree = 0
	s, err := container.Open([]container.Volume{{Dir: "/bad", FS: bad}, {Dir: "/good", FS: mem}}, opt)
	must(t, err)
	defer func() { _ = s.Close(ctx) }() // the bad disk may complain
	data := bytesFor(1, 100)
	for c := uint64(1); c <= 20; c++ { // some on each
		must(t, s.Write(ctx, commitReq(block(c, 1), 0, data, data), data))
	}
	bad.SetHook(vfs.FailKind(vfs.OpSync, syscall.EIO))
	failed := 0
	for c := uint64(1); c <= 20; c++ {
		if err := s.Write(ctx, commitReq(block(c, 2), 0, data, data), data); err != nil {
			failed++
			if !errors.Is(err, ozerr.DiskFailed) {
				t.Fatal(err)
			}
		}
	}
	bad.SetHook(nil) // a sync that would succeed now proves nothing
	unhealthy := 0
	reports, _, _ := s.Reports(0)
	for _, r := range reports {
		if r.State == dnpb.ContainerState_UNHEALTHY {
			unhealthy++
			if err := s.Write(ctx, commitReq(block(r.Id, 3), 0, data, data), data); !errors.Is(err, ozerr.DiskFailed) {
				t.Fatalf("an unhealthy container takes writes: %v", err)
			}
		}
		holds(t, s, block(r.Id, 1), data)
	}
	if failed == 0 || failed == 20 || unhealthy != failed {
		t.Fatalf("%d writes failed, %d containers are unhealthy", failed, unhealthy)
	}
	for c := uint64(30); c < 40; c++ {
		must(t, s.Write(ctx, commitReq(block(c, 1), 0, data, data), data))
	}
	if d := s.Disks(); !d[0].Failed || d[1].Failed {
		t.Fatalf("disks %v", d)
	}
}

// A frozen disk delays those who wait for it only until their deadline.
func TestFrozenDisk(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem(0), nil)
	s := memSet(t, fault)
	data := bytesFor(1, 100)
	must(t, s.Write(ctx, commitReq(block(1, 1), 0, data, data), data))
	thaw := make(chan struct{})
	fault.SetHook(func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			<-thaw
		}
		return nil
	})
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := s.Write(short, commitReq(block(1, 2), 0, data, data), data); !errors.Is(err, ozerr.Timeout) {
		t.Fatal(err)
	}
	holds(t, s, block(1, 1), data)
	close(thaw)
	must(t, s.Write(ctx, commitReq(block(1, 2), 0, data, data), data))
	holds(t, s, block(1, 2), data)
}

// TestConcurrent writes, reads, lists and deletes at once; readers see right bytes
// or no block.
func TestConcurrent(t *testing.T) {
	s := openDisk(t, t.TempDir(), container.DefaultOptions())
	const writers, each = 8, 60
	var wg sync.WaitGroup
	for w := range uint64(writers) {
		wg.Go(func() {
			for i := range uint64(each) {
				local := w*1000 + i + 1
				id := block(i%3+1, local)
				data := bytesFor(local, 5000+int(local%3)*unit)
				if err := s.Write(ctx, commitReq(id, 0, data, data), data); err != nil {
					t.Error(err)
					return
				}
				var inner sync.WaitGroup
				inner.Go(func() {
					for range 3 {
						got, err := verified(s, id, 0, uint64(len(data)), uint64(commitReq(id, 0, nil, data).BlockCrc32C))
						if err != nil && !errors.Is(err, ozerr.BlockNotFound) || err == nil && !bytes.Equal(got, data) {
							t.Errorf("%v: %v", id, err)
						}
					}
				})
				if i%2 == 0 {
					if err := s.Delete(ctx, []*commonpb.BlockID{id}); err != nil {
						t.Error(err)
					}
				}
				s.Reports(0)
				if _, err := s.List(&dnpb.ListBlocksRequest{Container: id.Container}); err != nil {
					t.Error(err)
				}
				inner.Wait()
			}
		})
	}
	wg.Wait()
	total := uint64(0)
	reports, _, _ := s.Reports(0)
	for _, r := range reports {
		total += r.Blocks
	}
	if total != writers*each/2 {
		t.Fatalf("%d blocks, want %d", total, writers*each/2)
	}
}
