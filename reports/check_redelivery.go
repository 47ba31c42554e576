package reports

import (
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoEarlyRedelivery: a message that its holder neither finished nor requeued comes again only when its timeout has passed
// (A13). A delivery that a fault may have held up is not judged: the broker's time began before the consumer's.
var NoEarlyRedelivery = Checker{
	Name:    "no-early-redelivery",
	Promise: "A message in flight is not delivered again before its timeout is over.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			if !g.timedOut(e) {
				return
			}
			holder := g.conns[e.l.conn]
			if g.disturbed(e.l.delivered-holder.timeout, e.l.delivered) {
				return
			}
			c.Events++
			if early := e.l.deadline - e.op.Time; early > g.head.Slack {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered again in %s/%s %v before its timeout of %v was over", e.op.Topic, e.op.Channel, early, holder.timeout)
			}
		}
		c.finish = func() { c.Summary = fmt.Sprintf("%d redeliveries, %d too early", c.Events, c.Count) }
		return c
	},
}

// NoLateRedelivery: when its timeout has passed, a message comes again within a bound, as long as a consumer can take it and
// no fault is on (A14).
var NoLateRedelivery = Checker{
	Name:    "no-late-redelivery",
	Promise: "A message whose timeout is over is delivered again soon (within 1s, if not set), while a consumer can take it.",
	Limits:  []string{"within"},
	Start: func(g *ledger, x history.Expectation) *check {
		c := &check{}
		var worst time.Duration
		c.observe = func(e event) {
			since, ok := g.free(e.q)
			if !ok || !g.timedOut(e) {
				return
			}
			c.Events++
			late := e.op.Time - max(e.l.deadline, since)
			if worst = max(worst, late); late > within(x)+g.head.Slack {
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered again in %s/%s %v after its timeout, with a consumer ready", e.op.Topic, e.op.Channel, late)
			}
		}
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d redeliveries, %d too late, the latest by %v", c.Events, c.Count, worst)
		}
		return c
	},
}

// timedOut says whether an event is a redelivery that only a timeout can have caused.
func (g *ledger) timedOut(e event) bool {
	if e.op.F != history.Deliver || e.op.Type != history.OK || e.l == nil || e.l.requeued != "" || e.l.finished == history.OK {
		return false
	}
	return g.conns[e.l.conn] != nil && !g.killed(e.op.Node, e.l.delivered, e.op.Time)
}
