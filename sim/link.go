package sim

import (
	"encoding/binary"
	"hash/crc64"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	window    = 256 << 10 // bytes on the way from an end before it has to wait, as a connection's two sockets hold
	maxChunk  = 16 << 10  // bytes that travel as one
	maxSpare  = 64        // buffers kept for use again
	keepSpare = 64 << 10  // a larger one is not kept
)

// A standing rule is one that AddRule put up.
type standing struct {
	from, to string
	rule     Rule
}

// A kind is what travels: bytes, or a turn in a connection's life.
type kind byte

const (
	payload kind = iota
	opening      // the client's side: let us speak; the node's: I accept
	ending       // no more comes from this end
	broken       // the connection is broken
)

// A parcel is a chunk on its way.
type parcel struct {
	kind kind
	data []byte
}

// parcels are first in, first out; the zero value is empty.
type parcels struct {
	items []parcel
	head  int
}

func (q *parcels) push(p parcel) {
	if q.head > 32 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, p)
}

func (q *parcels) pop() parcel {
	p := q.items[q.head]
	q.items[q.head] = parcel{}
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return p
}

// A way is one direction of a connection. What goes in passes four places in order: rest, held, flight and landed.
type way struct {
	from   *end
	name   string        // of the end that it comes from
	rest   []byte        // taken from the endpoint, and the window is full
	held   []parcel      // that a rule holds back, and all behind it
	flight parcels       // with an event for each
	landed parcels       // not taken by the process at the other end
	onWay  int           // bytes in held, flight and landed
	full   bool          // the endpoint may have more, and the window is full
	lost   bool          // nothing more arrives
	at     int64         // the offset of what is to be judged next
	last   time.Duration // when the last of flight arrives

	arrives, takes func() // arrive and take, made once
}

func (l *way) init(e *end, name string) {
	l.from, l.name = e, name
	l.arrives, l.takes = l.arrive, l.take
}

// fill sends what the endpoint has to send, as far as the window lets it.
func (l *way) fill(p wire.Endpoint) {
	w := l.from.conn.world
	if len(l.rest) == 0 && l.onWay < window {
		if l.rest = p.Transmit(w.buffer()); len(l.rest) == 0 {
			w.recycle(l.rest)
			l.rest = nil
		}
		if n := l.from.node; n != nil && len(l.rest) > 0 {
			l.from.owes = false
			if len(n.traps) > 0 {
				l.acknowledge(n)
				return
			}
		}
	}
	for len(l.rest) > 0 && l.onWay < window {
		l.rest = l.sendSome(l.rest)
	}
	l.full = l.onWay >= window
}

// empty sends all that the endpoint still has, whatever the window.
func (l *way) empty(p wire.Endpoint) {
	for len(l.rest) > 0 {
		l.rest = l.sendSome(l.rest)
	}
	for last := p.Transmit(nil); len(last) > 0; {
		last = l.sendSome(last)
	}
}

// sendSome sends the front of p as a chunk and gives what is left. The two share no memory, so each can be used again by itself.
func (l *way) sendSome(p []byte) []byte {
	if len(p) <= maxChunk {
		l.send(parcel{data: p})
		return nil
	}
	l.send(parcel{data: p[:maxChunk:maxChunk]})
	return p[maxChunk:]
}

// send puts a parcel on the way, behind those that were sent before.
func (l *way) send(p parcel) {
	l.onWay += len(p.data)
	if len(l.held) > 0 {
		l.held = append(l.held, p)
		return
	}
	l.forward(p)
}

// forward has the rules judge a parcel, and lets it travel.
func (l *way) forward(p parcel) {
	w := l.from.conn.world
	switch {
	case l.lost:
		l.swallow(p)
	case len(w.rules) == 0:
		l.fly(p, 0)
	default:
		l.suffer(p, w.judge(Chunk{
			From: l.name, To: l.from.peer.way.name, Conn: l.from.conn.id, Opening: p.kind == opening, At: l.at, Data: p.data,
		}))
	}
}

// suffer has a parcel meet its fate.
func (l *way) suffer(p parcel, fate Fate) {
	if !fate.Hold && !fate.Reset && !fate.Lose {
		l.slice(p, fate)
		return
	}
	if first := min(max(fate.First, 0), len(p.data)); first > 0 {
		l.slice(parcel{data: p.data[:first:first]}, fate)
		if p.data = p.data[first:]; len(p.data) == 0 && fate.severity() == 1 {
			return // all of it got through
		}
	} else if fate.Reset && fate.Delay == 0 {
		l.from.conn.world.soon(l.from.conn.end)
		return
	}
	switch {
	case fate.Reset:
		l.fly(parcel{kind: broken}, fate.Delay)
		l.lose(p)
	case fate.Lose:
		l.lose(p)
	default:
		l.held = append(l.held, p)
	}
}

// slice lets a parcel travel, in pieces if its fate says so.
func (l *way) slice(p parcel, fate Fate) {
	delay := fate.Delay
	for n := fate.Slice; n > 0 && len(p.data) > n; delay += fate.Gap {
		l.fly(parcel{data: p.data[:n:n]}, delay)
		p.data = p.data[n:]
	}
	l.fly(p, delay)
}

// fly lets a parcel travel as long as the link and a delay take.
func (l *way) fly(p parcel, delay time.Duration) {
	w := l.from.conn.world
	l.at += int64(len(p.data))
	delay += w.links.Delay
	if w.links.Jitter > 0 {
		delay += time.Duration(w.linkRand.Int64N(int64(w.links.Jitter)))
	}
	l.last = max(w.now+delay, l.last)
	l.flight.push(p)
	w.At(l.last, l.arrives)
}

// lose swallows a parcel and all that comes behind it, and has this end wait for nothing.
func (l *way) lose(p parcel) {
	l.lost = true
	l.swallow(p)
	l.from.conn.world.soon(l.proceed)
}

// swallow drops a parcel. The end of a connection whose other end is gone too is the connection's.
func (l *way) swallow(p parcel) {
	l.onWay -= len(p.data)
	l.at += int64(len(p.data))
	if c := l.from.conn; (p.kind == ending || p.kind == broken) && !l.from.peer.there {
		c.world.soon(c.end)
	}
	l.from.conn.world.recycle(p.data)
}

// proceed lets this end send more, if it waited for the window.
func (l *way) proceed() {
	if l.full && l.onWay < window {
		l.full = false
		l.from.run(l.from.look)
	}
}

// resume forwards what was held, as far as the rules now let it.
func (l *way) resume() {
	held := l.held
	l.held = nil
	for i, p := range held {
		if len(l.held) > 0 {
			l.held = append(l.held, held[i:]...)
			return
		}
		l.forward(p)
	}
}

// arrive is the arrival of the first parcel in flight at the other end.
func (l *way) arrive() {
	p := l.flight.pop()
	c := l.from.conn
	if c.closed {
		return
	}
	c.world.record(l, p)
	switch to := l.from.peer; {
	case p.kind == broken:
		c.end()
	case p.kind == ending && !to.there:
		c.end() // nobody is left
	case p.kind == opening && to == &c.server:
		c.accept()
	case p.kind == opening:
		to.stands = true
		to.look()
	default:
		l.landed.push(p)
		to.run(l.takes)
	}
}

// take hands what has landed to the endpoint there, and lets this end send more.
func (l *way) take() {
	p := l.landed.pop()
	l.onWay -= len(p.data)
	if p.kind == ending {
		l.from.peer.finish()
		return
	}
	l.from.peer.receive(p.data)
	l.proceed()
}

// judge asks every rule that stands for the way.
func (w *World) judge(c Chunk) Fate {
	var all Fate
	for _, s := range w.rules {
		if (s.from == "" || s.from == c.From) && (s.to == "" || s.to == c.To) {
			all = all.And(s.rule.Judge(w.now, w.ruleRand, c))
		}
	}
	return all
}

var traceTable = crc64.MakeTable(crc64.ECMA)

// record adds an arrival to the trace.
func (w *World) record(l *way, p parcel) {
	var head [18]byte
	binary.BigEndian.PutUint64(head[:], uint64(w.now))
	binary.BigEndian.PutUint64(head[8:], l.from.conn.id)
	head[16] = byte(p.kind)
	if l.from == &l.from.conn.server {
		head[17] = 1
	}
	w.trace = crc64.Update(crc64.Update(w.trace, traceTable, head[:]), traceTable, p.data)
	if w.watch != nil {
		w.tell(l, p)
	}
}

// buffer gives a spare one.
func (w *World) buffer() []byte {
	if n := len(w.spare); n > 0 {
		b := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return b
	}
	return nil
}

func (w *World) recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= keepSpare && len(w.spare) < maxSpare {
		w.spare = append(w.spare, b[:0])
	}
}
