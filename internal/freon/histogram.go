package freon

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is at most 1/32 of their
// values, so a quantile is right within about 3 %, in 16 KiB whatever the count.
// The zero value is empty. It is not safe for concurrent use: every worker has
// its own, and they are merged.
type Histogram struct {
	buckets  [64 * subBuckets]uint64
	count    uint64
	sum      float64 // seconds
	squares  float64
	min, max time.Duration
}

const (
	subBits    = 5
	subBuckets = 1 << subBits
)

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)]++
	if h.count == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.count++
	h.sum += d.Seconds()
	h.squares += d.Seconds() * d.Seconds()
}

// Merge adds all of other.
func (h *Histogram) Merge(other *Histogram) {
	if other.count == 0 {
		return
	}
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
	if h.count == 0 || other.min < h.min {
		h.min = other.min
	}
	h.max = max(h.max, other.max)
	h.count += other.count
	h.sum += other.sum
	h.squares += other.squares
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Min is the shortest duration, 0 when there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max is the longest duration, 0 when there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the average, 0 when there is none.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return seconds(h.sum / float64(h.count))
}

// StdDev is the standard deviation, 0 when there is none.
func (h *Histogram) StdDev() time.Duration {
	if h.count == 0 {
		return 0
	}
	mean := h.sum / float64(h.count)
	return seconds(math.Sqrt(max(0, h.squares/float64(h.count)-mean*mean)))
}

// Quantile is the duration that the fraction q of all did not exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(h.count)))
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; n > 0 && seen >= rank {
			return min(max(upperBound(i), h.min), h.max)
		}
	}
	return h.max
}

// bucketOf: values below subBuckets have a bucket each; from there on each power
// of two is cut into subBuckets.
func bucketOf(d time.Duration) int {
	v := uint64(d)
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift) - subBuckets
}

// upperBound is the largest duration of a bucket.
func upperBound(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket>>subBits - 1
	top := uint64(bucket&(subBuckets-1)+subBuckets+1)<<shift - 1
	return time.Duration(min(top, math.MaxInt64))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
