package scenarios

import (
	"slices"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// minimize is ddmin: it gives a part of a list that will do and of which no single item can be left out. first gives the first of some parts
// that will do, or -1; the whole list does.
func minimize[T any](all []T, first func(parts [][]T) int) []T {
	if len(all) > 0 && first([][]T{nil}) == 0 {
		return nil
	}
	for n := 2; len(all) > 1; {
		chunks := slices.Collect(slices.Chunk(all, (len(all)+n-1)/n))
		parts := slices.Clone(chunks)
		for i := range chunks {
			if len(chunks) > 2 { // else the others are a chunk too
				parts = append(parts, slices.Concat(slices.Concat(chunks[:i]...), slices.Concat(chunks[i+1:]...)))
			}
		}
		switch i := first(parts); {
		case i < 0 && n >= len(all):
			return all
		case i < 0:
			n = min(2*n, len(all))
		case i < len(chunks):
			all, n = parts[i], 2
		default:
			all, n = parts[i], max(n-1, 2)
		}
	}
	return all
}

// partly has first try the scenarios that have only some of the items of a list; and if the load is small, those in which what is left of it
// publishes as many messages as before, for it may be just enough.
func partly[T any](k *shrinker, set func(s *Scenario, part []T)) func(parts [][]T) int {
	return func(parts [][]T) int {
		var edits []edit
		for _, p := range parts {
			edits = append(edits, func(s *Scenario) { set(s, p) })
		}
		if k.best.Messages() <= fewMessages {
			edits = append(edits, refilling(edits)...)
		}
		i := k.first(edits)
		if i < 0 {
			return i
		}
		return i % len(parts)
	}
}

// fewMessages is when a load is small.
const fewMessages = 50

// refilling are changes after which as many messages are published as before.
func refilling(edits []edit) (all []edit) {
	for _, e := range edits {
		all = append(all, func(s *Scenario) {
			before := s.Messages()
			e(s)
			if left := s.Messages(); 0 < left && left < before {
				s.slower(float64(before) / float64(left))
			}
		})
	}
	return all
}

// expectOnly leaves the promise that is broken.
func expectOnly(k *shrinker) {
	k.any(func(s *Scenario) []edit {
		return []edit{
			func(s *Scenario) { s.expectOnly(k.anomaly.Promise); s.Description = "" },
			func(s *Scenario) { s.expectOnly(k.anomaly.Promise) },
			func(s *Scenario) { s.Description = "" },
			func(s *Scenario) { s.Strict = false },
		}
	})
}

func (s *Scenario) expectOnly(promise string) {
	only := history.Expectation{Promise: promise}
	for _, e := range s.Expect {
		if e.Promise == promise {
			only = e
		}
	}
	s.Expect = []history.Expectation{only}
}

func fewerFaults(k *shrinker) {
	minimize(k.best.Faults, partly(k, func(s *Scenario, faults []*Fault) { s.Faults = cloneAll(faults) }))
}

// fewerLines shortens the load: topics first, then lines. What it leaves out, no fault can hit.
func fewerLines(k *shrinker) {
	var topics []string
	for _, p := range k.best.Producers {
		if !slices.Contains(topics, p.Topic) {
			topics = append(topics, p.Topic)
		}
	}
	minimize(topics, partly(k, (*Scenario).keepTopics))
	var names []string
	for _, p := range k.best.Producers {
		names = append(names, p.Name)
	}
	for _, c := range k.best.Consumers {
		names = append(names, c.Name)
	}
	minimize(names, partly(k, (*Scenario).keepLines))
}

func (s *Scenario) keepTopics(topics []string) {
	s.Producers = slices.DeleteFunc(s.Producers, func(p *Producer) bool { return !slices.Contains(topics, p.Topic) })
	s.Consumers = slices.DeleteFunc(s.Consumers, func(c *Consumer) bool { return !slices.Contains(topics, c.Topic) })
}

func (s *Scenario) keepLines(names []string) {
	s.Producers = slices.DeleteFunc(s.Producers, func(p *Producer) bool { return !slices.Contains(names, p.Name) })
	s.Consumers = slices.DeleteFunc(s.Consumers, func(c *Consumer) bool { return !slices.Contains(names, c.Name) })
}

// fewerNodes leaves out brokers, with the share of the load that they had or with the load left whole, and nsqlookupds.
func fewerNodes(k *shrinker) {
	minimize(nodeNames(k.best.Brokers), partly(k, func(s *Scenario, names []string) { s.keepBrokers(names, true) }))
	minimize(nodeNames(k.best.Brokers), partly(k, func(s *Scenario, names []string) { s.keepBrokers(names, false) }))
	minimize(nodeNames(k.best.Lookups), partly(k, (*Scenario).keepLookups))
}

// keepBrokers leaves out the other brokers, and what has to do with them alone.
func (s *Scenario) keepBrokers(names []string, thin bool) {
	other := func(name string) bool { return !slices.Contains(names, name) }
	s.Brokers = slices.DeleteFunc(s.Brokers, func(n sim.Node) bool { return other(n.Name) })
	for _, p := range s.Producers {
		before := len(p.To)
		if p.To = slices.DeleteFunc(p.To, other); thin && len(p.To) > 0 {
			p.Rate *= float64(len(p.To)) / float64(before)
		}
	}
	for _, c := range s.Consumers {
		c.On = slices.DeleteFunc(c.On, other)
	}
	s.Producers = slices.DeleteFunc(s.Producers, func(p *Producer) bool { return len(p.To) == 0 })
	s.Consumers = slices.DeleteFunc(s.Consumers, func(c *Consumer) bool { return len(c.On) == 0 })
}

// keepLookups leaves out the other nsqlookupds; without any, consumers know their brokers.
func (s *Scenario) keepLookups(names []string) {
	other := func(name string) bool { return !slices.Contains(names, name) }
	s.Lookups = slices.DeleteFunc(s.Lookups, func(n sim.Node) bool { return other(n.Name) })
	for i := range s.Brokers {
		s.Brokers[i].Lookupds = slices.DeleteFunc(s.Brokers[i].Lookupds, other)
	}
	for _, c := range s.Consumers {
		if len(names) == 0 {
			c.Find, c.Poll = "", 0
		}
	}
}

// fewerClients has lines with one client each, or half of them, and with one broker each.
func fewerClients(k *shrinker) {
	if k.delicate() {
		return // fewer are slower
	}
	k.any(func(s *Scenario) []edit {
		edits := []edit{func(s *Scenario) {
			for i := range s.lines() {
				*s.clientsOf(i) = 1
			}
		}}
		for i := range s.lines() {
			edits = append(edits, func(s *Scenario) { *s.clientsOf(i) = 1 }, func(s *Scenario) { *s.clientsOf(i) = max(1, *s.clientsOf(i)/2) })
		}
		for i, p := range s.Producers {
			for n := range p.To {
				edits = append(edits, func(s *Scenario) { s.Producers[i].To = s.Producers[i].To[n : n+1] })
			}
		}
		for i, c := range s.Consumers {
			for n := range c.On {
				edits = append(edits, func(s *Scenario) { s.Consumers[i].On = s.Consumers[i].On[n : n+1] })
			}
		}
		if s.Messages() <= fewMessages {
			edits = append(edits, refilling(edits)...)
		}
		return edits
	})
	k.any(func(s *Scenario) []edit {
		edits := []edit{func(s *Scenario) {
			for _, c := range s.Consumers {
				c.InFlight = 1
			}
		}}
		for i := range s.Consumers {
			edits = append(edits,
				func(s *Scenario) { s.Consumers[i].InFlight = 1 },
				func(s *Scenario) { s.Consumers[i].oneByOne() },
				func(s *Scenario) { s.Consumers[i].InFlight = max(1, s.Consumers[i].InFlight/2) },
			)
		}
		return edits
	})
}

// oneByOne has a consumer work on one message at a time, and get as many done as before.
func (c *Consumer) oneByOne() {
	c.Work = times(c.Work, 1/float64(c.InFlight))
	c.InFlight = 1
}

// lines is how many load lines there are.
func (s *Scenario) lines() int { return len(s.Producers) + len(s.Consumers) }

// clientsOf is the number of clients of a load line.
func (s *Scenario) clientsOf(line int) *int {
	if line < len(s.Producers) {
		return &s.Producers[line].Clients
	}
	return &s.Consumers[line-len(s.Producers)].Clients
}
