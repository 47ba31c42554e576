package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// The bounds of a closed loop.
const (
	maxAhead      = 10_000   // messages that consumers may be behind a producer, so that no backlog is measured,
	maxAheadBytes = 64 << 20 // and bytes
	maxOnWay      = 16 << 20 // bytes of commands without an answer
	maxBody       = 5 << 20  // of an MPUB: the default of nsqd's --max-body-size
)

// A command is a publishing command as bytes, and where the bodies stand in it.
type command struct {
	bytes    []byte
	messages int
	first    int // where the first body begins
	stride   int // from one body to the next
	digits   int // where the deferral's digits begin, of a DPUB
}

// deferralDigits is the width of a DPUB's deferral, with zeros before it.
const deferralDigits = 10

// pub makes a command that publishes so many messages of so many bytes, or as many as nsqd takes: PUB for one, else MPUB.
func pub(topic string, messages, size int) command {
	messages = min(messages, (maxBody-4)/(4+size))
	body := bytes.Repeat([]byte("x"), size)
	if messages == 1 {
		line := wire.AppendCommand(nil, "PUB", topic)
		return command{bytes: wire.AppendBody(line, body), messages: 1, first: len(line) + 4}
	}
	bodies := make([][]byte, messages)
	for i := range bodies {
		bodies[i] = body
	}
	line := wire.AppendCommand(nil, "MPUB", topic)
	return command{bytes: wire.AppendBodies(line, bodies), messages: messages, first: len(line) + 12, stride: 4 + size}
}

// dpub makes a command that publishes one deferred message.
func dpub(topic string, size int) command {
	line := wire.AppendCommand(nil, "DPUB", topic, string(bytes.Repeat([]byte("0"), deferralDigits)))
	body := bytes.Repeat([]byte("x"), size)
	return command{
		bytes: wire.AppendBody(line, body), messages: 1, first: len(line) + 4, digits: len(line) - deferralDigits - 1,
	}
}

// A producer publishes on one connection with a bounded number of commands on their way.
type producer struct {
	load    *load
	conn    *conn
	command command
	copies  []byte // of the command, one after another, to be stamped and sent in one write
	window  int    // commands on their way at the most

	sent, answered int             // commands
	times          []time.Duration // when those on their way were sent, by their number modulo the window
	acks           *latency        // nil: not wanted

	flow      *flow // what the consumers got; nil: they are not waited for
	consumers int   // that get each message
	ahead     int   // messages that they may be behind

	prepare func(i int, now time.Duration) // makes a copy ready to be sent
	aim     func(copy, i int)              // has a copy be message i of an open loop; nil: it is
}

// newProducer connects one.
func (l *load) newProducer(c command, window int) (*producer, error) {
	conn, err := l.dial(largeBuffer)
	if err != nil {
		return nil, err
	}
	window = max(1, min(window, maxOnWay/len(c.bytes)))
	copies := max(1, min(window, largeBuffer/len(c.bytes)))
	p := &producer{
		load: l, conn: conn, command: c, copies: bytes.Repeat(c.bytes, copies), window: window, times: make([]time.Duration, window),
		ahead: max(window*c.messages, min(maxAhead, maxAheadBytes*c.messages/len(c.bytes))),
	}
	p.prepare = p.stamp
	return p, nil
}

// published is how many messages were sent.
func (p *producer) published() int { return p.sent * p.command.messages }

// run publishes until the time is over or so many more messages are sent, and waits for the last answer.
func (p *producer) run(lasts time.Duration, messages int) error {
	now := p.load.now()
	end, last := now+lasts, p.sent+max(1, messages/p.command.messages)
	for {
		n := min(p.window-(p.sent-p.answered), last-p.sent)
		if now >= end {
			n = 0
		}
		if n > 0 {
			waited, err := p.await(n)
			if err != nil {
				return err
			}
			if waited {
				now = p.load.now()
			}
			if err := p.send(now, n); err != nil {
				return err
			}
		}
		if p.sent == p.answered {
			return nil
		}
		var err error
		if now, err = p.receive(); err != nil {
			return err
		}
	}
}

// await lets the consumers catch up before n more commands, and says whether it had to.
func (p *producer) await(n int) (waited bool, err error) {
	if p.flow == nil {
		return false, nil
	}
	return p.flow.wait(p.load.ctx, p.consumers*(p.published()+n*p.command.messages-p.ahead))
}

// send sends n commands, for which there is room in the window.
func (p *producer) send(now time.Duration, n int) error {
	length := len(p.command.bytes)
	for n > 0 {
		some := min(n, len(p.copies)/length)
		for i := range some {
			p.prepare(i, now)
			p.times[(p.sent+i)%p.window] = now
		}
		if err := p.write(some); err != nil {
			return err
		}
		n -= some
	}
	return nil
}

// stamp writes a time into the bodies of a copy.
func (p *producer) stamp(i int, at time.Duration) {
	c := &p.command
	body := i*len(c.bytes) + c.first
	for range c.messages {
		binary.BigEndian.PutUint64(p.copies[body:], uint64(at))
		body += c.stride
	}
}

// write sends the first n copies.
func (p *producer) write(n int) error {
	p.sent += n
	return p.conn.send(p.copies[:n*len(p.command.bytes)])
}

// receive waits for answers and takes all that are there.
func (p *producer) receive() (now time.Duration, err error) {
	if err := p.conn.read(); err != nil {
		return 0, err
	}
	now = p.load.now()
	for {
		_, ok, err := p.conn.next()
		if err != nil {
			return now, err
		}
		if !ok {
			return now, p.conn.flush()
		}
		if p.acks != nil {
			p.acks.add(now-p.times[p.answered%p.window], p.command.messages)
		}
		p.answered++
	}
}

// pace publishes n messages, each when it is due and stamped with that, without waiting for any answer; another goroutine
// reads them.
func (p *producer) pace(pace pacer, n int) error {
	start := p.load.now()
	for p.sent < n {
		due := min(pace.due(p.load.now()-start), n, p.sent+len(p.copies)/len(p.command.bytes))
		for i := range due - p.sent {
			p.stamp(i, start+pace.at(p.sent+i))
			if p.aim != nil {
				p.aim(i, p.sent+i)
			}
		}
		if due > p.sent {
			n := due - p.sent
			p.sent = due
			if _, err := p.conn.Write(p.copies[:n*len(p.command.bytes)]); err != nil {
				<-p.load.ctx.Done() // whoever reads learns why
				return context.Cause(p.load.ctx)
			}
		}
		if wait := start + pace.at(p.sent) - p.load.now(); wait > 0 && p.sent < n {
			pause(max(wait, minPause))
		}
	}
	return nil
}
