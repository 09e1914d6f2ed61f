package freon

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Report is what a run came to.
type Report struct {
	Name     string
	Latency  Histogram // of successful operations
	Failures int64
	Bytes    int64
	Elapsed  time.Duration
	Err      error // the first failure, or why the run stopped early
}

// Successes counts successful operations.
func (r *Report) Successes() int64 { return int64(r.Latency.Count()) }

func (r *Report) fail(err error) {
	r.Failures++
	if r.Err == nil {
		r.Err = err
	}
}

func (r *Report) merge(other *Report) {
	r.Latency.Merge(&other.Latency)
	r.Failures += other.Failures
	r.Bytes += other.Bytes
	if r.Err == nil {
		r.Err = other.Err
	}
}

// Print writes the report in Ozone's form, whose last three lines programs read.
func (r *Report) Print(w io.Writer) error {
	elapsed := max(r.Elapsed.Seconds(), 1e-9)
	title := "-- Timers "
	fmt.Fprintf(w, "%s%s\n%s\n", title, strings.Repeat("-", 80-len(title)), r.Name)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%18s "+format+"\n", append([]any{name}, args...)...)
	}
	line("count", "= %d", r.Latency.Count())
	line("mean rate", "= %.2f calls/second", float64(r.Latency.Count())/elapsed)
	if r.Bytes > 0 {
		line("throughput", "= %s/second", humanize.IBytes(uint64(float64(r.Bytes)/elapsed)))
	}
	line("min", "= %s", milliseconds(r.Latency.Min()))
	line("max", "= %s", milliseconds(r.Latency.Max()))
	line("mean", "= %s", milliseconds(r.Latency.Mean()))
	line("stddev", "= %s", milliseconds(r.Latency.StdDev()))
	line("median", "= %s", milliseconds(r.Latency.Quantile(0.5)))
	for _, q := range []float64{0.75, 0.95, 0.98, 0.99, 0.999} {
		line(fmt.Sprintf("%g%%", q*100), "<= %s", milliseconds(r.Latency.Quantile(q)))
	}
	_, err := fmt.Fprintf(w, "\nTotal execution time (sec): %.0f\nFailures: %d\nSuccessful executions: %d\n",
		r.Elapsed.Seconds(), r.Failures, r.Successes())
	return err
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f milliseconds", float64(d)/float64(time.Millisecond))
}
