package broker

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A topic is one log, and the channels that read it.
type topic struct {
	broker *Broker
	name   string

	mu       sync.Mutex
	log      *log
	channels []*channel // in order of creation
	paused   bool
	deleted  bool   // or the broker closes: it takes no more, and no timer fires
	timers   timers // of every delivery that is in flight or deferred

	messages uint64 // published since the topic began
	bytes    uint64 // of their bodies

	stirred []*channel // those that may be able to deliver, looked at when the lock is given up
	woken   []*Session // those that got bytes to send meanwhile

	scheduled time.Time // when the broker's timer calls at the latest; zero if it does not
	index     int       // in broker.due, -1 if not there; guarded by broker.dueMu
	due       time.Time // scheduled, as broker.due is ordered by it; guarded by broker.dueMu
}

// unlock settles what the holder stirred up, gives the lock back and wakes the sessions that got something to send,
// but for the holder itself, whose driver asks it anyway.
func (t *topic) unlock(now time.Time, holder *Session) {
	t.handOver(now)
	for _, c := range t.stirred {
		c.pump(now)
		c.stirred = false
	}
	clear(t.stirred)
	t.stirred = t.stirred[:0]
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
}

// publish appends a message to the log.
func (t *topic) publish(now time.Time, body []byte, deferral time.Duration) {
	t.messages++
	t.bytes += uint64(len(body))
	if wire.IsEphemeral(t.name) && (len(t.channels) == 0 || t.paused) && t.waiting() >= t.broker.opts.MemQueueSize {
		return // as in nsqd: an ephemeral queue that is full drops, and the publisher has its OK
	}
	t.log.append(now, body, deferral)
}

// schedule asks the broker for a call when the first timer is due, unless one comes before anyway. A call that comes
// early finds nothing due and asks for the next.
func (t *topic) schedule() {
	due := t.timers.next()
	if due.IsZero() || t.deleted || (!t.scheduled.IsZero() && !due.Before(t.scheduled)) {
		return
	}
	t.scheduled = due
	t.broker.schedule(t, due)
}

// waiting is how many messages have not been handed to the channels.
func (t *topic) waiting() int64 { return int64(t.log.next - t.log.handed) }

// handOver gives every channel what waits at the topic, unless the topic is paused or has no channel.
func (t *topic) handOver(now time.Time) {
	if t.waiting() == 0 || t.paused || len(t.channels) == 0 {
		return
	}
	for _, c := range t.channels {
		c.stir()
	}
	for t.waiting() > 0 {
		o, r := t.log.hand(len(t.channels))
		deferred, due := r.deferred, t.log.birth.Add(r.due)
		for _, c := range t.channels {
			c.messages++
			if deferred {
				c.postpone(o, due)
			} else if wire.IsEphemeral(c.name) {
				c.overflow(now, o)
			}
		}
	}
}

// empty drops what waits at the topic. Its channels never had it.
func (t *topic) empty() {
	if waiting := (gap{t.log.handed, t.log.next}); waiting.from < waiting.to {
		t.log.forget()
		for _, c := range t.channels {
			c.skip(waiting)
		}
	}
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

// open finds a channel by name, or makes it: it begins where the topic stands, the first with all that waited.
func (t *topic) open(name string) *channel {
	if c := t.channel(name); c != nil {
		return c
	}
	c := &channel{topic: t, name: name, cursor: t.log.handed, unfinished: map[Offset]*delivery{}}
	t.channels = append(t.channels, c)
	return c
}

// remove takes a channel out, with all it held, and ends its consumers' connections.
func (t *topic) remove(c *channel) {
	c.empty()
	t.channels = slices.DeleteFunc(t.channels, func(other *channel) bool { return other == c })
	c.deleted = true
	for _, s := range c.consumers {
		s.doom(errChannelDeleted)
		t.rouse(s)
	}
}

// before says which of two waits ends first; of two at the same time, that of the older message.
func (d *delivery) before(other *delivery) bool {
	if c := d.due.Compare(other.due); c != 0 {
		return c < 0
	}
	return d.offset < other.offset
}

// timers are the deliveries of a topic that wait for a time, the first at the root.
type timers []*delivery

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].before(h[j]) }
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timers) Push(x any) {
	d := x.(*delivery)
	d.index = len(*h)
	*h = append(*h, d)
}
func (h *timers) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = nil
	if *h = (*h)[:last]; last == 0 {
		*h = emptied(*h)
	}
	d.index = -1
	return d
}

// next is when the first of them is due; the zero time if there is none.
func (h timers) next() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[0].due
}

// expire ends every wait that is over at now: what was in flight is queued again, and what was deferred is queued.
func (t *topic) expire(now time.Time) {
	for len(t.timers) > 0 && !t.timers[0].due.After(now) {
		d := heap.Pop(&t.timers).(*delivery)
		if d.holder != nil {
			d.channel.timeouts++
		}
		d.settle()
		d.channel.enqueue(now, d)
	}
}

// rouse has a session's driver look at it when the lock is given up.
func (t *topic) rouse(s *Session) {
	if !s.waking {
		s.waking = true
		t.woken = append(t.woken, s)
	}
}
