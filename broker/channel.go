package broker

import (
	"container/heap"
	"maps"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A channel is a cursor into its topic's log and the exceptions to it: all before the cursor is finished, but for
// the deliveries in unfinished. Guarded by topic.mu, as is all of its consumers that has to do with delivery.
type channel struct {
	topic      *topic
	name       string
	cursor     Offset               // the next message that nobody was given; below it only what is unfinished is owed
	unfinished map[Offset]*delivery // also those deferred beyond the cursor, which it passes over
	ahead      int64                // deliveries in unfinished at or beyond the cursor
	gaps       []gap                // runs at or beyond the cursor that are not for it, in order
	dropped    int64                // messages in gaps
	again      queue[*delivery]     // requeued and come due, oldest first
	ready      queue[*Session]      // consumers that can take one more, by turns
	consumers  []*Session
	paused     bool
	deleted    bool
	stirred    bool // in topic.stirred
	turn       bool // the last message given came from the queue

	inFlight int
	deferred int
	messages uint64 // handed over by the topic
	requeues uint64
	timeouts uint64
	free     []*delivery // for use again
	peak     int         // the most in unfinished since it was made
}

// A gap is a run of messages that a full ephemeral channel dropped, or that were dropped before they got to it.
type gap struct{ from, to Offset }

// A delivery is one message in one channel that is not simply before or behind the cursor: in flight if it has a holder,
// deferred if it is among the timers without one, else queued.
type delivery struct {
	channel   *channel
	offset    Offset
	attempts  uint16
	holder    *Session
	delivered time.Time // when the holder got it
	due       time.Time // end of the timeout, or of the deferral
	index     int       // in topic.timers, -1 if not there
}

func (c *channel) newDelivery(o Offset) *delivery {
	var d *delivery
	if n := len(c.free); n > 0 {
		d, c.free = c.free[n-1], c.free[:n-1]
	} else {
		d = new(delivery)
	}
	*d = delivery{channel: c, offset: o, index: -1}
	c.unfinished[o] = d
	c.peak = max(c.peak, len(c.unfinished))
	return d
}

// depth is how many messages wait for a consumer.
func (c *channel) depth() int64 {
	behind := int64(c.topic.log.handed-c.cursor) - c.ahead
	return behind - c.dropped + int64(c.again.len())
}

// stir asks for a look at the channel when the topic's lock is given up.
func (c *channel) stir() {
	if !c.stirred {
		c.stirred = true
		c.topic.stirred = append(c.topic.stirred, c)
	}
}

// offer notes that a consumer may be able to take a message.
func (c *channel) offer(s *Session) {
	if !s.offered && s.canTake() {
		s.offered = true
		c.ready.push(s)
		c.stir()
	}
}

// pump gives messages to the consumers that can take one, in turn, until there is no such message or consumer. hungry
// says that there is such a consumer still, so none waits.
func (c *channel) pump(now time.Time) (hungry bool) {
	for !c.paused && !c.deleted && c.ready.len() > 0 {
		s := c.ready.front()
		if s.canTake() {
			d := c.take()
			if d == nil {
				return true
			}
			c.deliver(now, d, s)
		}
		c.ready.pop()
		s.offered = false
		c.offer(s)
	}
	return false
}

// take gives the next message as a delivery of no holder, or nil: by turns one that comes again and one from the log, so
// that neither keeps the other waiting.
func (c *channel) take() *delivery {
	fresh := c.advance()
	if c.again.len() > 0 && !(c.turn && fresh) {
		c.turn = true
		return c.again.pop()
	}
	c.turn = false
	if !fresh {
		return nil
	}
	d := c.newDelivery(c.cursor)
	c.cursor++
	return d
}

// advance moves the cursor over what is an exception already, and says whether a message stands there.
func (c *channel) advance() bool {
	for c.cursor < c.topic.log.handed {
		if len(c.gaps) > 0 && c.cursor >= c.gaps[0].from {
			c.cursor = c.gaps[0].to
			c.dropped -= int64(c.gaps[0].to - c.gaps[0].from)
			c.gaps = c.gaps[1:]
			continue
		}
		if c.ahead == 0 {
			return true
		}
		if r, _ := c.topic.log.at(c.cursor); r != nil && !r.deferred {
			return true
		}
		c.ahead-- // deferred: it is in unfinished, or was and is finished
		c.cursor++
	}
	return false
}

// deliver puts a message in flight to s, before it is on its way.
func (c *channel) deliver(now time.Time, d *delivery, s *Session) {
	r, body := c.topic.log.at(d.offset)
	if s.skips() { // sampled out, as in nsqd: the channel has done with it
		c.finish(d)
		return
	}
	d.attempts++
	d.holder = s
	d.delivered = now
	d.due = now.Add(s.msgTimeout)
	heap.Push(&c.topic.timers, d)
	c.inFlight++
	s.inFlight++
	s.received++
	s.send(wire.Message{Timestamp: r.at, Attempts: d.attempts, ID: c.topic.broker.messageID(d.offset), Body: body})
}

// held finds the delivery that a client means by an id.
func (c *channel) held(s *Session, id []byte) (*delivery, error) {
	o, ok := c.topic.broker.parseID(id)
	d := c.unfinished[o]
	if !ok || d == nil || d.holder == nil {
		return nil, errNotInFlight
	}
	if d.holder != s {
		return nil, errNotOwner
	}
	return d, nil
}

// settle ends being in flight or deferred, when the timer has fired or was taken out.
func (d *delivery) settle() {
	if d.holder == nil {
		d.channel.deferred--
		return
	}
	d.channel.inFlight--
	d.holder.inFlight--
	d.channel.offer(d.holder)
	d.holder = nil
}

// stop ends the wait for a time, if the delivery is in flight or deferred.
func (d *delivery) stop() {
	if d.index >= 0 {
		heap.Remove(&d.channel.topic.timers, d.index)
		d.settle()
	}
}

// finish ends the delivery for good.
func (c *channel) finish(d *delivery) {
	d.stop()
	delete(c.unfinished, d.offset)
	if len(c.unfinished) == 0 && c.peak > maxSpare {
		c.unfinished, c.peak = map[Offset]*delivery{}, 0
	}
	c.topic.log.release(d.offset)
	if len(c.free) < maxSpare {
		c.free = append(c.free, d)
	}
}

// postpone keeps a message beyond the cursor back until it is due.
func (c *channel) postpone(o Offset, due time.Time) {
	d := c.newDelivery(o)
	c.ahead++
	c.wait(d, due)
}

// wait defers a delivery until it is due.
func (c *channel) wait(d *delivery, due time.Time) {
	d.due = due
	heap.Push(&c.topic.timers, d)
	c.deferred++
}

// enqueue puts a delivery whose wait is over behind the others that come again. A full ephemeral channel drops it.
func (c *channel) enqueue(now time.Time, d *delivery) {
	if wire.IsEphemeral(c.name) && c.full(now, c.topic.broker.opts.MemQueueSize) {
		c.finish(d)
		return
	}
	c.again.push(d)
	c.stir()
}

// full says whether as many messages wait as limit, or more, though every consumer has what it can take.
func (c *channel) full(now time.Time, limit int64) bool {
	return c.depth() >= limit && !c.pump(now) && c.depth() >= limit
}

// overflow drops the message at o, the newest, if the channel holds too many and no consumer can take it now.
func (c *channel) overflow(now time.Time, o Offset) {
	if c.full(now, c.topic.broker.opts.MemQueueSize+1) {
		c.skip(gap{o, o + 1})
		c.topic.log.release(o)
	}
}

// skip leaves out messages at or beyond the cursor, behind all that were left out before.
func (c *channel) skip(g gap) {
	if last := len(c.gaps) - 1; last >= 0 && c.gaps[last].to == g.from {
		c.gaps[last].to = g.to
	} else {
		c.gaps = append(c.gaps, g)
	}
	c.dropped += int64(g.to - g.from)
}

// empty drops all that the channel holds: waiting, in flight and deferred.
func (c *channel) empty() {
	for c.advance() {
		c.topic.log.release(c.cursor)
		c.cursor++
	}
	c.again = queue[*delivery]{}
	for _, o := range slices.Sorted(maps.Keys(c.unfinished)) {
		c.finish(c.unfinished[o])
	}
}

// leave takes a consumer out. What it has in flight comes again when its timeout is over, as in nsqd.
func (c *channel) leave(s *Session) {
	s.closing = true
	c.ready.remove(s)
	c.consumers = slices.DeleteFunc(c.consumers, func(other *Session) bool { return other == s })
}
