package reports

import (
	"fmt"
	"slices"

	"github.com/nsqlab/nsqlab/reports/history"
)

// NoLoss: a message that was acknowledged reaches every channel that was there before it was published; if there was none,
// the first that came (A1 and A20 of the anomalies). It can be said only after a complete drain.
var NoLoss = Checker{
	Name:    "no-loss",
	Promise: "Every acknowledged message is delivered to every channel it is owed to.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.finish = func() { finishLoss(g, c) }
		return c
	},
}

func finishLoss(g *ledger, c *check) {
	var lost, licensed, deferred int
	for _, m := range g.sorted() {
		if m.fate != history.OK {
			continue
		}
		c.Events++
		for _, channel := range m.owners() {
			if m.life(channel) != nil {
				continue
			}
			lost++
			if m.after > 0 {
				deferred++
			}
			c.missing(g, m, channel, &licensed)
		}
	}
	g.counts.Lost = lost
	switch {
	case lost == 0:
		c.Summary = fmt.Sprintf("%d acknowledged, none lost", c.Events)
	case g.end != history.OK:
		c.Summary = fmt.Sprintf("%d of %d acknowledged messages not delivered, but the drain was not complete", lost, c.Events)
	default:
		c.Summary = fmt.Sprintf("%d of %d acknowledged messages lost", lost, c.Events)
		if licensed > 0 {
			c.Summary += fmt.Sprintf(", %d of them where a kill of a memory-only broker permits it", licensed)
		}
	}
	if deferred > 0 {
		c.Summary += fmt.Sprintf("; %d were deferred", deferred)
	}
	if g.end != history.OK {
		c.Validity = c.Validity.Worse(Unknown)
		if lost == 0 {
			c.Summary += "; the drain was not complete"
		}
	}
}

// missing judges one message that a channel never got.
func (c *check) missing(g *ledger, m *message, channel string, licensed *int) {
	kills := g.kills[m.node]
	i := slices.IndexFunc(kills, func(k window) bool { return k.permits && k.to >= m.invoked })
	switch {
	case i >= 0:
		*licensed++
		c.find(Licensed, kills[i].from, m.id, "acknowledged by %s and never delivered to %s/%s: it was in memory when the broker was killed", m.node, m.topic, channel)
	case g.end != history.OK:
		c.find(Unknown, m.answered, m.id, "acknowledged by %s and not delivered to %s/%s when the drain was given up (%s)", m.node, m.topic, channel, g.endNote)
	default:
		c.find(Invalid, m.answered, m.id, "acknowledged by %s and never delivered to %s/%s", m.node, m.topic, channel)
	}
}

// owners are the channels that a message is owed to.
func (m *message) owners() []string {
	if len(m.owed) > 0 {
		return m.owed
	}
	if m.waited.first != "" {
		return []string{m.waited.first}
	}
	return nil
}
