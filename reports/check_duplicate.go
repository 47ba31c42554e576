package reports

import (
	"fmt"

	"github.com/nsqlab/nsqlab/reports/history"
)

const noDuplicates = "no-duplicates"

// NoDuplicates: a message comes again only for a cause: its timeout passed, it was requeued, its holder's connection ended, or the node
// ended. After a proved FIN nothing is one, but that the node ended by what may take what it noted. A delivery that was sent before another and overtaken by it
// is none of its own. Of a message that was published more than once each copy comes once for the first time.
var NoDuplicates = Checker{
	Name:    noDuplicates,
	Promise: "A message is delivered again only after its timeout, a requeue, the end of its holder's connection or of the broker; never after a proved FIN.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		again := 0
		c.observe = func(e event) {
			if !e.isDelivery() {
				return
			}
			c.Events++
			if e.l == nil {
				return
			}
			again++
			switch {
			case e.m.copies() > 1:
				if e.op.Attempt == 1 && e.l.firsts >= e.m.copies() && !g.ended(e.op.Node, e.m.invoked, e.op.Time) {
					c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s as if for the first time, and so were all its %d copies before", e.op.Topic, e.op.Channel, e.m.copies())
				}
			case e.stale || g.mayForget(noDuplicates, e, e.l.sentAfter):
			case e.l.finished:
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered again in %s/%s after a FIN that was proved", e.op.Topic, e.op.Channel)
			case !g.ended(e.op.Node, e.l.sentAfter, e.op.Time) && !g.hasCause(e):
				c.find(Invalid, e.op.Time, e.op.Msg, "delivered again in %s/%s after %v, with no timeout, requeue or closed connection between",
					e.op.Topic, e.op.Channel, e.op.Time-e.l.delivered)
			}
		}
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d deliveries, %d of them repeated, %d without a cause", c.Events, again, c.Count)
		}
		return c
	},
}

// hasCause says whether a message may come again. When a delivery was held up, its timeout began before its consumer got it.
func (g *ledger) hasCause(e event) bool {
	holder := g.conns[e.l.conn]
	return !e.l.prompt || e.l.returned() || holder == nil || holder.closed > 0 || // as far as its client knows
		e.op.Time >= e.l.deadline-g.head.Slack-g.gained(e.op.Node, e.l.sentAfter, e.op.Time)
}
