package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The latencies that can be told apart: three digits from a microsecond to ten minutes.
const (
	minLatency    = time.Microsecond
	maxLatency    = 10 * time.Minute
	latencyDigits = 3
)

// A latency gathers the latencies that one goroutine sees.
type latency struct {
	histogram *hdrhistogram.Histogram
	value     time.Duration // seen times times, and not in the histogram yet: those of one read are often equal
	times     int
}

func newLatency() *latency {
	return &latency{histogram: hdrhistogram.New(int64(minLatency), int64(maxLatency), latencyDigits)}
}

// add notes that n messages took so long.
func (l *latency) add(d time.Duration, n int) {
	if d != l.value {
		l.settle()
		l.value = d
	}
	l.times += n
}

// settle brings the histogram up to date.
func (l *latency) settle() {
	v := min(max(l.value, 0), maxLatency)
	_ = l.histogram.RecordValues(int64(v), int64(l.times)) // it is in range
	l.times = 0
}

// summary adds them up; nil if there are none.
func summary(of string, all []*latency) *Latency {
	sum := newLatency().histogram
	for _, l := range all {
		l.settle()
		sum.Merge(l.histogram)
	}
	if sum.TotalCount() == 0 {
		return nil
	}
	at := func(quantile float64) float64 { return time.Duration(sum.ValueAtQuantile(quantile)).Seconds() }
	return &Latency{
		Of: of, Count: sum.TotalCount(), P50: at(50), P99: at(99), P999: at(99.9), Max: time.Duration(sum.Max()).Seconds(),
	}
}
