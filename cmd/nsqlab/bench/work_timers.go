package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	timerChannels = 1_000       // at the most, over which the deliveries are spread
	timerRate     = 10_000      // timers that end in a second, on average: what leaves two cores room
	fillRate      = 50_000      // timers that begin in a second
	timerRun      = 100         // messages to one topic before those to the next, when it does not matter when they are published
	timerWindow   = 16          // DPUBs on their way: what one waits there passes for lateness
	timerBuffer   = 16 << 10    // of a consumer's connection
	fillRun       = 10          // the same when they begin at an even rate
	timeouts      = 8           // lengths of message timeouts
	topicDigits   = 4           // of a topic's number, with zeros before it
	shortest      = time.Second // message timeout that nsqd takes
)

var errEarly = errors.New("messages were timed out before all were in flight: too slow to measure how late they come")

// channels is how many channels the deliveries are spread over, and how many each has.
func (l *load) channels() (channels, each int) {
	channels = min(timerChannels, l.count)
	return channels, l.count / channels
}

// makeTopics names topics and gives the name of the first; the others' differ from it in their last digits.
func (l *load) makeTopics(n int) (first string) {
	l.topics = nil
	for i := range n {
		l.topics = append(l.topics, fmt.Sprintf("%s-%0*d", l.topic, topicDigits, i))
	}
	return l.topics[0]
}

// timersDeferred is deferred messages in as many topics as channels, due at random times that are evenly spread.
func timersDeferred(l *load) error {
	channels, each := l.channels()
	first := l.makeTopics(channels)
	got, err := l.takers(channels, func(i int) (string, string) { return l.topics[i], "bench" }, (*consumer).start)
	if err != nil {
		return err
	}
	p, err := l.newProducer(dpub(first, l.size), timerWindow)
	if err != nil {
		return err
	}
	return l.deferTimers(p, got, channels*each, 1, func(copy, i int) {
		p.number(copy, len("DPUB ")+len(first)-topicDigits, topicDigits, int64(i/timerRun%channels))
	})
}

// timersChannels is deferred messages in one topic, each of which is as many deliveries as there are channels.
func timersChannels(l *load) error {
	channels, each := l.channels()
	got, err := l.takers(channels, func(i int) (string, string) { return l.topic, "bench-" + strconv.Itoa(i) }, (*consumer).start)
	if err != nil {
		return err
	}
	p, err := l.newProducer(dpub(l.topic, l.size), 1)
	if err != nil {
		return err
	}
	return l.deferTimers(p, got, each, channels, func(int, int) {})
}

// takers connects a consumer to each of so many channels, with what is to be done about it. Their latencies count from the time in the bodies.
func (l *load) takers(n int, channel func(i int) (topic, name string), also func(*consumer) error) (*flow, error) {
	got := newFlow()
	for i := range n {
		topic, name := channel(i)
		c, err := l.newConsumerOf(timerBuffer, topic, name, got)
		if err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, n, err)
		}
		c.latency = l.newLatency(ofLateness)
		if err := also(c); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// deferTimers publishes deferred messages, each of which is delivered in so many channels, and measures from when they are there to when
// the last has come. aim writes the topic of message i into a copy.
func (l *load) deferTimers(p *producer, got *flow, messages, channels int, aim func(copy, i int)) error {
	before, err := l.serverRSS()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	spread := time.Duration(messages*channels) * time.Second / timerRate
	lead := time.Duration(messages*channels)*time.Second/fillRate + shortest
	due, next := l.now()+lead, 0
	p.prepare = func(copy int, now time.Duration) {
		p.postpone(copy, now, max(due+time.Duration(random.Int64N(int64(spread)))-now, time.Millisecond))
		aim(copy, next)
		next++
	}
	if err := p.run(fillTime, messages); err != nil {
		return err
	}
	if l.now() > due {
		return fmt.Errorf("%d messages were published in more than %s: too slow to measure how late they come", messages, lead)
	}
	l.result.Held = p.sent * channels
	if err := l.grown(before, l.result.Held); err != nil {
		return err
	}
	if err := l.rest(due - l.now()); err != nil {
		return err
	}
	return l.awaitTimers(got, p.sent*channels)
}

// awaitTimers measures until so many messages have come.
func (l *load) awaitTimers(got *flow, n int) error {
	if err := l.begin(); err != nil {
		return err
	}
	if _, err := got.wait(l.ctx, n); err != nil {
		return err
	}
	return l.finish(n)
}

// timersInFlight is messages in as many topics as channels, published evenly. A client takes those of a channel and never finishes them; after their
// timeout another gets them. Lateness counts from their timeout after they were published, so that publishing and delivering them is part of it.
func timersInFlight(l *load) error {
	channels, each := l.channels()
	first := l.makeTopics(channels)
	messages := channels * each
	fill, spread := time.Duration(messages)*time.Second/fillRate, time.Duration(messages)*time.Second/timerRate
	timeout := func(i int) time.Duration {
		return (shortest + fill + fill/2 + spread*time.Duration(i%timeouts)/(timeouts-1)).Round(time.Millisecond)
	}
	held := newFlow()
	holders, err := l.holders(channels, timeout, held)
	if err != nil {
		return err
	}
	var takers []*consumer
	got, err := l.takers(channels, func(i int) (string, string) { return l.topics[i], "bench" }, func(c *consumer) error {
		c.attempt, c.delay = 2, timeout(len(takers))
		takers = append(takers, c)
		return nil
	})
	if err != nil {
		return err
	}
	if err := l.fillTimers(first, channels, messages, held); err != nil {
		return err
	}
	for i, c := range takers {
		if err := holders[i].send(wire.AppendCommand(nil, "RDY", "0")); err != nil {
			return err
		}
		if err := c.start(); err != nil {
			return err
		}
	}
	if got.got.Load() > 0 {
		return errEarly
	}
	return l.awaitTimers(got, messages)
}

// holders connects to each topic a client with a message timeout of its own, which takes what comes and finishes nothing.
func (l *load) holders(n int, timeout func(i int) time.Duration, held *flow) (all []*conn, err error) {
	for i := range n {
		body := fmt.Appendf(nil, `{"client_id":"nsqlab-bench","msg_timeout":%d}`, timeout(i).Milliseconds())
		c, err := l.dialAs(wire.AppendBody([]byte("IDENTIFY\n"), body), max(timerBuffer, 2*(l.size+frameReserve)))
		if err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, n, err)
		}
		if err := c.ask(wire.AppendCommand(nil, "SUB", l.topics[i], "bench")); err != nil {
			return nil, err
		}
		if err := c.send(wire.AppendCommand(nil, "RDY", strconv.Itoa(ready))); err != nil {
			return nil, err
		}
		l.background(func() error { return c.hold(held) })
		all = append(all, c)
	}
	return all, nil
}

// hold counts messages, and answers heartbeats, until the connection ends.
func (c *conn) hold(held *flow) error {
	for {
		if err := c.read(); err != nil {
			return err
		}
		n := 0
		for {
			f, ok, err := c.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if f.Type == wire.FrameMessage {
				n++
			}
		}
		if err := c.flush(); err != nil {
			return err
		}
		held.add(n)
	}
}

// fillTimers publishes messages at an even rate, to one topic after the other, and waits until all are held.
func (l *load) fillTimers(first string, channels, messages int, held *flow) error {
	p, err := l.newProducer(pub(first, 1, l.size), windowed)
	if err != nil {
		return err
	}
	l.background(p.conn.stay)
	before, err := l.serverRSS()
	if err != nil {
		return err
	}
	p.aim = func(copy, i int) {
		p.number(copy, len("PUB ")+len(first)-topicDigits, topicDigits, int64(i/fillRun%channels))
	}
	if err := p.pace(pacer{fillRate}, messages); err != nil {
		return err
	}
	if _, err := held.wait(l.ctx, messages); err != nil {
		return err
	}
	l.result.Held = messages
	return l.grown(before, messages)
}
