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

// fewLatencies is how many latencies are kept as they are, since a histogram takes more memory.
const fewLatencies = 4096

// A latency gathers the latencies that one goroutine sees.
type latency struct {
	few       []seen
	histogram *hdrhistogram.Histogram // nil: all are in few
	last      seen                    // and in neither yet: those of one read are often equal
}

// seen is a latency that was seen so many times.
type seen struct {
	value time.Duration
	times int
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(minLatency), int64(maxLatency), latencyDigits)
}

// add notes that n messages took so long.
func (l *latency) add(d time.Duration, n int) {
	if d != l.last.value {
		l.settle()
		l.last.value = d
	}
	l.last.times += n
}

// settle takes the last in.
func (l *latency) settle() {
	if l.last.times == 0 {
		return
	}
	l.few = append(l.few, l.last)
	l.last.times = 0
	if len(l.few) >= fewLatencies {
		if l.histogram == nil {
			l.histogram = newHistogram()
		}
		l.empty(l.histogram)
	}
}

// empty moves the few to a histogram.
func (l *latency) empty(h *hdrhistogram.Histogram) {
	for _, s := range l.few {
		_ = h.RecordValues(int64(min(max(s.value, 0), maxLatency)), int64(s.times)) // it is in range
	}
	l.few = l.few[:0]
}

// summary adds them up; nil if there are none.
func summary(of string, all []*latency) *Latency {
	sum := newHistogram()
	for _, l := range all {
		l.settle()
		l.empty(sum)
		if l.histogram != nil {
			sum.Merge(l.histogram)
		}
	}
	if sum.TotalCount() == 0 {
		return nil
	}
	at := func(quantile float64) float64 { return time.Duration(sum.ValueAtQuantile(quantile)).Seconds() }
	return &Latency{
		Of: of, Count: sum.TotalCount(), P50: at(50), P99: at(99), P999: at(99.9), Max: time.Duration(sum.Max()).Seconds(),
	}
}
