package freon

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestRunDoesEachOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[int64]int{}
	var last atomic.Int64
	o := Options{Tests: 1000, Threads: 7, Progress: func(done int64, _ time.Duration) { last.Store(done) }}
	r := Run(t.Context(), o, "x", func(_ context.Context, n int64) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		seen[n]++
		return 3, nil
	})
	if r.Err != nil || r.Successes() != 1000 || r.Failures != 0 || r.Bytes != 3000 || len(seen) != 1000 || last.Load() != 1000 {
		t.Errorf("%d done, %d different, %d bytes, progress %d, %v", r.Successes(), len(seen), r.Bytes, last.Load(), r.Err)
	}
}

func TestRunStopsAtAFailure(t *testing.T) {
	broken := errors.New("broken")
	task := func(ctx context.Context, n int64) (int64, error) {
		if n == 10 {
			return 0, broken
		}
		if n > 10 { // only ends because the failure of 10 ends it
			<-ctx.Done()
			return 0, ctx.Err()
		}
		return 0, nil
	}
	r := Run(t.Context(), Options{Tests: 1 << 40, Threads: 4}, "x", task)
	if !errors.Is(r.Err, broken) || r.Failures != 1 || r.Successes() != 10 {
		t.Errorf("%d succeeded, %d failed, %v", r.Successes(), r.Failures, r.Err)
	}
}

func TestRunGoesOnAfterFailures(t *testing.T) {
	broken := errors.New("broken")
	r := Run(t.Context(), Options{Tests: 100, Threads: 4, FailAtEnd: true}, "x", func(_ context.Context, n int64) (int64, error) {
		if n%10 == 0 {
			return 0, broken
		}
		return 0, nil
	})
	if !errors.Is(r.Err, broken) || r.Failures != 10 || r.Successes() != 90 {
		t.Errorf("%d succeeded, %d failed, %v", r.Successes(), r.Failures, r.Err)
	}
}

func TestRunEnds(t *testing.T) {
	wait := func(ctx context.Context, _ int64) (int64, error) {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
			return 0, nil
		}
	}
	t.Run("with the time", func(t *testing.T) {
		r := Run(t.Context(), Options{Tests: 1, Duration: 50 * time.Millisecond, Threads: 2}, "x", wait)
		if r.Err != nil || r.Successes() < 2 || r.Elapsed < 50*time.Millisecond {
			t.Errorf("%d in %s, %v", r.Successes(), r.Elapsed, r.Err)
		}
	})
	t.Run("when interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := Run(ctx, Options{Tests: 1 << 40, Threads: 2}, "x", func(ctx context.Context, n int64) (int64, error) {
			if n == 5 {
				cancel()
			}
			return wait(ctx, n)
		})
		if !errors.Is(r.Err, context.Canceled) || r.Failures != 0 {
			t.Errorf("%d failed, %v", r.Failures, r.Err)
		}
	})
}

func TestRandomPrefix(t *testing.T) {
	a, b := RandomPrefix(), RandomPrefix()
	if a == b || len(a) != 10 || a[0] != 'f' {
		t.Error(a, b)
	}
}

// TestReportText compares with testdata/report.txt; scripts read its last lines.
func TestReportText(t *testing.T) {
	r := Report{Name: "ockg", Failures: 2, Bytes: 10 << 20, Elapsed: 4600 * time.Millisecond}
	for i := range 1000 {
		r.Latency.Add(time.Duration(i+1) * 100 * time.Microsecond)
	}
	var got bytes.Buffer
	if err := r.Print(&got); err != nil {
		t.Fatal(err)
	}
	rk := RandomKeysReport{Keys: r, Elapsed: 3723004 * time.Millisecond, validate: true}
	rk.Volumes.Latency.Add(5 * time.Millisecond)
	rk.Validated.Failures = 1
	if err := rk.Print(&got); err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/report.txt", got.Bytes())
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v; got\n%s", err, got)
	}
}
