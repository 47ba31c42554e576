package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// spreadTime is how long a channel has to be there, without a fault, until it counts as known to the nsqlookupds of its broker.
const spreadTime = 2 * time.Second

// NoMissedStart: a channel that is there on a broker, and so known to its nsqlookupds, before a topic comes to be on another broker that asks no
// other nsqlookupds gets the topic's messages there from the first on. It is seen on brokers where the channel is consumed, and in the
// messages that were published before it was; later ones are no-loss's. A broker that was ended in between has no part in it.
var NoMissedStart = Checker{
	Name:    "no-missed-start",
	Promise: "A channel that is known elsewhere gets a new topic's messages from the first on.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &starts{check: &check{}, ledger: g, births: map[[2]string]time.Duration{}, channels: map[[2]string][]*start{}}
		c.observe = c.see
		c.finish = c.end
		return c.check
	},
}

// starts are what no-missed-start finds.
type starts struct {
	*check
	*ledger
	births   map[[2]string]time.Duration // by node and topic: when it came to be at the latest
	channels map[[2]string][]*start      // by topic and channel: in order of their first SUBs
	missed   int
}

// A start is a channel on a node.
type start struct {
	queue *queue
	at    time.Duration // of the first SUB that was answered
}

// see notes when topics and channels are there first.
func (c *starts) see(e event) {
	op := e.op
	published, subscribed := op.F == history.Publish && op.Type == history.Invoke, op.F == history.Subscribe && op.Type == history.OK
	if !published && !subscribed {
		return
	}
	if _, born := c.births[[2]string{op.Node, op.Topic}]; !born {
		c.births[[2]string{op.Node, op.Topic}] = op.Time
	}
	if !subscribed || e.q == nil || e.q.ephemeral {
		return
	}
	key := [2]string{op.Topic, op.Channel}
	q := c.queue(op)
	if !slices.ContainsFunc(c.channels[key], func(s *start) bool { return s.queue == q }) {
		c.channels[key] = append(c.channels[key], &start{q, op.Time})
	}
}

// end judges each message that was acknowledged before a channel was consumed that was known before the topic was there.
func (c *starts) end() {
	owed := map[[2]string][]*start{} // by node and topic
	for _, all := range c.channels { // each for itself: the order does not matter
		for _, s := range all {
			if key := [2]string{s.queue.node, s.queue.topic}; c.known(s, all) {
				owed[key] = append(owed[key], s)
			}
		}
	}
	for _, all := range owed {
		slices.SortFunc(all, func(a, b *start) int { return int(a.at - b.at) })
	}
	for _, m := range c.sorted() {
		if m.fate != history.OK || c.permitted(m) != nil {
			continue
		}
		for _, s := range owed[[2]string{m.node, m.topic}] {
			if m.begun < s.at {
				c.message(m, s)
			}
		}
	}
	c.Summary = fmt.Sprintf("%d messages of new topics, none missed", c.Events)
	if c.missed > 0 {
		c.Summary = fmt.Sprintf("%d of %d messages of new topics missed", c.missed, c.Events)
	}
	c.needDrain(c.ledger)
}

// message judges one that a channel is owed.
func (c *starts) message(m *message, s *start) {
	c.Events++
	switch q := s.queue; {
	case m.life(q) != nil:
	case c.ledger.end != history.OK:
		c.missed++
		c.find(Unknown, m.answered, m.id, "acknowledged by %s, and missed by %s/%s, when the drain was given up", m.node, q.topic, q.channel)
	default:
		c.missed++
		c.find(Invalid, m.answered, m.id, "acknowledged by %s, and missed by %s/%s, which was known elsewhere before", m.node, q.topic, q.channel)
	}
}

// known says whether a channel was known elsewhere before its topic came to be on its node. all are where the channel is.
func (c *starts) known(s *start, all []*start) bool {
	birth := c.births[[2]string{s.queue.node, s.queue.topic}]
	return slices.ContainsFunc(all, func(other *start) bool {
		from := other.queue.node
		return from != s.queue.node && c.tells(from, s.queue.node) && c.spread(other.at, birth) && !c.ended(from, other.at, s.at)
	})
}

// tells says whether what a broker has is known to all nsqlookupds that another asks.
func (c *starts) tells(from, to string) bool {
	asked := c.head.Lookups[to]
	for _, l := range asked {
		if !slices.Contains(c.head.Lookups[from], l) {
			return false
		}
	}
	return len(asked) > 0
}

// spread says whether there was time without a fault, from a to b, for what was there at a to be known.
func (c *starts) spread(a, b time.Duration) bool {
	calm := func(from time.Duration) bool {
		return from >= a && from+spreadTime <= b && !c.disturbed(from, from+spreadTime)
	}
	return calm(a) || slices.ContainsFunc(c.faults, func(h hardship) bool { return h.To >= 0 && calm(h.To+1) })
}
