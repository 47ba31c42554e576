package reports

import (
	"fmt"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoCorruption: every body arrives as it was published; its CRC-32C and its length tell.
var NoCorruption = Checker{
	Name:    "no-corruption",
	Promise: "Every message arrives as it was published, to the bit.",
	Start: func(_ *ledger, _ history.Expectation) *check {
		c := &check{}
		c.observe = func(e event) {
			if e.op.F != history.Deliver {
				return
			}
			c.Events++
			if e.op.Type == history.Fail {
				c.find(Invalid, e.op.Time, e.op.Msg, "%s got a damaged message from %s: %s", e.op.Process, e.op.Node, e.op.Error)
			}
		}
		c.finish = func() { c.Summary = fmt.Sprintf("%d deliveries, %d of them damaged", c.Events, c.Count) }
		return c
	},
}
