package broker

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A channel is a cursor into its topic's log and the exceptions to it: all before the cursor is finished, but for
// the deliveries in its window. Guarded by topic.mu, as is all of its consumers that has to do with delivery.
type channel struct {
	topic     *topic
	name      string
	number    uint32           // in the topic's journal; 0: it is not in there
	cursor    store.Offset     // the next message that nobody was given; below it only what is in the window is owed
	behind    int64            // messages from the cursor to topic.handed that are simply owed
	gaps      []gap            // runs at or beyond the cursor that are not for it, in order
	ahead     store.Window     // what was read beyond the cursor
	window    window           // also of those deferred beyond the cursor, which it passes over
	again     queue[*delivery] // requeued and come due, oldest first
	ready     turns
	consumers []*Session
	paused    bool
	deleted   bool
	opening   int64     // the sync point of the topic that makes it last, or one behind; 0: it lasts
	stirred   bool      // in topic.stirred
	turn      bool      // the last message given came from the queue
	last      postponed // to wait in a lane
	unread    error     // why the log could not be read
	readable  int64     // when it is tried again

	inFlight int
	deferred int
	messages uint64 // handed over by the topic
	requeues uint64
	timeouts uint64
	left     LocalityCounts // messages to consumers that have left
	free     []*delivery    // for use again

	delivery Histogram // of the time from publication, or from the end of its deferral, to the first delivery
	endToEnd Histogram // of the time from publication to FIN
	latency  *latency  // of the same, if percentiles are asked for
}

// newChannel makes a channel that is owed what stands at the cursor and behind.
func (t *topic) newChannel(name string, number uint32, cursor store.Offset) *channel {
	c := &channel{topic: t, name: name, cursor: cursor, latency: t.broker.opts.newLatency()}
	if t.journal != nil && !wire.IsEphemeral(name) {
		c.number = number
	}
	t.channels = append(t.channels, c)
	return c
}

func (c *channel) newDelivery(o, place store.Offset) *delivery {
	var d *delivery
	if n := len(c.free); n > 0 {
		d, c.free = c.free[n-1], c.free[:n-1]
	} else {
		d = new(delivery)
	}
	*d = delivery{channel: c, offset: o, place: place, index: -1}
	return d
}

// depth is how many messages wait for a consumer.
func (c *channel) depth() int64 { return c.behind + int64(c.again.len()) }

// lag says that so many messages are simply owed from the cursor on.
func (c *channel) lag(n int64) {
	if n == 0 && c.behind != 0 {
		c.topic.lagging--
	} else if n != 0 && c.behind == 0 {
		c.topic.lagging++
	}
	c.behind = n
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
		c.ready[s.locality].push(s)
		c.stir()
	}
}

// pump gives messages to the consumers that can take one, the nearest first, until there is no such message or consumer. hungry
// says that there is such a consumer still, so none waits.
func (c *channel) pump(now time.Time) (hungry bool) {
	if c.paused || c.deleted {
		return false
	}
	tick, wall, cursor := c.topic.broker.tick(now), now.UnixNano(), c.cursor
	for next := c.ready.next(); next != nil; next = c.ready.next() {
		s := next.front()
		if s.canTake() && !c.feed(tick, wall, s, next.len() == 1) {
			hungry = true
			break
		}
		next.pop()
		s.offered = false
		c.offer(s)
	}
	if c.cursor != cursor {
		c.note(store.Entry{Op: store.Passed, ID: c.cursor})
	}
	return hungry
}

// feed gives a consumer its turn: one message, or as many as it can take if nobody shares its turns. It says whether there was one. wall is the
// same time as tick, in nanoseconds since the Unix epoch.
func (c *channel) feed(tick, wall int64, s *Session, alone bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var r store.Record
	for {
		d := c.take(tick, &r)
		if d == nil {
			return false
		}
		c.deliver(tick, wall, d, &r, s)
		if !alone || !s.canTake() {
			return true
		}
	}
}

// take gives the delivery, of no holder, of the next message, and reads that into r; or nil: by turns one that comes again and one from the
// log, so that neither keeps the other waiting.
func (c *channel) take(tick int64, r *store.Record) *delivery {
	for c.unread == nil {
		if c.again.len() > 0 && !(c.turn && c.behind > 0) {
			d := c.again.front()
			place, _, err := c.topic.log.At(d.place, &c.topic.back, r)
			if err != nil && c.misread(tick, err) {
				break
			}
			if err == nil && place != d.place {
				c.topic.lose(store.Range{From: d.place, To: place})
				err = errLost
			}
			c.again.pop()
			c.turn = true
			if err == nil {
				return d
			}
			c.finish(d) // it is lost
			continue
		}
		c.turn = false
		if c.behind == 0 {
			break
		}
		if d := c.advance(tick, r); d != nil {
			return d
		}
	}
	return nil
}

// advance moves the cursor behind the next message that is simply owed, and gives that; or nil, when it has to be called again.
func (c *channel) advance(tick int64, r *store.Record) *delivery {
	place, next, err := c.topic.log.At(c.cursor, &c.ahead, r)
	if err == nil && place >= c.topic.handed {
		err = io.EOF
	}
	if err != nil {
		if !c.misread(tick, err) {
			c.cursor = min(next, c.topic.handed)
			c.recount()
		}
		return nil
	}
	if len(c.gaps) > 0 && place >= c.gaps[0].from {
		c.cursor = max(place, c.gaps[0].to)
		c.gaps = c.gaps[1:]
		return nil
	}
	c.cursor = next
	if r.ID != place || r.Due != 0 {
		return nil // carried, or deferred: if it is owed it is in the window
	}
	if c.lag(c.behind - 1); c.behind == 0 { // what follows is not owed, or in the window
		c.cursor, c.gaps = c.topic.handed, nil
		c.ahead.Rest()
	}
	d := c.newDelivery(place, place)
	c.window.add(d)
	return d
}

// misread says whether what could not be read may be there later. Otherwise it is lost.
func (c *channel) misread(tick int64, err error) (later bool) {
	t := c.topic
	var lost *store.LostError
	if errors.As(err, &lost) {
		t.lose(lost.Range)
		for _, other := range t.channels {
			other.recount() // no other reader comes to it
		}
		return false
	}
	if errors.Is(err, io.EOF) { // another reader was told of it
		return false
	}
	c.unread, c.readable = err, tick+int64(retryTime)
	t.blind = append(t.blind, c)
	t.soonest = min(t.soonest, c.readable)
	return true
}

// deliver puts a message in flight to s, before it is on its way. Needs s.mu.
func (c *channel) deliver(tick, wall int64, d *delivery, r *store.Record, s *Session) {
	if s.skips() { // sampled out, as in nsqd: the channel has done with it
		c.finish(d)
		return
	}
	if d.attempts++; d.attempts == 0 { // it stays at its most; in nsqd it begins again at 0, as if the message were new
		d.attempts--
	}
	if d.attempts > 1 || d.exception {
		c.note(store.Entry{Op: store.Returned, ID: d.offset, Attempts: d.attempts})
	}
	d.holder = s
	d.delivered = tick
	d.at = r.At
	if d.attempts == 1 {
		c.delivery.Add(time.Duration(wall-max(r.At, r.Due)), 1)
	}
	d.due = tick + int64(s.msgTimeout)
	c.topic.await(d, s.lane)
	c.inFlight++
	s.inFlight++
	s.received++
	s.send(tick, wire.Message{Timestamp: r.At, Attempts: d.attempts, ID: c.topic.broker.messageID(d.offset), Body: r.Body})
}

// held finds the delivery that a client means by an id.
func (c *channel) held(s *Session, id []byte) (*delivery, error) {
	o, ok := c.topic.broker.parseID(id)
	if !ok {
		return nil, errNotInFlight
	}
	d := c.window.find(o)
	if d == nil || d.holder == nil {
		return nil, errNotInFlight
	}
	if d.holder != s {
		return nil, errNotOwner
	}
	return d, nil
}

// stop ends being in flight or deferred.
func (d *delivery) stop() {
	c := d.channel
	if !c.topic.timers.remove(d) {
		return
	}
	if d.holder == nil {
		c.deferred--
		return
	}
	c.inFlight--
	d.holder.inFlight--
	c.offer(d.holder)
	d.holder = nil
}

// complete ends a delivery for its holder, who has done with the message.
func (c *channel) complete(now time.Time, d *delivery) {
	took := time.Duration(now.UnixNano() - d.at)
	c.endToEnd.Add(took, 1)
	if c.latency != nil {
		c.latency.add(c.topic.broker.tick(now), took)
	}
	d.holder.finished++
	c.finish(d)
}

// finish ends the delivery for good.
func (c *channel) finish(d *delivery) {
	c.note(store.Entry{Op: store.Finished, ID: d.offset})
	c.drop(d)
}

// drop ends the delivery without a note of its own.
func (c *channel) drop(d *delivery) {
	d.stop()
	c.window.remove(d)
	c.topic.log.Owe(d.place, -1)
	if len(c.free) < maxSpare {
		c.free = append(c.free, d)
	}
}

// postpone keeps a message beyond the cursor back until it is due.
func (c *channel) postpone(p postponed) {
	d := c.newDelivery(p.offset, p.offset)
	d.exception = true
	c.window.addApart(d)
	c.wait(d, p.due)
}

// wait defers a delivery until it is due.
func (c *channel) wait(d *delivery, due int64) {
	d.due = due
	c.topic.await(d, nil)
	c.deferred++
}

// requeue takes a delivery back from its holder, to come again at once or after a delay.
func (c *channel) requeue(now time.Time, d *delivery, delay time.Duration) {
	d.stop()
	c.requeues++
	d.exception = true
	e := store.Entry{Op: store.Returned, ID: d.offset, Attempts: d.attempts}
	if delay > 0 {
		e.Due = now.UnixNano() + int64(delay)
		c.wait(d, c.topic.broker.tick(now)+int64(delay))
		c.note(e)
		return
	}
	c.note(e)
	c.enqueue(now, d)
}

// enqueue puts a delivery whose wait is over behind the others that come again. A full ephemeral channel drops it.
func (c *channel) enqueue(now time.Time, d *delivery) {
	if limit := c.topic.broker.opts.MemQueueSize; wire.IsEphemeral(c.name) && c.depth() >= limit && !c.pump(now) && c.depth() >= limit {
		c.finish(d)
		return
	}
	c.again.push(d)
	c.stir()
}

// empty drops all that the channel holds: waiting, in flight and deferred.
func (c *channel) empty() {
	c.ranges(func(from, to store.Offset) {
		_, err := c.topic.log.OweRange(from, to, -1)
		c.topic.suffer(err)
	})
	c.lag(0)
	c.cursor, c.gaps = c.topic.handed, nil
	c.ahead.Rest()
	c.again = queue[*delivery]{}
	for _, d := range c.window.all() {
		c.drop(d)
	}
	c.note(store.Entry{Op: store.Emptied, To: c.cursor})
	c.topic.urgent = true
}

// pause stops messages from passing to consumers, or lets them pass again.
func (c *channel) pause(paused bool) {
	c.paused = paused
	c.stir()
	for _, s := range c.consumers {
		s.flush()
	}
	op := store.Unpaused
	if paused {
		op = store.Paused
	}
	c.note(store.Entry{Op: op})
	c.topic.urgent = true
	c.topic.broker.changed(c.topic)
}

// leave takes a consumer out. What it has in flight comes again when its timeout is over, as in nsqd, unless the broker is to requeue it. One that
// closes is not: it would give it to others that are about to end.
func (c *channel) leave(now time.Time, s *Session) {
	s.closing = true
	c.ready[s.locality].remove(s)
	c.left.add(s.locality, s.received)
	c.consumers = slices.DeleteFunc(c.consumers, func(other *Session) bool { return other == s })
	if c.topic.broker.opts.RequeueOnDisconnect && !c.topic.deleted {
		for _, d := range c.window.heldBy(s) {
			c.requeue(now, d, 0)
		}
	}
	c.topic.timers.leave(s.lane)
}
