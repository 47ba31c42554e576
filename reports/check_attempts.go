package reports

import (
	"fmt"
	"math"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// CountsAttempts: in one life of the broker each delivery of a message in a channel has a higher attempt than the one before, and the next one if
// no delivery between can have been lost or overtaken: no fault was on, and the channel has had one consumer only. A broker that was started again may
// count anew. A message that was published more than once is not judged: each copy has its own attempts.
var CountsAttempts = Checker{
	Name:    "counts-attempts",
	Promise: "Each delivery of a message in a channel says which attempt it is.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &attempts{check: &check{}, ledger: g, left: map[*queue]bool{}}
		c.observe = c.see
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d deliveries, %d with a wrong attempt", c.Events, c.Count)
		}
		return c.check
	},
}

// attempts are what counts-attempts looks at.
type attempts struct {
	*check
	*ledger
	left map[*queue]bool // by a consumer
}

func (c *attempts) see(e event) {
	if e.op.F == history.Disconnect {
		if conn := c.conns[e.op.Conn]; conn != nil && conn.queue != nil {
			c.left[conn.queue] = true
		}
	}
	if !e.isDelivery() || e.stale || e.m.copies() > 1 {
		return
	}
	c.Events++
	before, since, from := uint16(0), e.m.invoked, e.m.invoked
	if e.l != nil {
		before, since, from = e.l.attempt, e.l.delivered, e.l.sentAfter
	}
	next := before + 1
	if before == math.MaxUint16 {
		next = before // as far as it goes
	}
	switch {
	case c.ended(e.op.Node, from, e.op.Time):
	case e.op.Attempt < next:
		c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s as attempt %d, and attempt %d was before", e.op.Topic, e.op.Channel, e.op.Attempt, before)
	case e.op.Attempt > next && c.gapless(e, since):
		c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s as attempt %d, with nothing between it and attempt %d", e.op.Topic, e.op.Channel, e.op.Attempt, before)
	}
}

// gapless says whether every delivery since then has been seen.
func (c *attempts) gapless(e event, since time.Duration) bool {
	return e.conn != nil && e.conn.settled && !c.disturbed(since, e.op.Time) && len(e.q.consumers) == 1 && !c.left[e.q]
}
