package freon

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Task does operation number n and returns how many bytes of objects it moved.
// It is called from several goroutines, each n once.
type Task func(ctx context.Context, n int64) (bytes int64, err error)

// Options say how much load to make.
type Options struct {
	Tests     int64         // how many operations
	Duration  time.Duration // if set: go on for so long, however many that makes
	Threads   int           // operations at a time
	FailAtEnd bool          // go on after a failure
	// Progress, if set, is told a few times a second, from one goroutine, how many
	// operations are over, failed ones included, and how long it has taken.
	Progress func(done int64, elapsed time.Duration)
}

// progressInterval is the time between two calls of Options.Progress.
const progressInterval = 200 * time.Millisecond

// RandomPrefix is a prefix for names that no other run has: ten small letters
// and digits, of which the first is a letter.
func RandomPrefix() string { return "f" + strings.ToLower(rand.Text()[:9]) }

// Run runs task and returns when every operation that was begun has ended. It
// stops early when ctx ends, and, unless FailAtEnd is set, after a failure.
func Run(ctx context.Context, o Options, name string, task Task) Report {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{options: o, task: task, stop: stop}
	if o.Duration > 0 {
		r.end = time.Now().Add(o.Duration)
	}
	start := time.Now()
	endProgress := r.showProgress(start)
	var workers sync.WaitGroup
	for range o.Threads {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()
	endProgress()
	r.report.Name, r.report.Elapsed = name, time.Since(start)
	if r.report.Err == nil {
		r.report.Err = context.Cause(ctx) // interrupted
	}
	return r.report
}

// run is one Run.
type run struct {
	options Options
	task    Task
	stop    context.CancelCauseFunc
	end     time.Time // zero: no end but the count
	next    atomic.Int64
	done    atomic.Int64

	mu     sync.Mutex
	report Report
}

// work takes numbers until there are no more.
func (r *run) work(ctx context.Context) {
	var mine Report
	for ctx.Err() == nil {
		n := r.next.Add(1) - 1
		if r.over(n) {
			break
		}
		began := time.Now()
		bytes, err := r.task(ctx, n)
		r.done.Add(1)
		if err != nil {
			if ctx.Err() != nil { // not its own failure
				break
			}
			mine.fail(err)
			if !r.options.FailAtEnd {
				r.stop(err)
			}
			continue
		}
		mine.Latency.Add(time.Since(began))
		mine.Bytes += bytes
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.merge(&mine)
}

func (r *run) over(n int64) bool {
	if r.end.IsZero() {
		return n >= r.options.Tests
	}
	return !time.Now().Before(r.end)
}

// showProgress calls Progress until the function it returns is called.
func (r *run) showProgress(start time.Time) func() {
	if r.options.Progress == nil {
		return func() {}
	}
	tell := func() { r.options.Progress(r.done.Load(), time.Since(start)) }
	quit := make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-quit:
				tell()
				return
			}
		}
	})
	return func() {
		close(quit)
		teller.Wait()
	}
}
