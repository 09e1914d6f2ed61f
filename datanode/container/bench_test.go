package container_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

func benchSet(b *testing.B) *container.Set {
	opt := container.DefaultOptions()
	var syncs, commits atomic.Int64
	opt.OnSync = func(_ time.Duration, n int) {
		syncs.Add(1)
		commits.Add(int64(n))
	}
	b.Cleanup(func() { b.ReportMetric(float64(commits.Load())/float64(max(1, syncs.Load())), "commits/sync") })
	return openDisk(b, b.TempDir(), opt)
}

func openDisk(tb testing.TB, dir string, opt container.Options) *container.Set {
	s, err := container.Open([]container.Volume{{Dir: dir, FS: vfs.Disk{}}}, opt)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// put writes a block in chunks of 1 MiB; the last one commits.
func put(s *container.Set, local uint64, data []byte) error {
	id := &commonpb.BlockID{Container: 1, Local: local}
	whole := crc32c.Sum(data)
	for off := 0; ; off += 1 << 20 {
		part := data[off:min(off+1<<20, len(data))]
		req := &dnpb.WriteRequest{Block: id, Offset: uint64(off), Crc32C: crc32c.Sum(part)}
		if off+len(part) == len(data) {
			req.Commit, req.BlockLength, req.BlockCrc32C = true, uint64(len(data)), whole
			return s.Write(context.Background(), req, part)
		}
		if err := s.Write(context.Background(), req, part); err != nil {
			return err
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct{ size, callers int }{
		{4 << 10, 1}, {4 << 10, 32}, {64 << 10, 32}, {1 << 20, 1}, {1 << 20, 32}, {64 << 20, 1},
	} {
		b.Run(fmt.Sprintf("size=%dK/callers=%d", c.size>>10, c.callers), func(b *testing.B) {
			s := benchSet(b)
			data := make([]byte, c.size)
			var local atomic.Uint64
			b.SetBytes(int64(c.size))
			b.SetParallelism(max(1, c.callers/2))
			b.ResetTimer()
			if c.callers == 1 {
				for b.Loop() {
					if err := put(s, local.Add(1), data); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := put(s, local.Add(1), data); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("size=%dK", size>>10), func(b *testing.B) {
			s := benchSet(b)
			for local := uint64(1); local <= 64; local++ {
				if err := put(s, local, make([]byte, size)); err != nil {
					b.Fatal(err)
				}
			}
			buf := make([]byte, size)
			b.SetBytes(int64(size))
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				req := &dnpb.ReadRequest{Block: &commonpb.BlockID{Container: 1, Local: uint64(i%64 + 1)}, Length: uint64(size)}
				if _, _, err := s.Read(context.Background(), req, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen rebuilds the index of 228,000 blocks of 4 KiB from the log, as after
// a kill, and reads it from the checkpoint, as after a clean stop.
func BenchmarkOpen(b *testing.B) {
	const blocks = 228_000
	dir := b.TempDir()
	s, err := container.Open([]container.Volume{{Dir: dir, FS: vfs.Disk{}}}, container.DefaultOptions())
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 4096)
	var local atomic.Uint64
	var g sync.WaitGroup
	for range 64 {
		g.Go(func() {
			for n := local.Add(1); n <= blocks; n = local.Add(1) {
				if err := put(s, n, data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	g.Wait()
	scan := func(b *testing.B, dir string) {
		for b.Loop() {
			s, err := container.Open([]container.Volume{{Dir: dir, FS: vfs.Disk{}}}, container.DefaultOptions())
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if r, _, _ := s.Reports(0); len(r) != 1 || r[0].Blocks != blocks {
				b.Fatalf("reports %v", r)
			}
			if err := s.Close(ctx); err != nil {
				b.Fatal(err)
			}
			if err := os.Remove(dir + "/containers/0000000000000001.idx"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	if err := s.Close(ctx); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(dir+"/containers/0000000000000001.idx", dir+"/idx"); err != nil {
		b.Fatal(err)
	}
	b.Run("log", func(b *testing.B) { scan(b, dir) })
	b.Run("checkpoint", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if err := os.Link(dir+"/idx", dir+"/containers/0000000000000001.idx"); err != nil && !os.IsExist(err) {
				b.Fatal(err)
			}
			b.StartTimer()
			s, err := container.Open([]container.Volume{{Dir: dir, FS: vfs.Disk{}}}, container.DefaultOptions())
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := s.Close(ctx); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}
