package reports

import (
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// Latency: the quantiles of the time from when the schedule meant a message to be sent to its first delivery in each channel stay below the limits
// that the scenario sets; a deferral does not count. Without limits it only tells.
var Latency = Checker{
	Name:    "latency",
	Promise: "Messages arrive in time, from their intended publishing to their first delivery.",
	Limits:  []string{"p50", "p90", "p99", "p999", "max"},
	Start: func(g *ledger, x history.Expectation) *check {
		c := &check{}
		h := newHistogram()
		c.observe = func(e event) {
			if d, ok := endToEnd(e); ok {
				c.Events++
				h.record(d)
			}
		}
		c.finish = func() {
			q := h.quantiles()
			c.Summary = fmt.Sprintf("p50 %v, p99 %v, max %v", human(q.P50), human(q.P99), human(q.Max))
			for _, v := range []struct {
				name  string
				value time.Duration
			}{{"p50", q.P50}, {"p90", q.P90}, {"p99", q.P99}, {"p999", q.P999}, {"max", q.Max}} {
				if limit, ok := x.Limits[v.name]; ok && v.value > limit {
					c.find(Invalid, g.now, 0, "%s is %v, the limit %v", v.name, human(v.value), human(limit))
				}
			}
			if len(x.Limits) > 0 { // what did not come may be later than all that did
				c.needDrain(g)
			}
		}
		return c
	},
}

// endToEnd is the latency of an event that is a message's first delivery in a channel.
func endToEnd(e event) (time.Duration, bool) {
	if !e.isDelivery() || e.l != nil {
		return 0, false
	}
	return max(e.op.Time-e.m.due-e.m.after, 0), true
}
