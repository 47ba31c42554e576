package broker

import (
	"slices"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A topic is one log, and the channels that read it.
type topic struct {
	broker     *Broker
	name       string
	durability Durability

	mu        sync.Mutex
	log       *store.Log
	back      store.Window   // what was read of it for redeliveries
	first     store.Offset   // at which it began
	rolled    int            // segments of it, when stragglers were looked for last
	journal   *store.Journal // of what happens to the channels; nil: all goes with the process
	urgent    bool           // what was added to the journal must be written at once
	large     int64          // bytes at which it is made anew
	retry     int64          // when the journal is tried again after it could not be written
	channels  []*channel     // in order of creation
	numbers   uint32         // the channels so far
	lagging   int            // channels that are behind
	blind     []*channel     // channels that could not read the log, until they try again
	removed   []store.Entry  // those that are gone and that the metadata may tell of yet, as they were opened
	paused    bool
	deleted   bool          // or the broker closes: it takes no more, and no timer fires
	gone      bool          // deleted, and its files are to go
	draining  bool          // as the broker: nothing is published to it
	keeper    *channel      // of channels, until undiscovered is over
	handed    store.Offset  // what lies before was handed to the channels; the rest waits at the topic
	waiting   int64         // messages from handed on
	postponed []postponed   // those of them that are deferred
	batch     batch         // what was published since the lock was taken
	timers    timers        // of every delivery that is in flight or deferred
	failure   error         // of the disk, when it was written last; nil if that went well
	syncError error         // as failure, when it was synced last
	lost      []store.Range // of the log, that could not be read

	messages uint64 // published since the topic began
	bytes    uint64 // of their bodies

	stirred []*channel // those that may be able to deliver, looked at when the lock is given up
	woken   []*Session // those that got bytes to send meanwhile
	waiters []waiter   // who wait for a Sync
	points  int64      // sync points so far
	whole   int64      // the last of them for which the journal was written with all that had happened

	undiscovered bool // it was not told yet of its channels elsewhere
	asking       func(error)

	unsynced  int64       // messages since the last Sync began
	rested    int64       // when the next one may begin for which nobody waits
	scheduled int64       // when the broker's timer calls at the latest; never if it does not
	soonest   int64       // no wait that has begun since scheduled was set ends before
	leftover  int64       // when waits that are over were left, since there were too many; never if none were
	visit     appointment // scheduled, in broker.due; guarded by broker.dueMu
	syncing   appointment // when the topic is to be synced, in broker.dirty; guarded by broker.syncMu
}

// A postponed message is deferred, and waits at the topic.
type postponed struct {
	offset store.Offset
	due    int64
}

// A batch is what was published under one hold of the lock: all of it fails, or nothing.
type batch struct {
	from     store.Offset
	records  int64
	deferred int
	bytes    uint64
}

// unlock settles what the holder did and stirred up, gives the lock back and wakes the sessions that got something to send, but for
// the holder itself, whose driver asks it anyway.
func (t *topic) unlock(now time.Time, holder *Session) {
	err := t.commit(now)
	asking := t.answer(now, holder, err)
	t.deliver(now)
	t.record(now)
	t.schedule()
	var few [16]*Session
	woken := append(few[:0], t.woken...)
	for _, s := range woken {
		s.waking = false
	}
	clear(t.woken)
	t.woken = t.woken[:0]
	t.mu.Unlock()
	for _, s := range woken {
		if s != holder {
			s.wake()
		}
	}
	if asking != nil {
		asking(err)
	}
}

// deliver hands over what waits, and gives messages to the consumers of the channels that were stirred.
func (t *topic) deliver(now time.Time) {
	if t.waiting > 0 {
		t.handOver(now)
	}
	for _, c := range t.stirred {
		c.pump(now)
		c.stirred = false
	}
	clear(t.stirred)
	t.stirred = t.stirred[:0]
	if t.lazy() {
		t.log.Discard()
	} else if t.log.Full() && t.caughtUp() {
		t.log.Rest(false)
	}
}

// caughtUp says that no channel has anything left to read in order.
func (t *topic) caughtUp() bool {
	return t.waiting == 0 && t.lagging == 0
}

// laden says that so much was published that it is to be handed over.
func (t *topic) laden() bool {
	return t != nil && t.batch.records*int64(len(t.channels)) >= maxFanOut
}

// publish adds a message to the batch. Of several that belong together all but the first have and, and all but the last more.
func (t *topic) publish(now time.Time, body []byte, deferral time.Duration, and, more bool) {
	if wire.IsEphemeral(t.name) && (len(t.channels) == 0 || t.paused) && t.waiting+t.batch.records >= t.broker.opts.MemQueueSize {
		t.messages++
		t.bytes += uint64(len(body))
		return // as in nsqd: an ephemeral queue that is full drops, and the publisher has its OK
	}
	r := store.Record{At: now.UnixNano(), Body: body, And: and, More: more}
	if deferral > 0 {
		r.Due = r.At + int64(deferral)
	}
	o := t.log.Append(r)
	if t.batch.records == 0 {
		t.batch.from = o
	}
	t.batch.records++
	t.batch.bytes += uint64(len(body))
	if deferral > 0 {
		t.batch.deferred++
		t.postponed = append(t.postponed, postponed{o, t.broker.tick(now) + int64(deferral)})
	}
}

// handOver gives every channel what waits at the topic, unless the topic is paused or has no channel.
func (t *topic) handOver(now time.Time) {
	if t.paused || len(t.channels) == 0 || t.deleted {
		return
	}
	n, from := t.waiting, t.handed
	if more := int64(len(t.channels) - 1); more > 0 {
		t.log.OweLast(n, more)
	}
	t.handed, t.waiting = t.log.End(), 0
	if !t.remembered() {
		t.note(store.Entry{Op: store.Passed, ID: t.handed})
	}
	for _, c := range t.channels {
		c.stir()
		c.messages += uint64(n)
		c.lag(c.behind + n - int64(len(t.postponed)))
		for _, p := range t.postponed {
			c.postpone(p)
		}
		if wire.IsEphemeral(c.name) {
			c.overflow(now, from)
		}
	}
	t.postponed = emptied(t.postponed)
}

// remembered says whether the journal tells of a channel, and so of all that was handed over.
func (t *topic) remembered() bool {
	return slices.ContainsFunc(t.channels, func(c *channel) bool { return c.number != 0 })
}

// empty drops what waits at the topic. Its channels never had it.
func (t *topic) empty() {
	if t.waiting == 0 {
		return
	}
	t.log.OweLast(t.waiting, -1)
	waiting := gap{t.handed, t.log.End()}
	t.handed, t.waiting, t.postponed = waiting.to, 0, nil
	for _, c := range t.channels {
		c.skip(waiting)
	}
	t.note(store.Entry{Op: store.Passed, ID: t.handed})
	t.urgent = true
}

// pause stops messages from passing to the channels, or lets them pass again.
func (t *topic) pause(paused bool) {
	t.paused = paused
	op := store.Unpaused
	if paused {
		op = store.Paused
	}
	t.note(store.Entry{Op: op, ID: t.handed})
	t.urgent = true
	t.broker.changed(t)
}

// channel finds a channel by name, or nil.
func (t *topic) channel(name string) *channel {
	for _, c := range t.channels {
		if c.name == name {
			return c
		}
	}
	return nil
}

// open finds a channel by name, or makes it: it begins where the topic stands, the first with all that waited, or with the keeper.
func (t *topic) open(now time.Time, name string) *channel {
	if c := t.channel(name); c != nil {
		return c
	}
	t.keep()
	t.numbers++
	c := t.newChannel(name, t.numbers, t.handed)
	c.opening = t.points + 1
	follows := t.keeps(name)
	if follows {
		c.cursor = t.keeper.cursor
	}
	c.note(store.Entry{Op: store.Opened, ID: c.cursor, Name: name})
	if follows {
		c.follow(now, t.keeper)
	}
	t.release()
	t.urgent = true
	t.broker.changed(t)
	t.broker.renamed()
	return c
}

// remove takes a channel out, with all it held, and ends its consumers' connections.
func (t *topic) remove(c *channel) {
	c.empty()
	t.channels = slices.DeleteFunc(t.channels, func(other *channel) bool { return other == c })
	t.blind = slices.DeleteFunc(t.blind, func(other *channel) bool { return other == c })
	c.deleted = true
	for _, s := range c.consumers {
		s.doom(errChannelDeleted)
		t.rouse(s)
	}
	if !t.remembered() {
		t.note(store.Entry{Op: store.Passed, ID: t.handed})
	}
	c.note(store.Entry{Op: store.Deleted})
	if c.number != 0 {
		t.removed = append(t.removed, store.Entry{Op: store.Opened, Channel: c.number, ID: c.cursor, Name: c.name})
	}
	t.urgent = true
	t.broker.changed(t)
	t.broker.renamed()
}

// expire ends waits that are over at now, at most limit of them: what was in flight is queued again, and what was deferred is queued. It
// says how many.
func (t *topic) expire(now time.Time, limit int) (n int) {
	tick := t.broker.tick(now)
	for d := t.timers.first(); d != nil && d.due <= tick && n < limit; d = t.timers.first() {
		if d.holder != nil {
			d.channel.timeouts++
		}
		d.stop()
		d.channel.enqueue(now, d)
		n++
	}
	t.blind = slices.DeleteFunc(t.blind, func(c *channel) bool {
		if c.readable > tick {
			return false
		}
		c.unread = nil
		c.stir()
		return true
	})
	if t.soonest = min(t.soonest, t.next()); t.soonest <= tick {
		t.leftover = tick
	}
	return n
}

// await begins the wait of a delivery, in a lane if that is not nil.
func (t *topic) await(d *delivery, l *lane) {
	t.timers.add(d, l)
	t.soonest = min(t.soonest, d.due)
}

// next is when the first wait ends.
func (t *topic) next() int64 {
	due := t.timers.next()
	for _, c := range t.blind {
		due = min(due, c.readable)
	}
	return due
}

// schedule asks the broker for a call when the first timer is due, unless one comes before anyway. A call that comes
// early finds nothing due and asks for the next. What was left over by a call waits until other topics have had theirs.
func (t *topic) schedule() {
	if t.soonest >= t.scheduled {
		return
	}
	due := t.next()
	if t.leftover != never {
		due = max(due, t.leftover)
	}
	t.soonest, t.leftover = never, never
	if due < t.scheduled && !t.deleted {
		t.scheduled = due
		t.broker.schedule(t, due)
	}
}

// rouse has a session's driver look at it when the lock is given up.
func (t *topic) rouse(s *Session) {
	if !s.waking {
		s.waking = true
		t.woken = append(t.woken, s)
	}
}
