package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
)

// A gap is a run of messages that a full ephemeral channel dropped, or that were dropped before they got to it.
type gap struct{ from, to store.Offset }

// recount counts what is owed from the cursor on, after some of it was lost. What it cannot count stays in the figure, so that nothing is
// taken for done that is not; the cursor finds out.
func (c *channel) recount() {
	behind, counted := int64(0), true
	c.ranges(func(from, to store.Offset) {
		n, err := c.topic.log.OweRange(from, to, 0)
		behind += n
		counted = counted && err == nil
		c.topic.suffer(err)
	})
	if counted {
		c.lag(behind)
	}
}

// ranges calls f for each run from the cursor to topic.handed that is not in a gap.
func (c *channel) ranges(f func(from, to store.Offset)) {
	from := c.cursor
	for _, g := range c.gaps {
		if from < g.from {
			f(from, g.from)
		}
		from = g.to
	}
	if from < c.topic.handed {
		f(from, c.topic.handed)
	}
}

// overflow drops the newest of what was just handed over, from offset from on, that is too much for an ephemeral channel and no consumer
// can take now.
func (c *channel) overflow(now time.Time, from store.Offset) {
	limit := c.topic.broker.opts.MemQueueSize
	if c.depth() <= limit {
		return
	}
	c.pump(now)
	from = max(from, c.cursor)
	fresh, err := c.topic.log.OweRange(from, c.topic.handed, 0)
	c.topic.suffer(err)
	keep := fresh - max(c.depth()-limit, 0)
	if keep == fresh {
		return
	}
	for ; keep > 0; keep-- {
		from = c.topic.behind(from)
	}
	n, err := c.topic.log.OweRange(from, c.topic.handed, -1)
	c.topic.suffer(err)
	c.lag(c.behind - n)
	c.skip(gap{from, c.topic.handed})
}

// behind gives the place behind the first message from o on that is simply owed.
func (t *topic) behind(o store.Offset) store.Offset {
	for {
		var r store.Record
		place, next, err := t.log.At(o, &t.back, &r)
		if err != nil || r.ID == place && r.Due == 0 {
			return next
		}
		o = next
	}
}

// skip leaves out messages at or beyond the cursor, behind all that were left out before.
func (c *channel) skip(g gap) {
	c.note(store.Entry{Op: store.Emptied, ID: g.from, To: g.to})
	if last := len(c.gaps) - 1; last >= 0 && c.gaps[last].to == g.from {
		c.gaps[last].to = g.to
	} else if c.behind == 0 {
		c.cursor, c.gaps = g.to, nil
	} else {
		c.gaps = append(c.gaps, g)
	}
}
