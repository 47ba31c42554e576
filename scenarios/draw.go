package scenarios

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/parser"

	"github.com/nsqlab/nsqlab/chaos"
)

// A lot is what a swarm is drawn by.
type lot struct {
	*rand.Rand
	s     *Scenario // that gets the faults
	w     *Swarm
	kinds []chaos.Kind // of this run
}

// line draws a fault's words, as they stand in a file. What may be left out is, every other time.
func (l *lot) line(k chaos.Kind, at, length time.Duration) string {
	words := []string{"at: " + timed(at)}
	target := ""
	for _, p := range k.Params {
		if !p.Required && l.IntN(2) == 0 {
			continue
		}
		v := l.value(p, target)
		if v == "" {
			continue // there is none
		}
		if p.Name == k.Name {
			target = v
		}
		words = append(words, p.Name+": "+v)
	}
	return "{" + strings.Join(append(words, "for: "+timed(length), "may_miss: true"), ", ") + "}"
}

// value draws a parameter as it is written; target is whom the fault hits, once that is drawn.
func (l *lot) value(p chaos.Param, target string) string {
	if len(p.Draw) > 0 {
		return plain(oneOf(l.Rand, p.Draw))
	}
	switch p.Type {
	case chaos.Broker, chaos.Node, chaos.End, chaos.Consumers, chaos.Producers, chaos.Topic, chaos.Channel:
		return plain(oneOf(l.Rand, l.s.named(p.Type, target)))
	case chaos.Ends:
		return l.some(l.s.named(chaos.End, ""))
	case chaos.Way:
		return oneOf(l.Rand, []string{"in", "out", "both"})
	case chaos.Word:
		return plain(oneOf(l.Rand, p.Words))
	}
	return l.number(p.Type)
}

// number draws a parameter that is one.
func (l *lot) number(t chaos.Type) string {
	switch t {
	case chaos.Share:
		return fmt.Sprintf("%.0f%%", l.even(20, 100))
	case chaos.Number:
		return fmt.Sprint(l.IntN(10))
	case chaos.Duration:
		return timed(l.lasting(time.Millisecond, 2*time.Second))
	case chaos.Shift:
		return plain(l.sign() + timed(l.lasting(10*time.Millisecond, time.Hour)))
	case chaos.Drift:
		return plain(l.sign() + fmt.Sprintf("%.0fppm", l.even(100, 500_000)))
	case chaos.Rate:
		return fmt.Sprintf("%.0fB/s", l.even(500, 200_000))
	case chaos.Bytes:
		return fmt.Sprintf("%.0fB", l.even(10, 100_000))
	case chaos.Count:
		return fmt.Sprint(1 + l.IntN(10))
	}
	return ""
}

// named are those of a type. Of ends they are those that a target talks to, if there is one: clients talk to brokers, a node to all but itself.
func (s *Scenario) named(t chaos.Type, target string) []string {
	var producers, consumers []string
	for _, p := range s.Producers {
		producers = append(producers, p.Name)
	}
	for _, c := range s.Consumers {
		consumers = append(consumers, c.Name)
	}
	switch {
	case t == chaos.Producers:
		return producers
	case t == chaos.Consumers:
		return consumers
	case t == chaos.Topic:
		return s.topicsOf(target)
	case t == chaos.Channel:
		return s.channels(target)
	case t == chaos.Node:
		return nodeNames(s.Nodes())
	case t == chaos.Broker, slices.Contains(producers, target), slices.Contains(consumers, target):
		return nodeNames(s.Brokers)
	}
	all := slices.Concat(nodeNames(s.Nodes()), producers, consumers)
	return slices.DeleteFunc(all, func(name string) bool { return name == target })
}

// some draws one or more of some names, in any order.
func (l *lot) some(names []string) string {
	l.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return namesText(names[:1+l.IntN(len(names))])
}

// topics are all that are published to or consumed from.
func (s *Scenario) topics() (all []string) {
	for _, p := range s.Producers {
		all = append(all, p.Topic)
	}
	for _, c := range s.Consumers {
		all = append(all, c.Topic)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// channels are all that are consumed from on a broker, or on any, with their topics.
func (s *Scenario) channels(broker string) (all []string) {
	for _, c := range s.Consumers {
		if broker == "" || slices.Contains(c.On, broker) {
			all = append(all, c.Topic+"/"+c.Channel)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lasting draws a duration to the millisecond, the short ones as often as the long ones.
func (l *lot) lasting(least, most time.Duration) time.Duration {
	return max(time.Duration(l.even(float64(least), float64(most))).Truncate(time.Millisecond), time.Millisecond)
}

// sign is a minus every other time.
func (l *lot) sign() string { return oneOf(l.Rand, []string{"", "-"}) }

// even draws a number so that its logarithm is distributed evenly.
func (l *lot) even(least, most float64) float64 {
	return least * math.Exp(l.Float64()*math.Log(most/least))
}

// oneOf draws one of some words, of which there may be none.
func oneOf(rng *rand.Rand, words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[rng.IntN(len(words))]
}

// fault reads one as it stands in a file.
func (s *Scenario) fault(line string) (*Fault, error) {
	f, err := parser.ParseBytes([]byte("- "+line), 0)
	if err != nil {
		return nil, err
	}
	alone := *s
	alone.Faults = nil
	d := &decoder{file: s.File, s: &alone}
	readFaults(d, &alone, f.Docs[0].Body)
	if d.err != nil {
		return nil, d.err
	}
	return alone.Faults[0], nil
}
