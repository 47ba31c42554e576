package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/reports/history"
)

const noLoss = "no-loss"

// NoLoss: a message that was acknowledged reaches every channel that was there before it was published, or any if there was none,
// and comes again there until a consumer has finished it. It can be said only after a complete
// drain. What is ephemeral may drop messages.
var NoLoss = Checker{
	Name:    noLoss,
	Promise: "Every acknowledged message is delivered to every channel it is owed to, and again until it is finished.",
	Start: func(g *ledger, _ history.Expectation) *check {
		c := &check{}
		c.finish = func() { (&losses{check: c, ledger: g}).finish() }
		return c
	},
}

// losses are what no-loss finds.
type losses struct {
	*check
	*ledger
	messages int      // lost in one channel or more
	licensed int      // of counts.Lost
	by       []string // what permits it
	deferred int      // of messages
}

func (c *losses) finish() {
	all := c.sorted()
	slices.SortStableFunc(all, func(a, b *message) int { // the clearest examples first: those that nobody ever got
		return min(len(a.lives), 1) - min(len(b.lives), 1)
	})
	for _, m := range all {
		if m.fate != history.OK {
			continue
		}
		c.Events++
		before := c.counts.Lost
		c.message(m)
		if c.counts.Lost > before {
			c.messages++
			if m.after > 0 {
				c.deferred++
			}
		}
	}
	c.summarize()
	c.needDrain(c.ledger)
}

// message judges one message in all its channels.
func (c *losses) message(m *message) {
	for i := range m.lives {
		if l := &m.lives[i]; l.unfinished() && !l.queue.ephemeral {
			c.lost(m, "delivered to "+m.topic+"/"+l.queue.channel+" and neither finished nor delivered again")
		}
	}
	owed, drops := 0, strings.HasSuffix(m.topic, ephemeral)
	for _, ch := range m.owed {
		switch {
		case ch.queue.ephemeral:
			drops = true
		case ch.doubtful:
		default:
			owed++
			if m.life(ch.queue) == nil {
				c.lost(m, "never delivered to "+m.topic+"/"+ch.queue.channel)
			}
		}
	}
	for _, ch := range m.waited.channels {
		drops = drops || ch.queue.ephemeral
	}
	if owed == 0 && !drops && len(m.lives) == 0 {
		c.lost(m, "never delivered to any channel of "+m.topic)
	}
}

// lost judges the loss of a message in a channel.
func (c *losses) lost(m *message, how string) {
	c.counts.Lost++
	h := c.permitted(m)
	switch {
	case h != nil:
		c.licensed++
		if !slices.Contains(c.by, h.String()) {
			c.by = append(c.by, h.String())
		}
		c.find(Licensed, h.From, m.id, "acknowledged by %s, %s: %s permits its loss", m.node, how, h)
	case c.end != history.OK:
		c.find(Unknown, m.answered, m.id, "acknowledged by %s, %s when the drain was given up (%s)", m.node, how, c.endNote)
	default:
		c.find(Invalid, m.answered, m.id, "acknowledged by %s, %s", m.node, how)
	}
}

func (c *losses) summarize() {
	c.Summary = fmt.Sprintf("%d acknowledged, none lost", c.Events)
	if lost := c.counts.Lost; lost > 0 {
		word := "lost"
		if c.end != history.OK {
			word = "missing"
		}
		c.Summary = fmt.Sprintf("%d of %d acknowledged messages %s", c.messages, c.Events, word)
		if lost > c.messages {
			c.Summary += fmt.Sprintf(", in %d channels together", lost)
		}
		if c.licensed > 0 {
			c.Summary += fmt.Sprintf(", %d of them where %s permits it", c.licensed, strings.Join(c.by, " or "))
		}
	}
	if c.deferred > 0 {
		c.Summary += fmt.Sprintf("; %d were deferred", c.deferred)
	}
}
