package reports

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A histogram is of latencies from 1 µs to a day, to three digits.
type histogram struct{ h *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(1, (24 * time.Hour).Microseconds(), 3)}
}

func (h histogram) record(d time.Duration) {
	// A longer one counts as the longest: the error says no more than that.
	if h.h.RecordValue(d.Microseconds()) != nil {
		_ = h.h.RecordValue(h.h.HighestTrackableValue())
	}
}

func (h histogram) quantiles() Quantiles {
	if h.h.TotalCount() == 0 {
		return Quantiles{}
	}
	at := func(q float64) time.Duration {
		return time.Duration(min(h.h.ValueAtQuantile(q), h.h.Max())) * time.Microsecond
	}
	return Quantiles{Count: int(h.h.TotalCount()), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: at(100)}
}

const (
	maxSlices    = 300
	firstSlice   = 100 * time.Millisecond
	sliceSamples = 1000 // latencies kept of a slice, for its quantiles
)

// A series is what happened over time, in slices of equal length. When there are too many, each two become one.
type series struct {
	length time.Duration
	slices []slice
}

type slice struct {
	published, acknowledged, delivered int
	samples                            []time.Duration // every stride-th latency
	stride, skipped                    int
}

// at gives the slice of a time.
func (s *series) at(now time.Duration) *slice {
	if s.length == 0 {
		s.length = firstSlice
	}
	for int(now/s.length) >= maxSlices {
		s.halve()
	}
	for len(s.slices) <= int(now/s.length) {
		s.slices = append(s.slices, slice{stride: 1})
	}
	return &s.slices[now/s.length]
}

// halve makes each two slices one, twice as long.
func (s *series) halve() {
	s.length *= 2
	for i := range s.slices {
		if i%2 == 0 {
			s.slices[i/2] = s.slices[i]
			continue
		}
		a, b := &s.slices[i/2], &s.slices[i]
		a.published += b.published
		a.acknowledged += b.acknowledged
		a.delivered += b.delivered
		for a.stride < b.stride {
			a.thin()
		}
		for b.stride < a.stride {
			b.thin()
		}
		a.samples = append(a.samples, b.samples...)
		for len(a.samples) > sliceSamples {
			a.thin()
		}
	}
	s.slices = s.slices[:(len(s.slices)+1)/2]
}

// thin keeps every other sample.
func (s *slice) thin() {
	kept := s.samples[:0]
	for i, d := range s.samples {
		if i%2 == 0 {
			kept = append(kept, d)
		}
	}
	s.samples = kept
	s.stride *= 2
}

func (s *slice) sample(d time.Duration) {
	if s.skipped++; s.skipped < s.stride {
		return
	}
	s.skipped = 0
	if s.samples = append(s.samples, d); len(s.samples) > sliceSamples {
		s.thin()
	}
}

// observe counts an operation in its slice.
func (s *series) observe(e event) {
	switch {
	case e.op.F == history.Publish && e.op.Type == history.Invoke && e.m == nil:
		s.at(e.op.Time).published++
	case e.op.F == history.Publish && e.op.Type == history.OK && !e.known():
		s.at(e.op.Time).acknowledged++
	case e.op.F == history.Deliver:
		at := s.at(e.op.Time)
		at.delivered++
		if d, ok := endToEnd(e); ok {
			at.sample(d)
		}
	}
}

// report gives the slices as they stand in a report.
func (s *series) report() []Slice {
	all := make([]Slice, len(s.slices))
	for i, v := range s.slices {
		slices.Sort(v.samples)
		all[i] = Slice{
			At: time.Duration(i) * s.length, Length: s.length,
			Published: v.published, Acknowledged: v.acknowledged, Delivered: v.delivered,
			P50: rank(v.samples, 50), P99: rank(v.samples, 99),
		}
	}
	return all
}

// rank is a percentile of sorted values by the nearest rank; 0 if there are none.
func rank(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}
