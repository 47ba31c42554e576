package reports

import (
	"fmt"
	"time"
)

// A skew is how wrong a fault puts a node's clocks.
type skew struct {
	offset time.Duration // of the wall clock
	drift  int64         // of both, in millionths
}

const million = 1_000_000

// millionths is so many millionths of a time.
func millionths(d time.Duration, n int64) time.Duration {
	return d/million*time.Duration(n) + d%million*time.Duration(n)/million
}

// during is for how long of the time from a to b a fault may have been on.
func (h *hardship) during(a, b time.Duration) time.Duration {
	if h.To >= 0 {
		b = min(b, h.To)
	}
	return max(b-max(a, h.From), 0)
}

// gained is by how much a node's clock may have gone ahead from a to b. A broker counts time with a clock that is never set, so what it waits for
// comes so much too early, at the most.
func (g *ledger) gained(node string, a, b time.Duration) (all time.Duration) {
	for i := range g.faults {
		if h := &g.faults[i]; h.node == node && h.drift > 0 {
			all += millionths(h.during(a, b), h.drift)
		}
	}
	return all
}

// lost is by how much a node's clock may have fallen behind from a to b.
func (g *ledger) lost(node string, a, b time.Duration) (all time.Duration) {
	for i := range g.faults {
		if h := &g.faults[i]; h.node == node && h.drift < 0 {
			all += millionths(h.during(a, b), -h.drift)
		}
	}
	return all
}

// stepped is how far a node's wall clock may have been off when it was read last before one of its ends, from a to b, against what it was when
// it was read first after that: by it a broker goes on with what waits for its time. It is nothing if the node did not end.
func (g *ledger) stepped(node string, a, b time.Duration) (all time.Duration) {
	if !g.ended(node, a, b) {
		return 0
	}
	for i := range g.faults {
		h := &g.faults[i]
		if h.node != node || h.From > b {
			continue
		}
		if h.To < 0 || h.To >= a {
			all += max(h.offset, -h.offset)
		}
		if to := g.wrong(h); to < 0 || to >= a {
			all += millionths(h.during(h.From, b), max(h.drift, -h.drift))
		}
	}
	return all
}

// wrong is until when a clock is wrong by what a fault had it gain or lose: it is set right when nothing makes it go wrong any more. -1: it
// still is.
func (g *ledger) wrong(h *hardship) (to time.Duration) {
	to = h.To
	for i := 0; i < len(g.faults) && to >= 0; i++ { // in the order in which they began
		if o := &g.faults[i]; o.node == h.node && o.drift != 0 && o.From <= to && (o.To < 0 || o.To > to) {
			to = o.To
		}
	}
	return to
}

// hasty is how much too early a wrong clock may make the delivery of a deferred message.
func (g *ledger) hasty(e event) time.Duration {
	began := g.deferred(e)
	return g.gained(e.op.Node, began, e.op.Time) + g.stepped(e.op.Node, began, e.op.Time)
}

// tardy is how much too late it may make it.
func (g *ledger) tardy(e event) time.Duration {
	began := g.deferred(e)
	return g.lost(e.op.Node, began, e.op.Time) + g.stepped(e.op.Node, began, e.op.Time)
}

// deferred is when the deferral of a message that is delivered began, at the earliest.
func (g *ledger) deferred(e event) time.Duration {
	if e.l == nil {
		return e.m.invoked
	}
	return e.l.sent
}

// excuses says whether something came too early, or too late, by no more than a wrong clock permits beyond what is good anyway, and counts it.
func (c *check) excuses(by, good, permitted time.Duration) bool {
	if by <= good || by > good+permitted {
		return false
	}
	c.excused++
	return true
}

// excuse tells of it.
func (c *check) excuse() string {
	if c.excused == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d by no more than a wrong clock permits", c.excused)
}
