package scenarios

import (
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// clone is a scenario that can be changed without the other.
func (s *Scenario) clone() *Scenario {
	c := *s
	c.Lookups, c.Brokers = slices.Clone(s.Lookups), slices.Clone(s.Brokers)
	for _, nodes := range [][]sim.Node{c.Lookups, c.Brokers} {
		for i := range nodes {
			nodes[i].Args, nodes[i].Lookupds = slices.Clone(nodes[i].Args), slices.Clone(nodes[i].Lookupds)
		}
	}
	c.Producers, c.Consumers, c.Faults = cloneAll(s.Producers), cloneAll(s.Consumers), cloneAll(s.Faults)
	for _, p := range c.Producers {
		p.To = slices.Clone(p.To)
	}
	for _, l := range c.Consumers {
		l.On = slices.Clone(l.On)
	}
	c.Expect = slices.Clone(s.Expect)
	return &c
}

func cloneAll[T any](all []*T) []*T {
	c := make([]*T, len(all))
	for i, v := range all {
		one := *v
		c[i] = &one
	}
	return c
}

// mended is a scenario that was changed as the loader reads it: a fault that would come when the load is over comes at its end, and one whose target
// is gone is gone too. It is nil if that is not enough.
func (s *Scenario) mended() *Scenario {
	if len(s.Brokers) == 0 || len(s.Producers) == 0 || slices.ContainsFunc(s.Producers, func(p *Producer) bool { return p.Rate <= 0 || p.For <= 0 }) {
		return nil
	}
	end := s.loadEnd()
	for _, f := range s.Faults {
		if f.At >= end {
			f.At = max(0, end-time.Millisecond)
		}
	}
	if c := s.read(); c != nil {
		return c
	}
	c := *s
	c.Faults = nil
	if c.read() == nil {
		return nil
	}
	faults := slices.DeleteFunc(slices.Clone(s.Faults), func(f *Fault) bool {
		c.Faults = []*Fault{f}
		return c.read() == nil
	})
	if len(faults) == len(s.Faults) {
		return nil
	}
	c.Faults = faults
	return c.read()
}

// read is the scenario as it is read from its text; nil if that is refused.
func (s *Scenario) read() *Scenario {
	c, err := Parse(s.File, []byte(s.Text()))
	if err != nil {
		return nil
	}
	return c
}
