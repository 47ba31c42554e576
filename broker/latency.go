package broker

import (
	"math"
	"math/bits"
	"time"
)

// A Percentile is the time that a fraction of the messages did not take longer than, to within one part in a hundred.
type Percentile struct {
	Quantile float64
	Value    time.Duration
}

// LatencyStats are of the time from publication to FIN, of the messages finished in about the last latency window. Percentiles is nil if
// none are asked for, and for a topic without channels.
type LatencyStats struct {
	Count       uint64
	Percentiles []Percentile // as Options.LatencyPercentiles has them
}

// A latency is what a channel knows of the time from publication to FIN: a sketch of this half of the window, and one of the half before, so
// that it tells of half a window at the least and of a whole one at the most, as in nsqd.
type latency struct {
	half  int64 // of the window, in ticks
	until int64 // when this half ends
	this  sketch
	last  sketch
}

// newLatency gives what a channel needs for the percentiles that are asked for, nil if none are.
func (o *Options) newLatency() *latency {
	if len(o.LatencyPercentiles) == 0 {
		return nil
	}
	return &latency{half: max(int64(o.LatencyWindow)/2, 1)}
}

// turn begins another half of the window if this one is over.
func (l *latency) turn(tick int64) {
	if tick < l.until {
		return
	}
	halves := (tick-l.until)/l.half + 1
	l.until += halves * l.half
	if l.last = l.this; halves > 1 {
		l.last = sketch{}
	}
	l.this = sketch{}
}

// add counts a FIN.
func (l *latency) add(tick int64, d time.Duration) {
	l.turn(tick)
	l.this.add(d)
}

// addTo adds what is known at a time to a sketch.
func (l *latency) addTo(total *sketch, tick int64) {
	l.turn(tick)
	total.merge(&l.this)
	total.merge(&l.last)
}

// steps are how many parts an octave of a sketch has, equally long. The middle of a part is within 1/128 of all that is in it.
const (
	stepBits = 6
	steps    = 1 << stepBits
)

// A sketch counts durations by octaves and by steps of each, so finely that every percentile of them can be told to within one part in a
// hundred, and takes half a kilobyte for each octave that occurs. Two of them merge to what one of all would be.
type sketch struct {
	count   uint64
	octaves [64 - stepBits]*[steps]uint64 // the first has a step for each nanosecond, as has the second
}

// add counts a duration.
func (s *sketch) add(d time.Duration) {
	v := uint64(max(d, 0))
	octave := max(bits.Len64(v)-stepBits, 0)
	step := v >> max(octave-1, 0) & (steps - 1)
	if s.octaves[octave] == nil {
		s.octaves[octave] = new([steps]uint64)
	}
	s.octaves[octave][step]++
	s.count++
}

// value is the middle of a step.
func value(octave, step int) time.Duration {
	if octave == 0 {
		return time.Duration(step)
	}
	width := time.Duration(1) << (octave - 1)
	return time.Duration(steps+step)*width + width/2
}

func (s *sketch) merge(other *sketch) {
	s.count += other.count
	for i, from := range other.octaves {
		if from == nil {
			continue
		}
		if s.octaves[i] == nil {
			s.octaves[i] = new([steps]uint64)
		}
		for step, n := range from {
			s.octaves[i][step] += n
		}
	}
}

// quantile is the duration that a fraction of all did not pass, 0 of none.
func (s *sketch) quantile(q float64) time.Duration {
	left := uint64(math.Ceil(q * float64(s.count)))
	if s.count == 0 {
		return 0
	}
	var longest time.Duration
	for octave, all := range s.octaves {
		if all == nil {
			continue
		}
		for step, n := range all {
			if n == 0 {
				continue
			}
			longest = value(octave, step)
			if n >= left {
				return longest
			}
			left -= n
		}
	}
	return longest
}

// stats are what a sketch tells about the percentiles that are asked for.
func (s *sketch) stats(asked Percentiles) LatencyStats {
	st := LatencyStats{Count: s.count, Percentiles: make([]Percentile, 0, len(asked))}
	for _, q := range asked {
		st.Percentiles = append(st.Percentiles, Percentile{q, s.quantile(q)})
	}
	return st
}

// addLatency adds to a topic's figures what its channels know of the latency, and what that is of all of them in one.
func (t *topic) addLatency(tick int64, st *TopicStats) {
	asked := t.broker.opts.LatencyPercentiles
	if len(asked) == 0 || len(st.Channels) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var all sketch
	for i := range st.Channels {
		var one sketch
		if c := t.channel(st.Channels[i].Name); c != nil { // it may be gone meanwhile
			c.latency.addTo(&one, tick)
		}
		st.Channels[i].Latency = one.stats(asked)
		all.merge(&one)
	}
	st.Latency = all.stats(asked)
}
