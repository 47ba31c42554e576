package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	window      = 256 << 10       // bytes on the way from an end before it has to wait, as a socket's buffers hold
	dialTimeout = 5 * time.Second // for a connection to come to be
	maxSpare    = 64              // buffers kept for use again
)

// A standing rule is one that AddRule put up.
type standing struct {
	from, to string
	rule     Rule
}

// A kind is what travels: bytes, or a turn in a connection's life.
type kind byte

const (
	bytes   kind = iota
	opening      // the client's side: let us speak; the broker's: I accept
	ending       // no more comes from this end
	broken       // the connection is broken
)

// A parcel is a chunk on its way.
type parcel struct {
	kind kind
	data []byte
}

// A conn is a connection, or the attempt at one.
type conn struct {
	world  *World
	id     uint64
	node   *node
	served *broker.Broker // the one that accepted
	client end
	broker end
	closed bool
}

// An end is one side of a connection, with what has arrived there and what goes out from it.
type end struct {
	conn     *conn
	peer     *end
	name     string
	endpoint wire.Endpoint // nil: the broker's before it accepts, and of an end that is gone
	there    bool          // it has an owner; false once that was disconnected, or killed
	stands   bool          // it may send
	waking   bool
	armed    time.Duration // when its timer fires; 0 if it does not
	inbox    []byte        // arrived, not consumed
	onWay    int           // bytes sent and not delivered
	last     time.Duration // when the last of them arrives
	held     []parcel      // that a rule holds back, and all behind it
}

// begin sends the client's opening, and gives up if nothing comes of it.
func (c *conn) begin() {
	c.client.send(parcel{kind: opening})
	c.world.At(c.world.now+dialTimeout, func() {
		if !c.client.stands && c.client.there {
			c.end()
		}
	})
}

// end disconnects both ends at once.
func (c *conn) end() {
	if c.closed {
		return
	}
	c.closed = true
	c.world.conns = slices.DeleteFunc(c.world.conns, func(other *conn) bool { return other == c })
	c.client.disconnect()
	c.broker.disconnect()
}

// bereave takes the broker's end away without a word to it: its process was killed, and its kernel breaks the connection.
func (c *conn) bereave() {
	c.broker.there = false
	c.broker.endpoint = nil
	c.broker.send(parcel{kind: broken})
}

// disconnect tells the endpoint that its connection is gone.
func (e *end) disconnect() {
	if !e.there {
		return
	}
	e.there = false
	if p := e.endpoint; p != nil {
		e.endpoint = nil
		e.run(func() { p.Disconnect(e.conn.world.time()) })
	}
}

// run calls f when this end's process runs: a broker's may be paused, or gone.
func (e *end) run(f func()) {
	if e == &e.conn.broker {
		e.conn.node.run(e.conn.served, f)
	} else {
		f()
	}
}

// wake is the endpoint's: it has something to send, or another deadline.
func (e *end) wake() {
	if !e.waking {
		e.waking = true
		e.conn.world.soon(func() {
			e.run(func() {
				e.waking = false
				e.look()
			})
		})
	}
}

// look sends what the endpoint has to send, and arms its timer.
func (e *end) look() {
	if e.endpoint == nil || e.conn.closed {
		return
	}
	if e.stands && e.onWay < window {
		if out := e.endpoint.Transmit(e.conn.world.buffer()); len(out) > 0 {
			e.send(parcel{data: out})
		} else {
			e.conn.world.recycle(out)
		}
	}
	e.arm()
}

// arm has the endpoint's timer fire when it next wants to.
func (e *end) arm() {
	next := e.endpoint.NextTimeout()
	if next.IsZero() {
		return
	}
	w := e.conn.world
	at := max(next.Sub(epoch), w.now)
	if e.armed != 0 && e.armed <= at {
		return
	}
	e.armed = at
	w.At(at, func() {
		if e.armed != at || e.endpoint == nil {
			return
		}
		e.run(func() {
			e.armed = 0
			if e.endpoint == nil {
				return
			}
			if err := e.endpoint.HandleTimeout(w.time()); err != nil {
				e.hangUp()
				return
			}
			e.look()
		})
	})
}

// hangUp sends what the endpoint still has to say, and closes this end; the other learns of it when that has arrived.
func (e *end) hangUp() {
	if e.endpoint == nil {
		return
	}
	if e.stands {
		if out := e.endpoint.Transmit(nil); len(out) > 0 {
			e.send(parcel{data: out})
		}
	}
	e.disconnect()
	e.send(parcel{kind: ending})
}

// send puts a parcel on the link, behind those that were sent before.
func (e *end) send(p parcel) {
	e.onWay += len(p.data)
	if len(e.held) > 0 {
		e.held = append(e.held, p)
		return
	}
	e.forward(p)
}

// forward has the rules judge a parcel, and lets it travel.
func (e *end) forward(p parcel) {
	w := e.conn.world
	fate := w.judge(Chunk{From: e.name, To: e.peer.name, Conn: e.conn.id, Opening: p.kind == opening, Data: p.data})
	switch {
	case fate.Reset:
		w.soon(e.conn.end)
		return
	case fate.Hold:
		e.held = append(e.held, p)
		return
	}
	delay := w.links.Delay + fate.Delay
	if w.links.Jitter > 0 {
		delay += time.Duration(w.Rand("links").Int64N(int64(w.links.Jitter)))
	}
	e.last = max(w.now+delay, e.last)
	w.At(e.last, func() { e.arrive(p) })
}

// resume forwards what was held, as far as the rules now let it.
func (e *end) resume() {
	held := e.held
	e.held = nil
	for _, p := range held {
		e.send(p)
		e.onWay -= len(p.data) // it was counted when it was first sent
	}
}

// judge asks every rule that stands for the link.
func (w *World) judge(c Chunk) Fate {
	var all Fate
	for _, s := range w.rules {
		if (s.from == "" || s.from == c.From) && (s.to == "" || s.to == c.To) {
			f := s.rule.Judge(w.now, w.Rand("rules"), c)
			all.Delay += f.Delay
			all.Hold = all.Hold || f.Hold
			all.Reset = all.Reset || f.Reset
		}
	}
	return all
}

// arrive hands a parcel over at the other end.
func (e *end) arrive(p parcel) {
	w := e.conn.world
	if e.conn.closed {
		return
	}
	w.record(e, p)
	e.onWay -= len(p.data)
	to := e.peer
	switch p.kind {
	case opening:
		to.opened()
	case broken:
		e.conn.end()
	case ending:
		to.run(func() {
			if to.endpoint != nil {
				to.receive(nil)
			}
			e.conn.end()
		})
	default:
		to.run(func() { to.receive(p.data) })
	}
	if e.onWay < window && e.endpoint != nil {
		e.run(e.look)
	}
}

// opened is the arrival of an opening: at the broker's end somebody calls, at the client's the call was answered.
func (e *end) opened() {
	c := e.conn
	if e == &c.client {
		e.stands = true
		e.look()
		return
	}
	n := c.node
	if n.broker == nil {
		e.send(parcel{kind: broken}) // nobody listens
		return
	}
	c.served = n.broker
	e.there = true
	e.send(parcel{kind: opening})
	e.run(func() {
		e.stands = true
		e.endpoint = n.broker.Connect(c.world.time(), fmt.Sprintf("%s:%d", c.client.name, c.id), e.wake)
		e.look()
	})
}

// receive hands bytes to the endpoint; none say that no more come.
func (e *end) receive(p []byte) {
	if e.endpoint == nil {
		return
	}
	w := e.conn.world
	whole := p
	if len(e.inbox) > 0 && len(p) > 0 {
		e.inbox = append(e.inbox, p...)
		whole = e.inbox
	}
	n, err := e.endpoint.Receive(w.time(), whole)
	if len(p) > 0 {
		e.inbox = append(e.inbox[:0], whole[n:]...)
		w.recycle(p)
	}
	if err != nil {
		e.hangUp()
		return
	}
	e.look()
}

// record adds a delivery to the trace.
func (w *World) record(e *end, p parcel) {
	var head [18]byte
	binary.BigEndian.PutUint64(head[:], uint64(w.now))
	binary.BigEndian.PutUint64(head[8:], e.conn.id)
	head[16] = byte(p.kind)
	if e == &e.conn.broker {
		head[17] = 1
	}
	w.trace.Write(head[:])
	w.trace.Write(p.data)
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
	if cap(b) > 0 && len(w.spare) < maxSpare {
		w.spare = append(w.spare, b[:0])
	}
}
