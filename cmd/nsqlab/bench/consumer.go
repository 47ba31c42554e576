package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// ready is how many messages a consumer has in flight at the most: the default of nsqd's --max-rdy-count.
const ready = 2500

// A flow counts the messages that consumers got, and lets one goroutine wait until they are enough.
type flow struct {
	got     atomic.Int64
	wanted  atomic.Int64
	reached chan struct{} // holds a token when got has come up to wanted
}

func newFlow() *flow {
	f := &flow{reached: make(chan struct{}, 1)}
	f.wanted.Store(math.MaxInt64)
	return f
}

func (f *flow) add(n int) {
	if f.got.Add(int64(n)) >= f.wanted.Load() {
		select {
		case f.reached <- struct{}{}:
		default:
		}
	}
}

// wait waits for n messages in all, and says whether it had to.
func (f *flow) wait(ctx context.Context, n int) (waited bool, err error) {
	if f.got.Load() >= int64(n) {
		return false, nil
	}
	f.wanted.Store(int64(n))
	defer f.wanted.Store(math.MaxInt64)
	for f.got.Load() < int64(n) {
		select {
		case <-f.reached:
		case <-ctx.Done():
			return true, fmt.Errorf("%d of %d messages came: %w", f.got.Load(), n, context.Cause(ctx))
		}
	}
	return true, nil
}

// A consumer finishes each message as it comes.
type consumer struct {
	load    *load
	conn    *conn
	flow    *flow
	latency *latency      // nil: not wanted
	attempt uint16        // at which a message is new to it
	delay   time.Duration // of a message, after the time in its body, that is no latency
}

// newConsumer connects one and subscribes it. Nothing comes before start.
func (l *load) newConsumer(topic, channel string, f *flow) (*consumer, error) {
	return l.newConsumerOf(largeBuffer, topic, channel, f)
}

// newConsumerOf is newConsumer with a buffer of so many bytes, or as many as a message needs.
func (l *load) newConsumerOf(buffer int, topic, channel string, f *flow) (*consumer, error) {
	conn, err := l.dial(max(buffer, 2*(l.size+frameReserve)))
	if err != nil {
		return nil, err
	}
	c := &consumer{load: l, conn: conn, flow: f, attempt: 1}
	return c, conn.ask(wire.AppendCommand(nil, "SUB", topic, channel))
}

// start asks for messages, and takes them until the end of the measurement.
func (c *consumer) start() error {
	c.conn.out = wire.AppendCommand(c.conn.out, "RDY", strconv.Itoa(ready))
	if err := c.conn.flush(); err != nil {
		return err
	}
	c.load.background(c.run)
	return nil
}

func (c *consumer) run() error {
	for {
		if err := c.conn.read(); err != nil {
			return err
		}
		n, err := c.take(c.load.now())
		if err != nil {
			return err
		}
		if err := c.conn.flush(); err != nil {
			return err
		}
		c.flow.add(n)
	}
}

// take finishes the messages that have come and says how many were new.
func (c *consumer) take(now time.Duration) (n int, err error) {
	for {
		f, ok, err := c.conn.next()
		if err != nil || !ok {
			return n, err
		}
		if f.Type != wire.FrameMessage {
			continue
		}
		m, err := wire.ParseMessage(f.Data)
		if err != nil {
			return n, err
		}
		if len(m.Body) != c.load.size {
			return n, fmt.Errorf("a message of %d bytes, want %d", len(m.Body), c.load.size)
		}
		out := append(c.conn.out, "FIN "...)
		out = append(out, m.ID[:]...)
		c.conn.out = append(out, '\n')
		if m.Attempts > c.attempt && c.attempt > 1 {
			return n, errEarly
		}
		if m.Attempts != c.attempt { // again, for its timeout
			continue
		}
		n++
		if c.latency != nil {
			c.latency.add(now-time.Duration(binary.BigEndian.Uint64(m.Body))-c.delay, 1)
		}
	}
}

// waitOr waits for n messages in all, or until a time is over.
func (f *flow) waitOr(ctx context.Context, n int, lasts time.Duration) error {
	over, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	_, err := f.wait(over, n)
	if ctx.Err() == nil && over.Err() != nil {
		return nil
	}
	return err
}
