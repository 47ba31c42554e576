package scenarios

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// fewerSettings leaves out flags of nodes, keys of load lines and words of faults, so that their defaults hold; sizes that have to stay become smaller.
func fewerSettings(k *shrinker) {
	if k.delicate() {
		return // how long things take is told by them
	}
	k.any(func(s *Scenario) []edit {
		edits := []edit{
			func(s *Scenario) {
				for i := range s.Brokers {
					s.Brokers[i].Args = nil
				}
			},
			func(s *Scenario) { s.Links = sim.DefaultLinks },
		}
		for i, b := range s.Brokers {
			for n := range b.Args {
				edits = append(edits, func(s *Scenario) { s.Brokers[i].Args = slices.Delete(s.Brokers[i].Args, n, n+1) })
			}
		}
		for i, l := range s.Lookups {
			for n := range l.Args {
				edits = append(edits, func(s *Scenario) { s.Lookups[i].Args = slices.Delete(s.Lookups[i].Args, n, n+1) })
			}
		}
		return append(edits, smallerFlags(s)...)
	})
	k.any(func(s *Scenario) (edits []edit) {
		for _, p := range s.Producers {
			edits = append(edits, withoutKeys(producerKeys, p, "name", "to", "from")...)
		}
		for _, c := range s.Consumers {
			edits = append(edits, withoutKeys(consumerKeys, c, "name", "on", "find", "from", "in_flight", "clients")...)
		}
		return edits
	})
	k.any(func(s *Scenario) (edits []edit) {
		for i, f := range s.Faults {
			for _, words := range fewerWords(f) {
				edits = append(edits, func(s *Scenario) { s.Faults[i].Words = words })
			}
		}
		return edits
	})
}

// smallerFlags divides what brokers are told in figures.
func smallerFlags(s *Scenario) (edits []edit) {
	for i, b := range s.Brokers {
		for n, arg := range b.Args {
			name, value, _ := strings.Cut(arg, "=")
			figure, err := strconv.Atoi(value)
			if err != nil || figure < 100 {
				continue
			}
			for _, by := range []int{100, 10, 2} {
				edits = append(edits, func(s *Scenario) { s.Brokers[i].Args[n] = name + "=" + strconv.Itoa(figure/by) })
			}
		}
	}
	return edits
}

// withoutKeys leave out one key of a load line, which may be any but some.
func withoutKeys[T any](keys []key[T], line *T, but ...string) (edits []edit) {
	whole := flow(keys, line)
	for i, k := range keys {
		if k.required || slices.Contains(but, k.name) || k.get(line) == "" {
			continue
		}
		short := flow(slices.Delete(slices.Clone(keys), i, i+1), line)
		edits = append(edits, func(s *Scenario) {
			if c, err := Parse(s.File, []byte(strings.Replace(s.Text(), whole, short, 1))); err == nil {
				*s = *c
			}
		})
	}
	return edits
}

// fewerWords are a fault's words without one that may be left out.
func fewerWords(f *Fault) (all []string) {
	pairs := wordsOf(f.Words)
	for i, p := range pairs {
		needed := slices.ContainsFunc(f.Kind.Params, func(q chaos.Param) bool { return q.Name == p.name && q.Required })
		if !needed {
			all = append(all, asWritten(slices.Delete(slices.Clone(pairs), i, i+1)))
		}
	}
	return all
}

// rounderTimes makes durations shorter or rounder, and has all begin earlier.
func rounderTimes(k *shrinker) {
	k.any(func(s *Scenario) (edits []edit) {
		if first := s.firstMoment(); first > 0 {
			edits = append(edits, func(s *Scenario) { s.earlier(first) }, func(s *Scenario) { s.earlier(first / 2) })
		}
		for i, p := range s.Producers {
			edits = append(edits, func(s *Scenario) { s.Producers[i].publish(p.messages()) }) // which has fewer figures
			for _, v := range rounder(p.For, 10*time.Millisecond) {
				edits = append(edits, func(s *Scenario) { s.Producers[i].For = v; s.Producers[i].publish(p.messages()) })
			}
		}
		for i, d := range s.durations(!k.delicate()) {
			for _, v := range rounder(*d.at, d.least) {
				edits = append(edits, func(s *Scenario) { *s.durations(!k.delicate())[i].at = v })
			}
		}
		return edits
	})
}

// rounder are durations that are shorter and have fewer figures.
func rounder(d, least time.Duration) (all []time.Duration) {
	for _, v := range []time.Duration{0, figures(d/100, 1), figures(d/10, 1), figures(d/2, 1), figures(d, 1), figures(d, 2)} {
		if v < d && v >= least && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// A length is a duration of a scenario, and how short it may be.
type length struct {
	at    *time.Duration
	least time.Duration
}

// durations are all that can be shortened; without waits only those that do not bear on how long anything waits.
func (s *Scenario) durations(waits bool) (all []length) {
	add := func(least time.Duration, of ...*time.Duration) {
		for _, d := range of {
			if *d > 0 {
				all = append(all, length{d, least})
			}
		}
	}
	for _, p := range s.Producers {
		add(0, &p.From)
		add(10*time.Millisecond, &p.For, &p.Defer)
	}
	for _, c := range s.Consumers {
		add(0, &c.From, &c.Work, &c.RequeueAfter)
		add(100*time.Millisecond, &c.Poll)
		if waits {
			add(time.Millisecond, &c.Touch, &c.CrashEvery, &c.MsgTimeout)
		}
		if waits && c.CrashEvery > 0 {
			add(time.Millisecond, &c.CrashFor)
		}
	}
	for _, f := range s.Faults {
		add(0, &f.At)
		add(10*time.Millisecond, &f.For)
	}
	if waits {
		add(10*time.Second, &s.Drain)
	}
	return all
}

// firstMoment is when the first thing of the run happens.
func (s *Scenario) firstMoment() time.Duration {
	first := s.loadEnd()
	for _, d := range s.moments() {
		first = min(first, *d)
	}
	return first
}

func (s *Scenario) earlier(by time.Duration) {
	for _, d := range s.moments() {
		*d = max(0, *d-by)
	}
}

// moments are when producers begin and faults come.
func (s *Scenario) moments() (all []*time.Duration) {
	for _, p := range s.Producers {
		all = append(all, &p.From)
	}
	for _, f := range s.Faults {
		all = append(all, &f.At)
	}
	return all
}
