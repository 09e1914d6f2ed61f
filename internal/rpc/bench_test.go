package rpc

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// parallel runs f b.N times on c goroutines.
func parallel(b *testing.B, c int, f func() error) {
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range c {
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

func BenchmarkUnary(b *testing.B) {
	for _, c := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("c=%d", c), func(b *testing.B) {
			cl := startClient(b, startServer(b).addr, ClientOptions{})
			req := &commonpb.Node{Id: strings.Repeat("x", 290)}
			parallel(b, c, func() error {
				return cl.Call(context.Background(), "echo", req, &commonpb.Node{})
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
		})
	}
}

// BenchmarkSecure compares what TLS costs: a handshake, and 1 MiB payloads.
func BenchmarkSecure(b *testing.B) {
	for name, key := range map[string][]byte{"clear": nil, "secure": keyA} {
		b.Run("connect/"+name, func(b *testing.B) {
			ts := startKeyed(b, key)
			for b.Loop() {
				c := NewClient(ts.addr, ClientOptions{Key: key})
				if err := c.Call(context.Background(), "echo", &commonpb.Node{}, &commonpb.Node{}); err != nil {
					b.Fatal(err)
				}
				_ = c.Close()
			}
		})
		b.Run("unary/"+name, func(b *testing.B) {
			c := startClient(b, startKeyed(b, key).addr, ClientOptions{Key: key})
			for b.Loop() {
				if err := c.Call(context.Background(), "echo", &commonpb.Node{}, &commonpb.Node{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, n := range []int{1, 4} {
			b.Run(fmt.Sprintf("write/1M/%s/c=%d", name, n), func(b *testing.B) {
				c := startClient(b, startKeyed(b, key).addr, ClientOptions{Key: key})
				in := make([]byte, 1<<20)
				b.SetBytes(1 << 20)
				parallel(b, n, func() error {
					_, err := c.CallBulk(context.Background(), "write", &dnpb.WriteRequest{BlockLength: 1 << 20}, in, nil, nil)
					return err
				})
			})
		}
	}
}

func BenchmarkBulk(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20, 4 << 20} {
		for _, c := range []int{1, 4, 32} {
			b.Run(fmt.Sprintf("write/%dK/c=%d", size>>10, c), func(b *testing.B) {
				cl := startClient(b, startServer(b).addr, ClientOptions{})
				in := make([]byte, size)
				b.SetBytes(int64(size))
				parallel(b, c, func() error {
					_, err := cl.CallBulk(context.Background(), "write", &dnpb.WriteRequest{BlockLength: uint64(size)}, in, nil, nil)
					return err
				})
			})
		}
	}
}
