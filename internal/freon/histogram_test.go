package freon

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistogramModel compares the histogram, split over several and merged, with
// the sorted list of all durations.
func TestHistogramModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, math.MaxInt64/4), func(n int64) time.Duration {
			return time.Duration(n >> (n % 50)) // all magnitudes
		}), 1, 200).Draw(t, "durations")
		var parts [3]Histogram
		for i, d := range durations {
			parts[i%3].Add(d)
		}
		var h Histogram
		for i := range parts {
			h.Merge(&parts[i])
		}
		slices.Sort(durations)
		if h.Count() != uint64(len(durations)) || h.Min() != durations[0] || h.Max() != durations[len(durations)-1] {
			t.Fatalf("count %d, min %d, max %d of %v", h.Count(), h.Min(), h.Max(), durations)
		}
		q := rapid.Float64Range(0.001, 1).Draw(t, "q")
		exact := durations[int(math.Ceil(q*float64(len(durations))))-1]
		if got := h.Quantile(q); got < exact || float64(got) > float64(exact)*(1+1.0/subBuckets)+1 {
			t.Fatalf("quantile %g is %d, want %d", q, got, exact)
		}
	})
}

func TestBucketsAreContiguous(t *testing.T) {
	for b := 1; b < 58*subBuckets; b++ {
		first := upperBound(b-1) + 1
		if bucketOf(first) != b || bucketOf(upperBound(b)) != b {
			t.Fatalf("bucket %d: %d..%d fall into %d and %d", b, first, upperBound(b), bucketOf(first), bucketOf(upperBound(b)))
		}
	}
	if b := bucketOf(math.MaxInt64); b >= 64*subBuckets {
		t.Errorf("the longest duration falls into %d", b)
	}
}

func TestHistogramMoments(t *testing.T) {
	var h Histogram
	if h.Mean() != 0 || h.StdDev() != 0 || h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has moments")
	}
	for _, ms := range []int{2, 4, 4, 4, 5, 5, 7, 9} {
		h.Add(time.Duration(ms) * time.Millisecond)
	}
	if m, s := h.Mean().Round(time.Microsecond), h.StdDev().Round(time.Microsecond); m != 5*time.Millisecond || s != 2*time.Millisecond {
		t.Errorf("mean %s, deviation %s; want 5ms, 2ms", m, s)
	}
}
