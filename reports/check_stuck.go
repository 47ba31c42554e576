package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// silence is how long a producer may wait for an answer on a connection that stands: a client closes one from which nothing comes for two
// heartbeats, of 30 s each, and so does the broker. On one that is older both ends have heard each other since.
const silence = 60 * time.Second

// NothingStuck: once all is healed, whatever is owed is delivered while a consumer can take it, and every publication is answered. It is
// broken if the drain was given up, and nothing had moved in a channel for twice the timeout of its messages though a message could
// have gone to a consumer that was free all that time; or if a producer waited for an answer for longer than a dead connection
// lasts. If things moved still, or nobody could have moved them, it is not known: the drain was too short.
var NothingStuck = Checker{
	Name:    "nothing-stuck",
	Promise: "When all is healed, nothing that is owed waits for ever: messages reach a consumer that is free, and publications their answer.",
	Always:  true,
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &standstill{check: &check{}, ledger: g, jams: map[[3]string]*jam{}}
		c.observe = c.see
		c.finish = c.end
		return c.check
	},
}

// A standstill is what nothing-stuck finds.
type standstill struct {
	*check
	*ledger
	healed  time.Duration // when the drain began
	order   []*jam
	jams    map[[3]string]*jam // by node, topic and channel
	answers []history.Op
	dials   []history.Op
	stuck   int
}

// A jam is a channel, or a topic's own queue, when the drain is given up.
type jam struct {
	queued, deferred history.Op // may be missing: it holds nothing
	flights, free    []history.Op
}

// see gathers what waits.
func (c *standstill) see(e event) {
	op := *e.op
	if op.F == history.Phase && op.Note == "drain" {
		c.healed = op.Time
	}
	if op.F != history.Wait {
		return
	}
	switch op.Note {
	case history.Answer:
		c.answers = append(c.answers, op)
	case history.Connection:
		c.dials = append(c.dials, op)
	case history.Queued:
		c.jam(op).queued = op
	case history.Deferred:
		c.jam(op).deferred = op
	case history.InFlight:
		j := c.jam(op)
		j.flights = append(j.flights, op)
	case history.Free:
		j := c.jam(op)
		j.free = append(j.free, op)
	default:
		c.counts.Unjudged++
	}
}

// jam is that of an operation's place.
func (c *standstill) jam(op history.Op) *jam {
	key := [3]string{op.Node, op.Topic, op.Channel}
	j := c.jams[key]
	if j == nil {
		j = &jam{}
		c.jams[key] = j
		c.order = append(c.order, j)
	}
	return j
}

func (c *standstill) end() {
	c.Events = c.counts.Acknowledged
	if c.ledger.end == history.OK {
		c.Summary = fmt.Sprintf("all was drained in %s", human(c.now-c.healed))
		return
	}
	for _, j := range c.order {
		if j.queued.F != "" {
			c.judge(j)
		}
	}
	for _, op := range c.answers {
		c.answer(op)
	}
	for _, op := range c.dials {
		c.find(Unknown, op.Time, 0, "%s waits for a connection to %s since %s", op.Process, op.Node, moment(op.Due))
	}
	c.Validity = c.Validity.Worse(Unknown)
	switch {
	case c.stuck > 0:
		i := slices.IndexFunc(c.Findings, func(f Finding) bool { return f.Validity == Invalid })
		c.Summary = "stuck: " + c.Findings[i].What
	case c.Count > 0:
		c.Summary = "the drain was not complete, and it is not known whether it would have been: " + c.Findings[0].What
	default:
		c.Summary = "the drain was not complete"
	}
	if c.Count > 1 {
		c.Summary += fmt.Sprintf(", and %d more that wait", c.Count-1)
	}
}

// judge judges a channel. A message in it could have gone to a consumer if it is queued, or in flight beyond its timeout: as nothing has
// moved, only touches can have put that off, and of those its client knows.
func (c *standstill) judge(j *jam) {
	owed := j.queued.Count
	for _, op := range j.flights {
		if op.After == 0 {
			owed += op.Count
		}
	}
	long := func(op history.Op) bool { return op.Time-op.Due >= c.window(op) }
	able := slices.ContainsFunc(c.freeOf(j), long) && !c.mayPause(j.queued)
	if owed > 0 && able && long(j.queued) {
		c.stuck++
		c.find(Invalid, j.queued.Time, 0, "%s", c.tell(j))
		return
	}
	c.find(Unknown, j.queued.Time, 0, "%s", c.tell(j))
}

// mayPause says whether a channel, or a topic, may be paused.
func (c *standstill) mayPause(op history.Op) bool {
	p := c.pauses[[3]string{op.Node, op.Topic, op.Channel}]
	return p != nil && p.may()
}

// freeOf are the consumers that could take a message: of a topic's own queue those of all its channels.
func (c *standstill) freeOf(j *jam) (all []history.Op) {
	if j.queued.Channel != "" {
		return j.free
	}
	for _, other := range c.order {
		for _, op := range other.free {
			if op.Node == j.queued.Node && op.Topic == j.queued.Topic {
				all = append(all, op)
			}
		}
	}
	return all
}

// window is how long nothing has to have moved in a channel: twice the longest timeout of its messages. With no consumer it is not known,
// and of no use.
func (c *standstill) window(op history.Op) time.Duration {
	longest := time.Duration(0)
	for _, q := range c.queues { // an extreme: the order does not matter
		if q.node == op.Node && q.topic == op.Topic && (op.Channel == "" || q.channel == op.Channel) {
			longest = max(longest, q.timeout)
		}
	}
	return 2*longest + c.head.Slack
}

// answer judges a producer that waits.
func (c *standstill) answer(op history.Op) {
	v := Unknown
	if op.Time-max(op.Due, c.healed) > silence+c.head.Slack {
		v = Invalid
		c.stuck++
	}
	c.find(v, op.Time, op.Msg, "%s waits for %s to answer %s, the oldest sent at %s", op.Process, op.Node, plural(int(op.Count), "publication"), moment(op.Due))
}

// tell says who waits for whom in a channel.
func (c *standstill) tell(j *jam) string {
	q := j.queued
	words := []string{plural(int(q.Count), "message") + " queued"}
	for _, op := range j.flights {
		till := "with its timeout over"
		if op.After > 0 {
			till = "until " + moment(op.Time+op.After) + " at the latest"
		}
		words = append(words, fmt.Sprintf("%d in flight at %s since %s, %s", op.Count, op.Process, moment(op.Due), till))
	}
	if j.deferred.Count > 0 {
		words = append(words, fmt.Sprintf("%d deferred", j.deferred.Count))
	}
	where := strings.TrimSuffix(q.Topic+"/"+q.Channel, "/")
	why := c.idle(j)
	if c.mayPause(q) {
		why += "; it may be paused"
	}
	return fmt.Sprintf("%s has in %s %s; nothing moves there since %s; %s", q.Node, where, strings.Join(words, ", "), moment(q.Due), why)
}

// idle says who could take a message.
func (c *standstill) idle(j *jam) string {
	var words []string
	for _, op := range c.freeOf(j) {
		words = append(words, fmt.Sprintf("%s could take %d since %s", op.Process, op.Count, moment(op.Due)))
	}
	if len(words) == 0 {
		return "no consumer could take one"
	}
	return strings.Join(words, ", ")
}
