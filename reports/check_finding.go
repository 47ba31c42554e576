package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// findWithin is how long a consumer may look for a producer, if the expectation sets no limit: a few questions, and for the producer the time
// to notice that it is not registered, and to connect.
const findWithin = 5 * time.Second

// FindsProducers: a consumer that asks nsqlookupds who has its topic is connected to each broker that has, within a while. A broker has a topic
// once it has acknowledged a message of it, until something ends the broker that may lose the topic; an ephemeral one may end at any time. The while counts from a question
// that is asked when no fault is on and no connection suffers any more by one that was, as long as no fault comes and no longer time goes by between two questions.
var FindsProducers = Checker{
	Name:    "finds-producers",
	Promise: "A consumer that looks up its topic finds every broker that has it.",
	Limits:  []string{"within"},
	Start: func(g *ledger, e history.Expectation) *check {
		c := &findings{check: &check{}, ledger: g, within: findWithin}
		if d, ok := e.Limits["within"]; ok {
			c.within = d
		}
		c.observe = c.see
		c.finish = c.end
		return c.check
	},
}

// findings are what finds-producers finds.
type findings struct {
	*check
	*ledger
	within  time.Duration
	holders []*holder
	seekers []*seeker
	longest time.Duration
	late    int
	never   int
}

// A holder is a broker that has a topic.
type holder struct{ node, topic string }

// A seeker is a consumer that looks up its topic.
type seeker struct {
	name, topic string
	asked       time.Duration // last
	searches    []*search
}

// A search is a seeker's for one broker.
type search struct {
	node  string
	since time.Duration // of the question that it begins with; -1: none
	conn  uint64        // the connection that stands; 0: none
}

// see takes in an operation.
func (c *findings) see(e event) {
	op := e.op
	switch {
	case op.Process == history.Nemesis:
		if op.Type == history.Invoke && !op.Waits || c.springs(op) {
			c.interrupt(op)
		}
	case op.F == history.Publish && op.Type == history.OK:
		c.hold(op)
	case op.F == history.Lookup && op.Type == history.Invoke:
		c.ask(op)
	case op.F == history.Connect:
		if s := c.search(op); s != nil {
			c.connect(op, s)
		}
	case op.F == history.Disconnect:
		if s := c.search(op); s != nil && s.conn == op.Conn {
			s.conn = 0
		}
	}
}

// hold notes that a broker has a topic.
func (c *findings) hold(op *history.Op) {
	if strings.HasSuffix(op.Topic, ephemeral) {
		return
	}
	has := func(h *holder) bool { return h.node == op.Node && h.topic == op.Topic }
	if !slices.ContainsFunc(c.holders, has) {
		c.holders = append(c.holders, &holder{op.Node, op.Topic})
	}
}

// search is that of an operation's process for its broker; nil if the process asks nobody.
func (c *findings) search(op *history.Op) *search {
	for _, k := range c.seekers {
		if k.name == op.Process {
			return k.search(op.Node)
		}
	}
	return nil
}

func (k *seeker) search(node string) *search {
	for _, s := range k.searches {
		if s.node == node {
			return s
		}
	}
	s := &search{node: node, since: -1}
	k.searches = append(k.searches, s)
	return s
}

// ask takes in a question: the searches for all brokers begin with it that the consumer is not connected to and not looking for.
func (c *findings) ask(op *history.Op) {
	i := slices.IndexFunc(c.seekers, func(k *seeker) bool { return k.name == op.Process })
	if i < 0 {
		i = len(c.seekers)
		c.seekers = append(c.seekers, &seeker{name: op.Process, topic: op.Topic})
	}
	k := c.seekers[i]
	paused := op.Time-k.asked > c.within
	k.asked = op.Time
	if c.active > 0 || c.now < c.lingers {
		return
	}
	for _, h := range c.holders {
		if h.topic != k.topic {
			continue
		}
		if s := k.search(h.node); s.conn == 0 && (s.since < 0 || paused) {
			s.since = op.Time
		}
	}
}

// connect ends a search: with success, or to begin anew, for that the broker does not take a connection is no matter of finding it.
func (c *findings) connect(op *history.Op, s *search) {
	if op.Type == history.OK {
		if s.since >= 0 {
			c.found(op.Process, s)
		}
		s.conn = op.Conn
	}
	s.since = -1
}

// found judges a search that has found.
func (c *findings) found(process string, s *search) {
	c.Events++
	took := c.now - s.since
	c.longest = max(c.longest, took)
	if took > c.within+c.head.Slack {
		c.late++
		c.find(Invalid, c.now, 0, "%s found %s only after %v of looking", process, s.node, took)
	}
}

// interrupt judges and ends all searches, for a fault comes; and a broker that it may take a topic from need not be found for that any more.
func (c *findings) interrupt(op *history.Op) {
	c.judge()
	if !op.Ends {
		return
	}
	c.holders = slices.DeleteFunc(c.holders, func(h *holder) bool {
		return h.node == op.Node && (slices.Contains(op.Licenses, noLoss) || slices.Contains(op.Licenses, noLoss+"/"+h.topic))
	})
}

// judge ends all searches: one that has taken too long did not find.
func (c *findings) judge() {
	for _, k := range c.seekers {
		for _, s := range k.searches {
			if s.since >= 0 && s.conn == 0 && c.now-s.since > c.within+c.head.Slack {
				c.Events++
				c.never++
				c.find(Invalid, c.now, 0, "%s has not found %s, which has %s, in %v of looking", k.name, s.node, k.topic, c.now-s.since)
			}
			s.since = -1
		}
	}
}

func (c *findings) end() {
	c.judge()
	var wrong []string
	if c.never > 0 {
		wrong = append(wrong, fmt.Sprintf("%d in vain", c.never))
	}
	if c.late > 0 {
		wrong = append(wrong, fmt.Sprintf("%d too late", c.late))
	}
	c.Summary = fmt.Sprintf("%d searches for a broker, the longest took %v", c.Events, c.longest)
	if len(wrong) > 0 {
		c.Summary = fmt.Sprintf("%d searches for a broker, %s", c.Events, strings.Join(wrong, ", "))
	}
}
