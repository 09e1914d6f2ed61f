package raftnode

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// BenchmarkPropose commits keys without blocks through log, fsync and table.
func BenchmarkPropose(b *testing.B) {
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			n := openOne(b, oneConfig(b, b.TempDir()))
			defer closeNode(b, n)
			mustPropose(b, n, createVolume("vol"))
			mustPropose(b, n, createBucket("vol", "bucket"))
			before, cpu := n.Stats(), cpuTime(b)
			b.ResetTimer()
			parallel(b, callers, func(i int64) error {
				req := commitKey("vol", "bucket", fmt.Sprintf("key-%012d", i))
				req.ClientId, req.Sequence, req.AckedBelow = "bench", uint64(i)+1, uint64(max(i-1000, 0))
				resp, err := n.Propose(context.Background(), req)
				if err == nil {
					err = ozerr.FromProto(resp.Error)
				}
				return err
			})
			b.StopTimer()
			after := n.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
			b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "cpu-us/op")
			b.ReportMetric(float64(b.N)/float64(after.Entries-before.Entries), "op/entry")
		})
	}
}

// BenchmarkReadIndex asks for a linearizable point in time.
func BenchmarkReadIndex(b *testing.B) {
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprintf("voters=1/callers=%d", callers), func(b *testing.B) {
			n := openOne(b, oneConfig(b, b.TempDir()))
			defer closeNode(b, n)
			b.ResetTimer()
			parallel(b, callers, func(int64) error { return n.ReadIndex(context.Background()) })
		})
		b.Run(fmt.Sprintf("voters=3/callers=%d", callers), func(b *testing.B) {
			n := newCluster(b, calm).leader()
			b.ResetTimer()
			parallel(b, callers, func(int64) error { return n.ReadIndex(context.Background()) })
		})
	}
}

// calm timeouts: the callers and three voters share the machine.
func calm(c *Config) {
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaseTimeout = 5*time.Second, 5*time.Second, 5*time.Second
}

func parallel(b *testing.B, callers int, f func(i int64) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// cpuTime of this process, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
