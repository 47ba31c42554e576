package reports

import (
	"fmt"
	"strings"

	"github.com/nsqlab/nsqlab/reports/history"
)

const noLeak = "no-leak-while-paused"

// NoLeakWhilePaused: from when a broker has said that it has paused a channel until it is asked to end that, the channel delivers nothing; and nothing is delivered
// that is published to a topic while that is paused. A pause outlives the broker, unless a fault may take it. Deliveries that were on their way are none
// of its, and those of a channel on a connection that a fault may have held up are not judged. What is ephemeral may go and come again, not paused.
var NoLeakWhilePaused = Checker{
	Name:    noLeak,
	Promise: "A paused channel delivers nothing, and a paused topic gives nothing to its channels.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &leaks{check: &check{}, ledger: g}
		c.observe = c.see
		c.finish = func() {
			c.Summary = fmt.Sprintf("%s, %d deliveries that it should have kept back", plural(c.Events, "pause"), c.Count)
		}
		return c.check
	},
}

// leaks are what no-leak-while-paused finds.
type leaks struct {
	*check
	*ledger
}

func (c *leaks) see(e event) {
	switch op := e.op; {
	case op.F == history.Administer && op.Note == history.Pause && op.Type == history.OK:
		if !strings.HasSuffix(op.Topic, ephemeral) && !strings.HasSuffix(op.Channel, ephemeral) {
			c.Events++
		}
	case op.F == history.Deliver && e.q != nil && e.conn != nil:
		c.judge(e)
	}
}

// judge judges a delivery.
func (c *leaks) judge(e event) {
	op := e.op
	if p := c.held(op.Node, op.Topic, op.Channel); p != nil && !e.q.ephemeral {
		if e.conn.stood > p.since || e.conn.settled && op.Time > p.since+c.head.Slack {
			c.find(Invalid, op.Time, op.Msg, "delivered in %s/%s, which is paused since %s", op.Topic, op.Channel, moment(p.since))
			return
		}
	}
	if p := c.held(op.Node, op.Topic, ""); p != nil && e.m != nil && e.m.invoked > p.since && !strings.HasSuffix(op.Topic, ephemeral) {
		c.find(Invalid, op.Time, op.Msg, "delivered in %s/%s, though its topic is paused since %s, and it was published then", op.Topic, op.Channel, moment(p.since))
	}
}
