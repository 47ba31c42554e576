package reports

import (
	"fmt"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoPhantoms: nothing is delivered that was not published, there and in this run, or whose publishing certainly failed (A4, A5, A12).
var NoPhantoms = Checker{
	Name:    "no-phantoms",
	Promise: "Nothing is delivered that was not published to that topic in this run, or whose publishing failed.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			if e.op.F != history.Deliver || e.op.Type != history.OK {
				return
			}
			c.Events++
			switch {
			case e.op.Msg == 0:
				c.find(Invalid, e.op.Time, 0, "%s got a message of another run from %s", e.op.Process, e.op.Node)
			case e.m == nil:
				c.find(Invalid, e.op.Time, e.op.Msg, "%s got a message from %s that nobody published", e.op.Process, e.op.Node)
			case e.m.topic != e.op.Topic:
				c.find(Invalid, e.op.Time, e.op.Msg, "%s got a message in %s/%s that was published to %s", e.op.Process, e.op.Topic, e.op.Channel, e.m.topic)
			case e.m.fate == history.Fail:
				c.find(Invalid, e.op.Time, e.op.Msg, "%s got a message whose publishing had failed", e.op.Process)
			}
		}
		c.finish = func() { // a failure may be known only after the delivery
			for _, m := range g.sorted() {
				if m.fate == history.Fail && len(m.lives) > 0 && m.lives[0].delivered < m.answered {
					c.find(Invalid, m.answered, m.id, "delivered to %s/%s, and then its publishing failed", m.topic, m.lives[0].channel)
				}
			}
			c.Summary = fmt.Sprintf("%d deliveries, %d of them phantoms", c.Events, c.Count)
		}
		return c
	},
}
