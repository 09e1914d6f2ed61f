package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// benchNode keeps what it is given, and does no work beyond that.
type benchNode struct {
	mu     sync.Mutex
	keep   bool
	blocks map[uint64][]byte
	sums   map[uint64][]uint32
}

func (n *benchNode) Node(*commonpb.Node) Blocks { return n }

func (n *benchNode) Write(_ context.Context, req *dnpb.WriteRequest, data []byte) error {
	if !n.keep {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	id := req.Block.Local
	n.blocks[id] = append(n.blocks[id], data...)
	n.sums[id] = crc32c.Units(n.sums[id], data, usualUnit)
	return nil
}

func (n *benchNode) Read(_ context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	n.mu.Lock()
	block, sums := n.blocks[req.Block.Local], n.sums[req.Block.Local]
	n.mu.Unlock()
	length := uint64(len(block))
	from, to := req.Offset/usualUnit*usualUnit, min((req.Offset+req.Length+usualUnit-1)/usualUnit*usualUnit, length)
	if !req.WantChecksums {
		sums = sums[from/usualUnit : (to+usualUnit-1)/usualUnit]
	}
	resp := &dnpb.ReadResponse{PayloadOffset: from, BlockLength: length, Unit: usualUnit, Checksums: sums}
	return resp, append(buf[:0], block[from:to]...), nil
}

// benchOM believes what it is told.
type benchOM struct {
	*world
	key atomic.Pointer[ompb.Response]
}

func (o *benchOM) Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if req.GetGetKey() != nil {
		return o.key.Load(), nil
	}
	if k := req.GetCommitKey(); k != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.key.Store(o.keyResult(&ompb.KeyInfo{Key: k.Key, Size: k.Size, Blocks: k.Blocks}))
		return o.key.Load(), nil
	}
	return o.world.Submit(ctx, req)
}

func benchClient(b *testing.B, factor int, keep bool) *Client {
	w := newWorld(factor, factor, factor)
	w.blockSize = 64 << 20
	n := &benchNode{keep: keep, blocks: map[uint64][]byte{}, sums: map[uint64][]uint32{}}
	c := New(&benchOM{world: w}, n, DefaultConfig())
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func BenchmarkPut(b *testing.B) {
	for _, factor := range []int{1, 3} {
		for _, size := range []int{4 << 10, 64 << 20} {
			for _, callers := range []int{1, 32} {
				b.Run(fmt.Sprintf("r=%d/%dK/c=%d", factor, size>>10, callers), func(b *testing.B) {
					c := benchClient(b, factor, false)
					data := testBytes(size, 1)
					b.SetBytes(int64(size))
					b.ReportAllocs()
					inParallel(b, callers, func() error {
						_, err := c.PutObject(context.Background(), key, bytes.NewReader(data), PutOptions{})
						return err
					})
				})
			}
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 20} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprintf("%dK/c=%d", size>>10, callers), func(b *testing.B) {
				c := benchClient(b, 1, true)
				if _, err := c.PutObject(context.Background(), key, bytes.NewReader(testBytes(size, 1)), PutOptions{}); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				inParallel(b, callers, func() error {
					o, err := c.GetObject(context.Background(), key, "")
					if err != nil {
						return err
					}
					r := c.ReadObject(context.Background(), o, 0, -1)
					defer r.Close()
					_, err = r.WriteTo(io.Discard)
					return err
				})
			})
		}
	}
}

// inParallel runs f b.N times on so many goroutines.
func inParallel(b *testing.B, callers int, f func() error) {
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
