package reports

import (
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoEarlyRedelivery: a message that its holder neither finished nor requeued, and whose connection stands, comes again only when its
// timeout has passed. A delivery that a fault may have held up is not judged: the broker's time began before the consumer's.
var NoEarlyRedelivery = Checker{
	Name:    "no-early-redelivery",
	Promise: "A message in flight is not delivered again before its timeout is over.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			if !g.timedOut(e) || !e.l.prompt || g.conns[e.l.conn].closed > 0 {
				return
			}
			c.Events++
			early := e.l.deadline - e.op.Time
			if c.excuses(early, g.head.Slack, g.gained(e.op.Node, e.l.sentAfter, e.op.Time)) {
				return
			}
			if early > g.head.Slack {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered again in %s/%s %v before its timeout of %v was over",
					e.op.Topic, e.op.Channel, early, g.conns[e.l.conn].timeout)
			}
		}
		c.finish = func() { c.Summary = fmt.Sprintf("%d redeliveries, %d too early%s", c.Events, c.Count, c.excuse()) }
		return c
	},
}

// NoLateRedelivery: when its timeout has passed, a message comes again within a bound, as long as a consumer can take it and
// no fault is on.
var NoLateRedelivery = Checker{
	Name:    "no-late-redelivery",
	Promise: "A message whose timeout is over is delivered again soon (within 1s, if not set), while a consumer can take it.",
	Limits:  []string{"within"},
	Start: func(g *ledger, x history.Expectation) *check {
		c := &check{}
		var worst time.Duration
		c.observe = func(e event) {
			if !g.timedOut(e) || e.op.Attempt != e.l.attempt+1 || !g.punctual(e.l) {
				return // a delivery between may have been lost with its connection
			}
			late, ok := g.late(e, e.l.latest)
			if !ok {
				return
			}
			c.Events++
			if c.excuses(late, within(x)+g.head.Slack, g.lost(e.op.Node, e.l.sentAfter, e.op.Time)) {
				return
			}
			if worst = max(worst, late); late > within(x)+g.head.Slack {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered again in %s/%s %v after its timeout, with a consumer ready", e.op.Topic, e.op.Channel, late)
			}
		}
		c.finish = func() {
			c.stuck(g, within(x))
			c.Summary = fmt.Sprintf("%d redeliveries, %d too late, the latest by %s%s", c.Events, c.Count, human(worst), c.excuse())
			c.needDrain(g)
		}
		return c
	},
}

// stuck finds what was never delivered again, though its timeout was long over.
func (c *check) stuck(g *ledger, within time.Duration) {
	for _, m := range g.sorted() {
		if m.copies() > 1 {
			continue // which of them it is about is not known
		}
		for i := range m.lives {
			l := &m.lives[i]
			holder := g.conns[l.conn]
			if !l.unfinished() || l.returned() || holder == nil || holder.timeout == 0 || !g.punctual(l) || g.ended(m.node, l.sentAfter, g.now) {
				continue
			}
			if late, ok := g.owing(l.queue, l.latest); ok && late > within+g.head.Slack+g.lost(m.node, l.sentAfter, g.now) {
				c.Events++
				c.find(Invalid, l.queue.asked, m.id, "not delivered again in %s/%s, though its timeout was over at %v and a consumer was ready", m.topic, l.queue.channel, l.latest)
			}
		}
	}
}

// timedOut says whether an event is a redelivery that only a timeout can have caused, if its holder's connection stands.
func (g *ledger) timedOut(e event) bool {
	if !e.isDelivery() || e.l == nil || e.stale || e.l.returned() || e.l.finished || e.m.copies() > 1 {
		return false
	}
	holder := g.conns[e.l.conn]
	return holder != nil && holder.timeout > 0 && !g.ended(e.op.Node, e.l.sentAfter, e.op.Time)
}
