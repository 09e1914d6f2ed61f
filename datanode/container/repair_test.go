package container_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

func unbounded(context.Context, int) error { return nil }

// source reads a block's bytes for Repair.Put.
func source(data []byte) func(uint64, int) ([]byte, error) {
	return func(off uint64, n int) ([]byte, error) { return data[off:][:n], nil }
}

func stored(local uint64, data []byte) container.Block {
	return container.Block{Local: local, Length: uint64(len(data)), CRC: crc32c.Sum(data)}
}

func begin(t testing.TB, s *container.Set, id uint64) *container.Repair {
	t.Helper()
	r, err := s.Repair(ctx, id, unbounded)
	must(t, err)
	return r
}

func keep(t testing.TB, s *container.Set, id *commonpb.BlockID, data []byte) {
	t.Helper()
	must(t, s.Write(ctx, commitReq(id, 0, data, data), data))
}

func reportOf(s *container.Set, id uint64) *dnpb.ContainerReport {
	reports, _, _ := s.Reports(0)
	for _, r := range reports {
		if r.Id == id {
			return r
		}
	}
	return nil
}

// The digest is compared between replicas of different versions: it must never change.
func TestContentDigest(t *testing.T) {
	a, b := memSet(t, vfs.NewMem(0)), memSet(t, vfs.NewMem(0))
	one, two := []byte("hello"), []byte("")
	keep(t, a, block(1, 1), one)
	keep(t, a, block(1, 2), two)
	keep(t, b, block(1, 2), two)
	keep(t, b, block(1, 3), two)
	keep(t, b, block(1, 1), one)
	if reportOf(a, 1).Content == reportOf(b, 1).Content {
		t.Fatal("another block, the same digest")
	}
	must(t, b.Delete(ctx, []*commonpb.BlockID{block(1, 3)}))
	const want uint64 = 0xd0342fd4b0daf9a5
	if x, y := reportOf(a, 1).Content, reportOf(b, 1).Content; x != y || x != want {
		t.Fatalf("%x and %x, want %x", x, y, want)
	}
}

// A replica that is built is nobody's until it is complete, and is found whole or not at
// all after a power loss.
func TestRepairBuilds(t *testing.T) {
	mem := vfs.NewMem(0)
	s := memSet(t, mem)
	must(t, s.CloseContainer(ctx, 1)) // word that it must not be begun by clients
	small, large := bytesFor(1, 100), bytesFor(2, 3*unit+9)
	r := begin(t, s, 1)
	if !r.Anew() {
		t.Fatal("in place, where nothing is")
	}
	if _, err := s.Repair(ctx, 1, unbounded); !errors.Is(err, ozerr.Unavailable) {
		t.Fatalf("a second repair: %v", err)
	}
	must(t, r.Put(ctx, stored(1, small), source(small)))
	must(t, r.Put(ctx, stored(2, large), source(large)))
	must(t, r.Put(ctx, stored(3, nil), source(nil)))
	must(t, r.Put(ctx, stored(4, small), source(small)))
	must(t, s.Delete(ctx, []*commonpb.BlockID{block(1, 4), block(1, 5)})) // reaches what is being built
	must(t, r.Put(ctx, stored(5, small), source(small)))
	wrong := stored(6, small)
	wrong.CRC ^= 1
	if err := r.Put(ctx, wrong, source(small)); !errors.Is(err, ozerr.ChecksumMismatch) {
		t.Fatalf("wrong bytes: %v", err)
	}
	if err := s.Write(ctx, commitReq(block(1, 9), 0, small, small), small); !errors.Is(err, ozerr.ContainerClosed) {
		t.Fatalf("a write meanwhile: %v", err)
	}
	for seed := range uint64(20) {
		half := memSet(t, mem.Crash(rand.New(rand.NewPCG(seed, 0))))
		if r := reportOf(half, 1); r != nil {
			t.Fatalf("half a replica: %v", r)
		}
	}
	holds(t, s, block(1, 1), nil)
	must(t, r.Finish(ctx))
	check := func(s *container.Set) {
		t.Helper()
		holds(t, s, block(1, 1), small)
		holds(t, s, block(1, 2), large)
		holds(t, s, block(1, 3), []byte{})
		for local := uint64(4); local <= 6; local++ {
			holds(t, s, block(1, local), nil)
		}
		if got := reportOf(s, 1); got.State != dnpb.ContainerState_CLOSED || got.Blocks != 3 {
			t.Fatalf("%v", got)
		}
		if err := s.Write(ctx, commitReq(block(1, 9), 0, small, small), small); !errors.Is(err, ozerr.ContainerClosed) {
			t.Fatalf("a late write: %v", err)
		}
	}
	check(s)
	for seed := range uint64(20) {
		check(memSet(t, mem.Crash(rand.New(rand.NewPCG(seed, 1)))))
	}
}

// A container that is removed while it is built or rewritten does not come back.
func TestRemovedDuringARepair(t *testing.T) {
	for _, there := range []bool{false, true} {
		mem := vfs.NewMem(0)
		s := memSet(t, mem)
		data := bytesFor(1, 100)
		if there {
			keep(t, s, block(1, 1), data)
			must(t, s.CloseContainer(ctx, 1))
		}
		r := begin(t, s, 1)
		must(t, r.Put(ctx, stored(1, data), source(data)))
		must(t, s.DeleteContainer(ctx, 1))
		if err := r.Finish(ctx); err == nil {
			t.Fatal("a repair of what was removed succeeded")
		}
		for _, s := range []*container.Set{s, memSet(t, mem.Kill())} {
			if r := reportOf(s, 1); r != nil {
				t.Fatalf("it is back: %v", r)
			}
		}
	}
}

// rot flips a bit of every copy of what in a directory's files.
func rot(t testing.TB, m *vfs.Mem, what []byte) {
	t.Helper()
	n := 0
	for _, d := range []string{"/d1/containers", "/d2/containers"} {
		names, _ := m.List(d) // the set may have one disk only
		for _, name := range names {
			if !strings.HasSuffix(name, ".log") {
				continue
			}
			b, err := vfs.ReadFile(m, d+"/"+name, 1<<30)
			must(t, err)
			at := bytes.Index(b, what)
			if at < 0 {
				continue
			}
			f, err := m.OpenWrite(d + "/" + name)
			must(t, err)
			_, err = f.WriteAt([]byte{what[0] ^ 0x40}, int64(at))
			must(t, errors.Join(err, f.Sync(), f.Close()))
			n++
		}
	}
	if n == 0 {
		t.Fatal("these bytes are nowhere")
	}
}

// A bad block is replaced where it is, and stays good after every kind of restart; the
// container was never unhealthy for it.
func TestRepairReplaces(t *testing.T) {
	for _, closed := range []bool{false, true} {
		mem := vfs.NewMem(0)
		s := memSet(t, mem)
		small, large, other := bytesFor(1, 5000), bytesFor(2, 2*unit+9), bytesFor(3, 100)
		keep(t, s, block(1, 1), small)
		keep(t, s, block(1, 2), large)
		keep(t, s, block(1, 3), other)
		if closed {
			must(t, s.CloseContainer(ctx, 1))
		}
		before := reportOf(s, 1)
		rot(t, mem, small[10:60])
		rot(t, mem, large[unit+5:unit+60])
		r := begin(t, s, 1)
		for local, data := range map[uint64][]byte{1: small, 2: large, 3: other} {
			err := r.Verify(ctx, local)
			if (local == 3) != (err == nil) {
				t.Fatalf("verifying block %d: %v", local, err)
			}
			if err != nil {
				must(t, r.Put(ctx, stored(local, data), source(data)))
			}
		}
		must(t, r.Finish(ctx))
		must(t, s.Maintain(ctx, time.Now()))
		check := func(s *container.Set) {
			t.Helper()
			holds(t, s, block(1, 1), small)
			holds(t, s, block(1, 2), large)
			holds(t, s, block(1, 3), other)
			got := reportOf(s, 1)
			if got.State != before.State || got.Content != before.Content || got.UsedBytes != before.UsedBytes {
				t.Fatalf("%v, before %v", got, before)
			}
		}
		check(s)
		for seed := range uint64(20) {
			check(memSet(t, mem.Crash(rand.New(rand.NewPCG(seed, 1)))))
		}
		must(t, s.Close(ctx))
		check(memSet(t, mem))
	}
}

// Quarantine outlives restarts, doesn't count, can be read, ends in either of two ways.
func TestQuarantine(t *testing.T) {
	mem := vfs.NewMem(0)
	now := time.Unix(1_000_000, 0)
	clock := func() time.Time { return now }
	s, err := openMemAt(mem, clock)
	must(t, err)
	defer func() { _ = s.Close(ctx) }() // the test may have closed it
	data := bytesFor(1, 100)
	for local := uint64(1); local <= 3; local++ {
		keep(t, s, block(1, local), data)
	}
	digest := reportOf(s, 1).Content
	keep(t, s, block(1, 4), data)
	must(t, s.CloseContainer(ctx, 1))
	r := begin(t, s, 1)
	r.Quarantine(4, true)
	r.Quarantine(77, true) // isn't here
	must(t, r.Finish(ctx))
	aside := func(blocks, aside uint64) {
		t.Helper()
		if got := reportOf(s, 1); got.Blocks != blocks || got.Quarantined != aside || (blocks == 3) != (got.Content == digest) {
			t.Fatalf("%v", got)
		}
		list, err := s.List(&dnpb.ListBlocksRequest{Container: 1})
		if err != nil || len(list.Blocks) != int(blocks) {
			t.Fatalf("%v %v", list, err)
		}
		holds(t, s, block(1, 4), data)
	}
	again := func(m *vfs.Mem) {
		t.Helper()
		must(t, s.Close(ctx))
		mem = m
		s, err = openMemAt(mem, clock)
		must(t, err)
	}
	aside(3, 1)
	again(mem.Crash(rand.New(rand.NewPCG(1, 1))))
	aside(3, 1)
	r = begin(t, s, 1)
	r.Quarantine(4, false)
	must(t, r.Finish(ctx))
	aside(4, 0)
	r = begin(t, s, 1)
	r.Quarantine(4, true)
	must(t, r.Finish(ctx))
	now = now.Add(3 * 24 * time.Hour)
	again(mem.Kill())
	r = begin(t, s, 1)
	r.Quarantine(4, true) // again, which must not make it wait longer
	must(t, r.Finish(ctx))
	must(t, s.Delete(ctx, []*commonpb.BlockID{block(1, 1), block(1, 2), block(1, 3)}))
	must(t, s.Maintain(ctx, now))
	if got := reportOf(s, 1); got == nil || got.Blocks != 0 || got.Quarantined != 1 {
		t.Fatalf("with nothing but a block in quarantine: %v", got)
	}
	holds(t, s, block(1, 4), data)
	now = now.Add(4 * 24 * time.Hour)
	must(t, s.Maintain(ctx, now))
	if got := reportOf(s, 1); got != nil {
		t.Fatalf("after its time: %v", got)
	}
	again(mem.Kill())
	if names, _ := mem.List("/d1/containers"); strings.Contains(strings.Join(names, " "), ".quar") {
		t.Fatalf("left behind: %q", names)
	}
}

var eager = container.Compaction{MinDead: 1, Ratio: 0.01}

// compactAll compacts what is due on both volumes.
func compactAll(s *container.Set) (freed int64, err error) {
	for _, dir := range []string{"/d1", "/d2"} {
		n, cerr := s.Compact(ctx, dir, eager, unbounded)
		freed, err = freed+n, errors.Join(err, cerr)
	}
	return freed, err
}

// Compaction gives back what deletions left and loses neither blocks nor the memory of
// deletions; a container with a bad block is left alone.
func TestCompact(t *testing.T) {
	mem := vfs.NewMem(0)
	s := memSet(t, mem)
	left := map[uint64][]byte{}
	var gone []*commonpb.BlockID
	for local := uint64(1); local <= 100; local++ {
		data := bytesFor(local, 3000)
		if local == 50 {
			data = bytesFor(local, 2*unit+5)
		}
		keep(t, s, block(1, local), data)
		if local%10 == 0 {
			left[local] = data
		} else {
			gone = append(gone, block(1, local))
		}
	}
	must(t, s.Delete(ctx, gone))
	if n, err := compactAll(s); n != 0 || err != nil {
		t.Fatalf("an open container was compacted: %d %v", n, err)
	}
	must(t, s.CloseContainer(ctx, 1))
	r := begin(t, s, 1)
	r.Quarantine(20, true)
	must(t, r.Finish(ctx))
	must(t, s.Maintain(ctx, time.Now()))
	before := reportOf(s, 1)
	rot(t, mem, left[30][100:200])
	if n, err := compactAll(s); n != 0 || !errors.Is(err, ozerr.ChecksumMismatch) {
		t.Fatalf("with a bad block: %d %v", n, err)
	}
	r = begin(t, s, 1)
	must(t, r.Put(ctx, stored(30, left[30]), source(left[30])))
	must(t, r.Finish(ctx))
	freed, err := compactAll(s)
	if err != nil || freed < 80*3000 {
		t.Fatalf("%d bytes freed, %v", freed, err)
	}
	check := func(s *container.Set) {
		t.Helper()
		for local, data := range left {
			holds(t, s, block(1, local), data)
		}
		for _, id := range gone {
			holds(t, s, id, nil)
		}
		got := reportOf(s, 1)
		if got.State != before.State || got.Content != before.Content || got.Blocks != before.Blocks || got.Quarantined != 1 {
			t.Fatalf("%v, before %v", got, before)
		}
		if got.DiskBytes > before.DiskBytes-uint64(freed)/2 {
			t.Fatalf("%v, before %v, %d freed", got, before, freed)
		}
		x := bytesFor(1, 100)
		r := begin(t, s, 1)
		must(t, r.Put(ctx, stored(gone[0].Local, x), source(x)))
		must(t, r.Finish(ctx))
		holds(t, s, gone[0], nil)
	}
	check(s)
	for seed := range uint64(10) {
		check(memSet(t, mem.Crash(rand.New(rand.NewPCG(seed, 1)))))
	}
	if n, err := compactAll(s); n != 0 && err == nil && n > 100 {
		t.Fatalf("compacted again: %d", n)
	}
}
