package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mini-ozone/mini-ozone/ozonetest"
)

const callers = 32

// BenchmarkPut is a durable PUT over HTTP, callers and cluster in one process: for
// profiles. The floors (command floors) use processes of their own.
func BenchmarkPut(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		b.Run(fmt.Sprintf("4KiB/replicas=%d", replicas), func(b *testing.B) {
			l := newLoad(b, replicas)
			body := make([]byte, Small)
			b.SetBytes(Small)
			parallel(b, func(n int64) error { return l.Put(b.Context(), fmt.Sprintf("small/%d", n), body) })
		})
	}
	b.Run("64MiB", func(b *testing.B) {
		l := newLoad(b, 1)
		body := make([]byte, Large)
		b.SetBytes(Large)
		for b.Loop() {
			if err := l.Put(b.Context(), "large", body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGet reads over HTTP, callers and cluster in one process.
func BenchmarkGet(b *testing.B) {
	b.Run("4KiB", func(b *testing.B) {
		l := newLoad(b, 1)
		const keys = 1000
		body := make([]byte, Small)
		for i := range keys {
			if err := l.Put(b.Context(), fmt.Sprintf("small/%d", i), body); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(Small)
		parallel(b, func(n int64) error { return l.Get(b.Context(), fmt.Sprintf("small/%d", n%keys), Small) })
	})
	b.Run("64MiB", func(b *testing.B) {
		l := newLoad(b, 1)
		if err := l.Put(b.Context(), "large", make([]byte, Large)); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(Large)
		for b.Loop() {
			if err := l.Get(b.Context(), "large", Large); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func newLoad(b *testing.B, replicas int) *Load {
	b.Helper()
	c := ozonetest.Start(b, ozonetest.Datanodes(replicas), ozonetest.Replication(replicas))
	l := NewLoad(c.Endpoint()+"/bench/", callers)
	b.Cleanup(l.Client.CloseIdleConnections)
	if err := l.Put(context.Background(), "", nil); err != nil {
		b.Fatal(err)
	}
	return l
}

// parallel runs do b.N times from as many callers as a load has, whatever the
// number of processors.
func parallel(b *testing.B, do func(n int64) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
