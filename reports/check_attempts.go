package reports

import (
	"fmt"
	"math"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

const countsAttempts = "counts-attempts"

// CountsAttempts: the attempts of a message tell how often its channel has delivered it. Each delivery has more than the one before, from one
// start of the broker to the next too unless a fault may take what the broker has noted; and one more exactly, or 1 of the first, where
// none can have been lost on its way.
var CountsAttempts = Checker{
	Name:    countsAttempts,
	Promise: "A message's attempts count its deliveries in the channel: 1, 2, 3 and so on.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &counting{check: &check{}, ledger: g}
		c.observe = c.see
		c.finish = func() {
			c.Summary = fmt.Sprintf("%d deliveries, %d of them with none before them lost, %d miscounted", c.Events, c.exact, c.Count)
		}
		return c.check
	},
}

// A counting is what counts-attempts finds.
type counting struct {
	*check
	*ledger
	exact int // deliveries before which none was lost
}

// see judges a delivery. Of a message that is there twice each copy has attempts of its own.
func (c *counting) see(e event) {
	if !e.isDelivery() || e.stale || e.m.copies() > 1 {
		return
	}
	before, since := uint16(0), e.m.invoked
	if e.l != nil {
		before, since = e.l.attempt, e.l.sentAfter
	}
	if c.mayForget(countsAttempts, e, since) {
		return
	}
	c.Events++
	exact := c.seesAll(e, since) && (e.l == nil || !e.l.returned() || c.inTime(e.l))
	if exact {
		c.exact++
	}
	got := e.op.Attempt
	switch {
	case got == 0:
		c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s as attempt 0", e.op.Topic, e.op.Channel)
	case got <= before && before < math.MaxUint16:
		c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s as attempt %d after attempt %d", e.op.Topic, e.op.Channel, got, before)
	case exact && before == 0 && got > 1:
		c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s for the first time as attempt %d", e.op.Topic, e.op.Channel, got)
	case exact && got-before > 1:
		c.find(Invalid, e.op.Time, e.op.Msg, "delivered in %s/%s as attempt %d right after attempt %d", e.op.Topic, e.op.Channel, got, before)
	}
}

// mayForget says whether the node may have ended since a time and forgotten what it noted of a delivery: what is ephemeral begins anew, and a fault that may
// break the promise may take it, or, if it did not end the node, have kept it from being noted before another did.
func (g *ledger) mayForget(promise string, e event, since time.Duration) bool {
	if !g.ended(e.op.Node, since, e.op.Time) {
		return false
	}
	if e.q == nil || e.q.ephemeral {
		return true
	}
	for i := range g.faults {
		h := &g.faults[i]
		if h.node == e.op.Node && h.may(promise, e.op.Topic) && (!h.ends || h.on < 0 || h.on >= since) {
			return true
		}
	}
	return false
}

// seesAll says whether every delivery of a message in its channel that was sent since a time, before the one at hand, has been seen: no link held
// anything up, no connection ended that one may have been lost with, and the broker has no connection whose client is gone.
func (g *ledger) seesAll(e event, since time.Duration) bool {
	slack := g.head.Slack
	if e.q == nil || e.conn == nil || g.disturbed(since-slack, e.op.Time) || g.ended(e.op.Node, since, e.op.Time) {
		return false
	}
	if q := e.q; q.closed > 0 && q.closed+slack >= since || q.shortest <= 2*slack {
		return false
	}
	if ghosts, ok := g.ghosts[e.op.Node]; ok && since <= ghosts+silence+slack+g.lost(e.op.Node, ghosts, e.op.Time) {
		return false
	}
	for _, c := range e.q.consumers {
		if !c.settled {
			return false
		}
	}
	return true
}
