package reports

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nsqlab/nsqlab/reports/history"
)

// Activity: the run tested something, to its end. A client that got nothing done, a fault that hit nobody or could not be inflicted, a
// load without an acknowledged or a delivered message, a history without an end or with what no checker can place make the
// verdict unknown.
var Activity = Checker{
	Name:    "activity",
	Promise: "Something was tested: every client got something done, and every fault hit, of those that may miss at least one.",
	Always:  true,
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		work := map[string]bool{}  // by process: whether it got anything done
		why := map[string]string{} // by process: the last thing that failed
		c.observe = func(e event) {
			c.activity(e.op, work)
			if e.op.Error != "" {
				why[e.op.Process] = ": " + e.op.Error
			}
		}
		c.finish = func() {
			idle := 0
			for _, p := range slices.Sorted(maps.Keys(work)) {
				if !work[p] {
					idle++
					c.find(Unknown, g.now, 0, "%s got nothing done%s", p, why[p])
				}
			}
			if g.counts.Acknowledged == 0 {
				c.find(Unknown, g.now, 0, "no message was acknowledged")
			}
			if g.counts.Delivered == 0 {
				c.find(Unknown, g.now, 0, "no message was delivered")
			}
			if len(g.faults) > 0 && !slices.ContainsFunc(g.faults, func(h hardship) bool { return !h.failed }) && c.Count == 0 {
				c.find(Unknown, g.now, 0, "none of the faults hit")
			}
			if g.end == "" {
				c.find(Unknown, g.now, 0, "the history has no end")
			}
			if g.counts.Unjudged > 0 {
				c.find(Unknown, g.now, 0, "%d operations could not be placed", g.counts.Unjudged)
			}
			c.Summary = fmt.Sprintf("clients at work: %d, faults: %d", len(work)-idle, len(g.faults))
			if c.Count > 0 {
				c.Summary += "; " + c.Findings[0].What
			}
			if c.Count > 1 {
				c.Summary += fmt.Sprintf(", and %d more that show nothing", c.Count-1)
			}
		}
		return c
	},
}

// activity notes who got what done, and which faults did nothing.
func (c *check) activity(op *history.Op, work map[string]bool) {
	switch {
	case op.Process == history.Nemesis:
		c.Events++
		if op.Type == history.Fail {
			c.find(Unknown, op.Time, 0, "the fault %s %s", op.Note, op.Error)
		}
	case op.F == history.Connect || op.F == history.Lookup && op.Type == history.Invoke:
		c.Events++
		if !work[op.Process] {
			work[op.Process] = false
		}
	case (op.F == history.Publish || op.F == history.Deliver) && op.Type == history.OK:
		c.Events++
		work[op.Process] = true
	}
}
