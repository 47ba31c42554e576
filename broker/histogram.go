package broker

import (
	"math/bits"
	"time"
)

// A Histogram counts durations by their length, in steps of two. The zero value is empty.
type Histogram struct {
	Sum    float64            // of them all, in seconds
	Counts [Bounds + 1]uint64 // of those up to Bound(i) and above the bound before; the last of those above all bounds
}

// Bounds are how many bounds a Histogram has: from 16 µs to about 18 minutes.
const Bounds = 27

const firstBound = 16 * time.Microsecond

// Bound is the i-th bound of a Histogram, counted from 0.
func Bound(i int) time.Duration { return firstBound << i }

// Add counts n durations of d each. One below zero, since a clock was set back, counts as zero.
func (h *Histogram) Add(d time.Duration, n uint64) {
	d = max(d, 0)
	i := bits.Len64(uint64(max(d-1, 0)) / uint64(firstBound))
	h.Counts[min(i, Bounds)] += n
	h.Sum += float64(d) * 1e-9 * float64(n)
}

// Count is how many there are.
func (h *Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}
