package reports

import (
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoEarlyDeferral: a message published or requeued with a delay does not come before it is over.
var NoEarlyDeferral = Checker{
	Name:    "no-early-deferral",
	Promise: "A deferred message, published or requeued, is not delivered before its time.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			earliest, ok := g.notBefore(e)
			if !ok {
				return
			}
			c.Events++
			early := earliest - e.op.Time
			if c.excuses(early, precision, g.hasty(e)) {
				return
			}
			if early > precision {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s %v before its deferral was over", e.op.Topic, e.op.Channel, early)
			}
		}
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d deferred deliveries, %d too early%s", c.Events, c.Count, c.excuse())
		}
		return c
	},
}

// NoLateDeferral: a deferred message comes within a bound after its time, as long as a consumer can take it and no fault is on
// . A requeue without a delay is a deferral of nothing.
var NoLateDeferral = Checker{
	Name:    "no-late-deferral",
	Promise: "A deferred or requeued message is delivered soon after its time (within 1s, if not set), while a consumer can take it.",
	Limits:  []string{"within"},
	Start: func(g *ledger, x history.Expectation) *check {
		c := &check{}
		var worst time.Duration
		c.observe = func(e event) {
			due, ok := g.dueAt(e)
			if !ok {
				return
			}
			late, ok := g.late(e, due)
			if !ok {
				return
			}
			c.Events++
			if c.excuses(late, within(x)+g.head.Slack, g.tardy(e)) {
				return
			}
			if worst = max(worst, late); late > within(x)+g.head.Slack {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s %v after its deferral was over, with a consumer ready", e.op.Topic, e.op.Channel, late)
			}
		}
		c.finish = func() {
			c.kept(g, within(x))
			c.Summary = fmt.Sprintf("%d deferred deliveries, %d too late, the latest by %s%s", c.Events, c.Count, human(worst), c.excuse())
			c.needDrain(g)
		}
		return c
	},
}

// kept finds what was never delivered, though its deferral was long over.
func (c *check) kept(g *ledger, within time.Duration) {
	find := func(m *message, q *queue, began, due time.Duration) {
		if late, ok := g.owing(q, due); ok && late > within+g.head.Slack+g.lost(m.node, began, g.now) {
			c.Events++
			c.find(Invalid, q.asked, m.id, "not delivered in %s/%s, though its deferral was over at %v and a consumer was ready", m.topic, q.channel, due)
		}
	}
	for _, m := range g.sorted() {
		if m.copies() > 1 {
			continue // which of them it is about is not known
		}
		for i := range m.lives {
			l := &m.lives[i]
			if l.postponed() && l.unfinished() && g.taken(l) && g.punctual(l) && !g.ended(m.node, l.sentAfter, g.now) {
				find(m, l.queue, l.sent, l.sent+l.delay)
			}
		}
		if m.after == 0 || m.fate != history.OK || g.ended(m.node, m.invoked, g.now) {
			continue
		}
		for _, ch := range m.owed {
			if !ch.doubtful && m.life(ch.queue) == nil {
				find(m, ch.queue, m.invoked, m.answered+m.after)
			}
		}
	}
}

// notBefore says when an event, if it is the delivery of a deferred message, may come at the earliest.
func (g *ledger) notBefore(e event) (time.Duration, bool) {
	switch {
	case !e.isDelivery() || e.stale || e.m.copies() > 1:
		return 0, false
	case e.l == nil: // the broker took it after the invoke
		return e.m.invoked + e.m.after, e.m.after > 0
	case !e.l.postponed() || e.l.delay == 0 || g.ended(e.op.Node, e.l.sentAfter, e.op.Time):
		return 0, false
	case e.l.requeued == history.Info: // perhaps lost; then it may come after its timeout
		holder := g.conns[e.l.conn]
		if !e.l.prompt || holder == nil || holder.closed > 0 ||
			e.op.Time >= e.l.deadline-g.head.Slack-g.gained(e.op.Node, e.l.sentAfter, e.op.Time) {
			return 0, false
		}
	}
	return e.l.sent + e.l.delay, true
}

// dueAt says when an event, if it is the delivery of a deferred message, is due at the latest.
func (g *ledger) dueAt(e event) (time.Duration, bool) {
	switch {
	case !e.isDelivery() || e.stale || e.m.copies() > 1:
		return 0, false
	case e.l == nil: // the broker took it before it answered; without an answer nobody knows when
		return e.m.answered + e.m.after, e.m.after > 0 && e.m.fate == history.OK && e.op.Attempt == 1
	case !e.l.postponed() || e.op.Attempt != e.l.attempt+1 || g.ended(e.op.Node, e.l.sentAfter, e.op.Time):
		return 0, false
	}
	return e.l.sent + e.l.delay, g.taken(e.l) && g.punctual(e.l)
}
