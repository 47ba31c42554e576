package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
)

// hardlyAny has the load publish ten messages or less at once, for all that follows is quick then.
func hardlyAny(k *shrinker) {
	var edits []edit
	total := k.best.Messages()
	for _, n := range between(0, total) {
		if share := float64(n) / float64(total); n <= 10 {
			edits = append(edits, func(s *Scenario) { s.slower(share) }, func(s *Scenario) { s.squeeze(share) })
		}
	}
	k.first(lessening(edits))
}

// fewerMessages has the load publish less: a few messages in all, else a part of them. How depends on what the anomaly needs, so all ways are tried:
// a slower load, also with consumers as much slower, or with bodies as much larger; a shorter run; and a stretch of it.
func fewerMessages(k *shrinker) {
	least := 0 // so many are not enough
	for k.ctx.Err() == nil {
		total := k.best.Messages()
		var edits []edit
		var numbers []int // of messages, by edit
		for _, n := range between(least, total) {
			edits = append(edits, thinner(k, n)...)
			for len(numbers) < len(edits) {
				numbers = append(numbers, n)
			}
		}
		i := k.first(lessening(edits))
		if i < 0 {
			break
		}
		for _, n := range numbers[:i] {
			if n < k.best.Messages() {
				least = max(least, n)
			}
		}
	}
	k.any(func(s *Scenario) []edit { return lessening(shorterLines(s)) })
}

// thinner are ways to publish about n messages.
func thinner(k *shrinker, n int) []edit {
	share := float64(n) / float64(k.best.Messages())
	edits := []edit{func(s *Scenario) { s.slower(share) }, func(s *Scenario) { s.squeeze(share) }}
	edits = append(edits, stretches(k.best, share)...)
	if k.delicate() || share < 1.0/maxFactor {
		return edits
	}
	return append(edits,
		func(s *Scenario) { s.slower(share); s.slowMotion(1 / share) },
		func(s *Scenario) { s.slower(share); s.heavier(1 / share) },
		func(s *Scenario) { s.squeeze(share); s.heavier(1 / share) },
		func(s *Scenario) { s.slower(share); s.tighter(share) },
		func(s *Scenario) { s.squeeze(share); s.tighter(share) },
		func(s *Scenario) { s.slower(share); s.requeueMore(1 / share) },
		func(s *Scenario) { s.squeeze(share); s.heavier(1 / share); s.requeueMore(1 / share) },
	)
}

// requeueMore has consumers that requeue do it more often, up to every second time.
func (s *Scenario) requeueMore(factor float64) {
	for _, c := range s.Consumers {
		if c.Requeue > 0 {
			c.Requeue = max(c.Requeue, math.Round(min(0.5, c.Requeue*factor)*100)/100)
		}
	}
}

// tighter has files and disks hold less.
func (s *Scenario) tighter(share float64) {
	for _, b := range s.Brokers {
		for i, arg := range b.Args {
			if size, ok := strings.CutPrefix(arg, fileSize); ok {
				if n, err := strconv.ParseFloat(size, 64); err == nil {
					b.Args[i] = fileSize + strconv.Itoa(max(1, int(n*share)))
				}
			}
		}
	}
	for _, f := range s.Faults {
		for _, p := range f.Kind.Params {
			if n := f.Args.Counts[p.Name]; p.Type == chaos.Bytes && n > 0 {
				f.Words = strings.Replace(f.Words, worded(f, p.Name), fmt.Sprintf("%s: %dB", p.Name, max(1, int64(float64(n)*share))), 1)
			}
		}
	}
}

const fileSize = "--max-bytes-per-file="

// worded is a parameter as it stands among a fault's words.
func worded(f *Fault, name string) string {
	for _, p := range wordsOf(f.Words) {
		if p.name == name {
			return asWritten([]pair{p})
		}
	}
	return ""
}

// lessening are those of some changes that make the messages fewer: of another, nothing is left to be read.
func lessening(edits []edit) (all []edit) {
	for _, e := range edits {
		all = append(all, func(s *Scenario) {
			before := s.Messages()
			if e(s); s.Messages() >= before {
				s.Producers = nil
			}
		})
	}
	return all
}

const (
	maxFactor = 30     // by which consumers may become slower, or bodies larger, in one change
	maxSize   = 20_000 // bytes that a body may grow to
)

// between are numbers of messages to try that are more than least and less than total, the boldest first.
func between(least, total int) (all []int) {
	some := []int{1, 2, 3, 5, 7, 10, total / 100, total / 30, total / 10, total / 3, total * 2 / 3, total - 1}
	if least > 0 {
		gap := total - least
		some = []int{least + gap/4, least + gap/2, least + gap*3/4, total - 1}
	}
	for _, n := range some {
		if n > least && n < total && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// slower has each producer publish a share of its messages in the same time.
func (s *Scenario) slower(share float64) {
	for _, p := range s.Producers {
		p.publish(int(math.Round(float64(p.messages()) * share)))
	}
}

// publish sets the rate that makes it so many messages, one at least for each client.
func (p *Producer) publish(n int) {
	n = max(n, p.clients())
	least, most := float64(n-1)/p.For.Seconds(), float64(n)/p.For.Seconds()
	for digits := 1; digits < 6; digits++ {
		if p.Rate, _ = strconv.ParseFloat(strconv.FormatFloat(most, 'e', digits-1, 64), 64); p.Rate > least && p.Rate <= most && p.messages() == n {
			return
		}
	}
	p.Rate = (least + most) / 2
}

// slowMotion has consumers take more time for all they do.
func (s *Scenario) slowMotion(factor float64) {
	for _, c := range s.Consumers {
		for _, d := range []*time.Duration{&c.Work, &c.Touch, &c.RequeueAfter} {
			*d = times(*d, factor)
		}
	}
}

// heavier makes bodies larger.
func (s *Scenario) heavier(factor float64) {
	for _, p := range s.Producers {
		p.Size = int(min(float64(p.Size)*factor, max(maxSize, float64(p.Size))))
	}
}

// squeeze has load and faults take less time, with the load as dense as before.
func (s *Scenario) squeeze(share float64) {
	for _, p := range s.Producers {
		p.From, p.For = times(p.From, share), max(times(p.For, share), time.Millisecond)
	}
	for _, c := range s.Consumers {
		c.From = times(c.From, share)
	}
	for _, f := range s.Faults {
		f.At = times(f.At, share)
		if f.For > 0 {
			f.For = max(times(f.For, share), time.Millisecond)
		}
	}
}

// times is a multiple of a duration, with three figures.
func times(d time.Duration, factor float64) time.Duration {
	return figures(time.Duration(float64(d)*factor), 3)
}

// figures rounds a duration down to so many figures.
func figures(d time.Duration, n int) time.Duration {
	unit := time.Microsecond
	for most := math.Pow10(n); d.Seconds()/unit.Seconds() >= most; {
		unit *= 10
	}
	return d.Truncate(unit)
}

// stretches are the load's that are as long as a share of it: at its beginning and its end, and before, around and after each fault.
func stretches(s *Scenario, share float64) (edits []edit) {
	end := s.loadEnd()
	length := times(end, share)
	if length < time.Millisecond {
		return nil
	}
	from := []time.Duration{0, end - length}
	for _, f := range s.Faults[:min(len(s.Faults), 4)] {
		from = append(from, f.At-length+time.Millisecond, f.At-length/2, f.At+f.For)
	}
	for _, a := range from {
		if a >= 0 && a+length <= end {
			edits = append(edits, func(s *Scenario) { s.stretch(a, a+length) })
		}
	}
	return edits
}

// stretch keeps what is published in a stretch of time, which begins the run. Faults before it come at its beginning.
func (s *Scenario) stretch(from, to time.Duration) {
	s.Producers = slices.DeleteFunc(s.Producers, func(p *Producer) bool {
		a, b := max(p.From, from), min(p.From+p.For, to)
		p.From, p.For = a-from, b-a
		return p.For <= 0
	})
	for _, c := range s.Consumers {
		c.From = max(0, c.From-from)
	}
	for _, f := range s.Faults {
		f.At = max(0, f.At-from)
	}
}

// shorterLines has a single line publish less, at its beginning or its end.
func shorterLines(s *Scenario) (edits []edit) {
	if len(s.Producers) == 1 {
		return nil
	}
	for i, p := range s.Producers {
		for _, n := range between(0, p.messages()) {
			length := times(p.For, float64(n)/float64(p.messages()))
			if length < time.Millisecond {
				continue
			}
			edits = append(edits,
				func(s *Scenario) { s.Producers[i].publish(n) },
				func(s *Scenario) { s.Producers[i].For = length },
				func(s *Scenario) { s.Producers[i].From, s.Producers[i].For = p.From+p.For-length, length },
			)
		}
	}
	return edits
}
