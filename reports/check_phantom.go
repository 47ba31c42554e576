package reports

import (
	"fmt"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoPhantoms: nothing is delivered that was not published, there and in this run, or whose publishing certainly failed.
var NoPhantoms = Checker{
	Name:    "no-phantoms",
	Promise: "Nothing is delivered that was not published to that topic in this run, or whose publishing failed.",
	Start: func(_ *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			switch {
			case e.op.F == history.Deliver && e.op.Type == history.OK:
				c.Events++
				c.phantom(e)
			case e.op.F == history.Publish && e.op.Type == history.Fail && e.m != nil && len(e.m.lives) > 0 && e.m.copies() == 1:
				c.find(Invalid, e.op.Time, e.m.id, "delivered to %s/%s, and then its publishing failed", e.m.topic, e.m.lives[0].queue.channel)
			}
		}
		c.finish = func() { c.Summary = fmt.Sprintf("%d deliveries, %d of them phantoms", c.Events, c.Count) }
		return c
	},
}

// phantom judges a delivery.
func (c *check) phantom(e event) {
	op := e.op
	switch {
	case op.Msg == 0:
		c.find(Invalid, op.Time, 0, "%s got a message of another run from %s", op.Process, op.Node)
	case e.stray != nil:
		c.find(Invalid, op.Time, op.Msg, "%s got a message from %s in %s/%s that was published to %s on %s",
			op.Process, op.Node, op.Topic, op.Channel, e.stray.topic, e.stray.node)
	case e.m == nil:
		c.find(Invalid, op.Time, op.Msg, "%s got a message from %s that nobody published", op.Process, op.Node)
	case e.m.fate == history.Fail:
		c.find(Invalid, op.Time, op.Msg, "%s got a message whose publishing had failed", op.Process)
	}
}
