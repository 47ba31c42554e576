package broker

import (
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// maxPending is how many bytes may wait for a client that reads too slowly, before it gets no more messages.
const maxPending = 1 << 20

// A consumer is a session's part in deliveries. Guarded by channel.topic.mu; channel itself is set once, under both locks.
type consumer struct {
	channel    *channel
	ready      int64
	inFlight   int64
	received   uint64 // messages sent to it
	finished   uint64
	requeued   uint64
	msgTimeout time.Duration
	lane       *lane // of msgTimeout
	sampleRate int32
	locality   locality
	closing    bool // it takes no more: after CLS, or as it ends
	full       bool // too much waits to be sent
	offered    bool // in channel.ready
	waking     bool // in topic.woken
}

// canTake says whether one more message may be sent. Needs the lock of the channel's topic.
func (c *consumer) canTake() bool {
	return !c.closing && !c.full && c.inFlight < c.ready
}

// skips says whether the next message is left out for the client's sample rate.
func (s *Session) skips() bool {
	return s.sampleRate > 0 && s.random().Int32N(100) > s.sampleRate
}

// random is the session's source of draws, made when it is first needed.
func (s *Session) random() *rand.Rand {
	if s.rng == nil {
		s.rng = rand.New(rand.NewPCG(s.broker.opts.Seed, s.number))
	}
	return s.rng
}

// send adds a message to what goes out. Needs the lock of the channel's topic, and s.mu.
func (s *Session) send(tick int64, m wire.Message) {
	first := len(s.out) == 0
	s.out = wire.AppendMessage(s.out, m)
	if len(s.out) >= maxPending {
		s.stalled = true
		s.full = true
	}
	if s.buffer.size > 0 {
		if first {
			s.buffer.begin(s.broker, tick)
		}
		if len(s.out) >= s.buffer.size || !s.canTake() {
			s.buffer.lingers = false
		}
		if s.buffer.lingers && !first {
			return
		}
	}
	s.channel.topic.rouse(s)
}

// An outputBuffer lets messages wait to be sent together, for a client that has asked for more of that than the default. Guarded by Session.mu.
type outputBuffer struct {
	size    int           // bytes at which what waits is sent; 0: nothing waits
	time    time.Duration // the longest wait
	lingers bool          // all that is in Session.out waits, until due
	due     time.Time
}

// begin has a message, the first in Session.out, wait.
func (b *outputBuffer) begin(broker *Broker, tick int64) {
	b.lingers = true
	b.due = broker.time(tick + int64(b.time))
}

// next is the earlier one of a timeout and of the end of the wait.
func (b *outputBuffer) next(timeout time.Time) time.Time {
	if b.lingers && (timeout.IsZero() || b.due.Before(timeout)) {
		return b.due
	}
	return timeout
}

// expire ends the wait if it is over.
func (b *outputBuffer) expire(now time.Time) {
	if b.lingers && !now.Before(b.due) {
		b.lingers = false
	}
}

// flush ends the wait of what goes out, since no more messages come for now. Needs the lock of the channel's topic.
func (s *Session) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buffer.lingers {
		s.buffer.lingers = false
		s.channel.topic.rouse(s)
	}
}

// goOn resumes deliveries after too much had waited to be sent.
func (s *Session) goOn(now time.Time) {
	if s.channel != nil {
		s.hold(now, s.channel.topic)
		s.full = false
		s.channel.offer(s)
	}
}

// retire ends deliveries to a session that is about to end: what it got now would only wait for its timeout.
func (s *Session) retire(now time.Time) {
	if s.channel != nil {
		s.hold(now, s.channel.topic)
		s.closing = true
	}
}
