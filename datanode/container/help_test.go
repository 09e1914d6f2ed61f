package container_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

const unit = 256 << 10

var ctx = context.Background()

// pool is random bytes that blocks are slices of: cheap, and no two alike.
var pool = func() []byte {
	b := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}()

// bytesFor returns n bytes that belong to seed.
func bytesFor(seed uint64, n int) []byte {
	at := int(seed * 7919 % uint64(len(pool)-n))
	return pool[at : at+n]
}

// memSet opens a Set on /d1 and /d2 of a file system in memory.
func memSet(tb testing.TB, fsys vfs.FS) *container.Set {
	tb.Helper()
	s, err := openMem(fsys)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close(ctx) }) // the test may have closed it, or broken its disk
	return s
}

func openMem(fsys vfs.FS) (*container.Set, error) { return openMemAt(fsys, nil) }

// openMemAt is openMem with a clock.
func openMemAt(fsys vfs.FS, now func() time.Time) (*container.Set, error) {
	opt := container.DefaultOptions()
	opt.MinFree, opt.Now = 0, now
	return container.Open([]container.Volume{{Dir: "/d1", FS: fsys}, {Dir: "/d2", FS: fsys}}, opt)
}

func block(c, local uint64) *commonpb.BlockID {
	return &commonpb.BlockID{Container: c, Local: local}
}

// chunkReq is a request to write data at off.
func chunkReq(id *commonpb.BlockID, off int, data []byte) *dnpb.WriteRequest {
	return &dnpb.WriteRequest{Block: id, Offset: uint64(off), Crc32C: crc32c.Sum(data)}
}

// commitReq is a request to write data at off and commit whole.
func commitReq(id *commonpb.BlockID, off int, data, whole []byte) *dnpb.WriteRequest {
	r := chunkReq(id, off, data)
	r.Commit, r.BlockLength, r.BlockCrc32C = true, uint64(len(whole)), crc32c.Sum(whole)
	return r
}

// verified reads a block and returns its bytes if, and only if, they pass their
// checksums, as a client would see it.
func verified(s *container.Set, id *commonpb.BlockID, off, n, crc uint64) ([]byte, error) {
	resp, p, err := s.Read(ctx, &dnpb.ReadRequest{Block: id, Offset: off, Length: n, WantChecksums: true}, nil)
	if err != nil {
		return nil, err
	}
	if got := crc32c.Whole(resp.Checksums, unit, int64(resp.BlockLength)); uint64(got) != crc {
		return nil, ozerr.New(ozerr.ChecksumMismatch, "list of checksums sums to %08x, not %08x", got, crc)
	}
	if resp.PayloadOffset%unit != 0 || resp.Unit != unit {
		return nil, fmt.Errorf("payload at %d of units of %d", resp.PayloadOffset, resp.Unit)
	}
	for i, sum := range crc32c.Units(nil, p, unit) {
		if want := resp.Checksums[int(resp.PayloadOffset/unit)+i]; sum != want {
			return nil, ozerr.New(ozerr.ChecksumMismatch, "unit %d sums to %08x, not %08x", i, sum, want)
		}
	}
	if n = min(n, resp.BlockLength-off); n == 0 {
		return nil, nil
	}
	if resp.PayloadOffset > off || off+n > resp.PayloadOffset+uint64(len(p)) {
		return nil, fmt.Errorf("payload [%d,%d) does not cover [%d,%d)", resp.PayloadOffset, int(resp.PayloadOffset)+len(p), off, off+n)
	}
	return p[off-resp.PayloadOffset:][:n], nil
}
