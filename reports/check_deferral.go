package reports

import (
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoEarlyDeferral: a message published or requeued with a delay does not come before it is over (A18).
var NoEarlyDeferral = Checker{
	Name:    "no-early-deferral",
	Promise: "A deferred message, published or requeued, is not delivered before its time.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			earliest, _, ok := g.deferred(e)
			if !ok {
				return
			}
			c.Events++
			if early := earliest - e.op.Time; early > precision {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s %v before its deferral was over", e.op.Topic, e.op.Channel, early)
			}
		}
		c.finish = func() { c.Summary = fmt.Sprintf("%d deferred deliveries, %d too early", c.Events, c.Count) }
		return c
	},
}

// NoLateDeferral: a deferred message comes within a bound after its time, as long as a consumer can take it and no fault is on
// (A19).
var NoLateDeferral = Checker{
	Name:    "no-late-deferral",
	Promise: "A deferred message is delivered soon after its time (within 1s, if not set), while a consumer can take it.",
	Limits:  []string{"within"},
	Start: func(g *ledger, x history.Expectation) *check {
		c := &check{}
		var worst time.Duration
		c.observe = func(e event) {
			_, latest, ok := g.deferred(e)
			since, free := g.free(e.q)
			if !ok || !free {
				return
			}
			c.Events++
			late := e.op.Time - max(latest, since)
			if worst = max(worst, late); late > within(x)+g.head.Slack {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s %v after its deferral was over, with a consumer ready", e.op.Topic, e.op.Channel, late)
			}
		}
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d deferred deliveries, %d too late, the latest by %v", c.Events, c.Count, worst)
		}
		return c
	},
}

// deferred says when an event, if it is the delivery of a deferred message, may come at the earliest, and is due at the latest.
func (g *ledger) deferred(e event) (earliest, latest time.Duration, ok bool) {
	if e.op.F != history.Deliver || e.op.Type != history.OK || e.m == nil {
		return 0, 0, false
	}
	if e.l == nil { // published with DPUB; the broker took it between the invoke and the answer
		answered := e.m.answered
		if e.m.fate == history.Invoke {
			answered = e.op.Time
		}
		return e.m.invoked + e.m.after, answered + e.m.after, e.m.after > 0
	}
	if e.l.requeued == "" || e.l.requeued == history.Fail || e.l.delay == 0 || e.op.Time >= e.l.deadline-g.head.Slack {
		return 0, 0, false // not requeued with a delay, or a timeout came before the REQ
	}
	if g.killed(e.op.Node, e.l.delivered, e.op.Time) {
		return 0, 0, false
	}
	return e.l.requeuedAt + e.l.delay, e.l.requeuedAt + e.l.delay, true
}
