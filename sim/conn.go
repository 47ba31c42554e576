package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

var errNoAuthority = errors.New("a world has no auth servers")

const dialTimeout = 5 * time.Second // for a connection to come to be

// A conn is a connection, or the attempt at one.
type conn struct {
	world    *World
	id       uint64
	patience time.Duration // for it to come to be
	serve    server        // the node's end, once it accepts
	client   end
	server   end
	closed   bool
}

// A server opens the endpoint of a node's daemon for a connection that it accepts.
type server func(l *life, now time.Time, remote string, wake func()) wire.Endpoint

// An end is one side of a connection: its endpoint, what has arrived for that, and the way that goes out from it.
type end struct {
	conn     *conn
	peer     *end
	node     *node         // whose process has it; nil: a client that is no node
	life     *life         // of that node; nil: a node's that has not accepted
	endpoint wire.Endpoint // nil: the server's before it runs, and of an end that is gone
	there    bool          // it has an owner; false once that was disconnected, or killed
	stands   bool          // it may send
	waking   bool          // it will be attended to
	timer    timer
	inbox    []byte // arrived, not consumed
	way      way

	owes      bool     // a node's: it has consumed a publication, and sent nothing since
	publishes bool     // a node's: to a client that has published
	talk      dialogue // a node's, while somebody watches it

	attends func() // attend when its process runs, made once
}

func newConn(w *World, from string, to *node) *conn {
	w.dialed++
	c := &conn{world: w, id: w.dialed, patience: dialTimeout, serve: (*life).connect}
	c.client.init(c, &c.server, from)
	c.server.init(c, &c.client, to.spec.Name)
	c.server.belong(to)
	c.client.there = true
	return c
}

// belong gives the end to a node.
func (e *end) belong(n *node) { e.node, e.timer.node = n, n }

// now is the time as the end's process has it.
func (e *end) now() time.Time {
	if e.node != nil {
		return e.node.now()
	}
	return e.conn.world.time()
}

func (e *end) init(c *conn, peer *end, name string) {
	e.conn, e.peer = c, peer
	e.way.init(e, name)
	e.timer.init(c.world, func() { e.run(e.expire) })
	e.attends = func() { e.run(e.attend) }
}

// begin sends the client's opening, and gives up if nothing comes of it.
func (c *conn) begin() {
	c.client.way.send(parcel{kind: opening})
	doubt := func() {
		c.client.run(func() {
			if !c.client.stands && c.client.there {
				c.giveUp()
			}
		})
	}
	if n := c.client.node; n != nil {
		n.after(c.patience, doubt)
	} else {
		c.world.At(c.world.now+c.patience, doubt)
	}
}

// giveUp ends an attempt at the client's side. A node that has accepted learns of it as of any end.
func (c *conn) giveUp() {
	c.client.disconnect()
	if c.server.life == nil {
		c.end()
	} else {
		c.client.way.send(parcel{kind: broken})
	}
}

// accept answers the client's opening, as the node's kernel does; its process takes the connection when it runs.
func (c *conn) accept() {
	l := c.server.node.life
	if l == nil {
		c.server.way.send(parcel{kind: broken}) // nobody listens
		return
	}
	c.server.life = l
	c.server.there = true
	c.server.way.send(parcel{kind: opening})
	c.server.run(func() {
		if !c.server.there {
			return
		}
		c.server.stands = true
		c.server.endpoint = c.serve(l, c.server.now(), fmt.Sprintf("%s:%d", c.client.way.name, c.id), c.server.wake)
		c.server.look()
	})
}

// end disconnects both ends at once. It may be called again.
func (c *conn) end() {
	c.closed = true
	if i, ok := slices.BinarySearchFunc(c.world.conns, c.id, func(o *conn, id uint64) int { return cmp.Compare(o.id, id) }); ok {
		c.world.conns = slices.Delete(c.world.conns, i, i+1)
	}
	c.client.disconnect()
	c.server.disconnect()
}

// bereave takes the end away without a word to it: its process was killed, and its kernel breaks the connection.
func (e *end) bereave() {
	if !e.there {
		return
	}
	e.there = false
	e.endpoint = nil
	if c := e.conn; e == &c.client && c.server.life == nil {
		c.end()
		return
	}
	e.way.send(parcel{kind: broken})
}

// disconnect tells the endpoint that its connection is gone.
func (e *end) disconnect() {
	e.there = false
	if p := e.endpoint; p != nil {
		e.endpoint = nil
		e.run(func() { p.Disconnect(e.now()) })
	}
}

// run calls f when this end's process runs: a node's may be paused, or gone.
func (e *end) run(f func()) {
	if e.node != nil {
		e.node.run(e.life, f)
	} else {
		f()
	}
}

// wake is the endpoint's: it has something to send, or another deadline.
func (e *end) wake() {
	if !e.waking {
		e.waking = true
		e.conn.world.soon(e.attends)
	}
}

func (e *end) attend() {
	e.waking = false
	e.look()
}

// look sends what the endpoint has to send, and sets its timer.
func (e *end) look() {
	if e.endpoint == nil || e.conn.closed {
		return
	}
	if e.stands {
		e.way.fill(e.endpoint)
	}
	if e.endpoint != nil { // else it was ended as it sent
		e.timer.set(e.endpoint.NextTimeout())
	}
}

// expire calls the endpoint if it is due.
func (e *end) expire() {
	if e.endpoint == nil {
		return
	}
	now := e.now()
	if next := e.endpoint.NextTimeout(); !next.IsZero() && !next.After(now) {
		if err := e.endpoint.HandleTimeout(now); err != nil {
			e.hangUp()
			return
		}
		e.meet()
	}
	e.look()
}

// hangUp sends what the endpoint still has to say, and closes this end; the other learns of it when that has arrived.
func (e *end) hangUp() {
	if e.endpoint == nil {
		return
	}
	if !e.stands {
		e.conn.giveUp()
		return
	}
	e.way.empty(e.endpoint)
	e.disconnect()
	e.way.send(parcel{kind: ending})
}

// receive hands bytes to the endpoint.
func (e *end) receive(p []byte) {
	if e.endpoint == nil {
		return
	}
	w := e.conn.world
	whole := p
	if len(e.inbox) > 0 {
		e.inbox = append(e.inbox, p...)
		whole = e.inbox
	}
	n, err := e.endpoint.Receive(e.now(), whole)
	e.heed(whole[:n])
	if len(e.inbox) == 0 || n > 0 {
		e.inbox = append(e.inbox[:0], whole[n:]...)
	}
	if len(e.inbox) == 0 && cap(e.inbox) > keepSpare {
		e.inbox = nil
	}
	w.recycle(p)
	if err != nil {
		e.hangUp()
		return
	}
	e.meet()
	e.look()
}

// meet answers what the endpoint needs, at once. A layer changes nothing here: links carry what both ends mean. Nobody is there to vouch for a client.
func (e *end) meet() {
	needer, ok := e.endpoint.(wire.Needer)
	if !ok {
		return
	}
	for need := needer.Need(); need.Kind != wire.NoNeed && need.Kind != wire.NeedTime; need = needer.Need() {
		e.look() // a layer begins behind all that was sent
		var answer wire.Answer
		if need.Kind == wire.NeedAuthority {
			answer.Err = errNoAuthority
		}
		now := e.now()
		err := needer.Answer(now, answer)
		if err == nil && len(e.inbox) > 0 {
			var n int
			n, err = needer.Receive(now, e.inbox)
			e.inbox = append(e.inbox[:0], e.inbox[n:]...)
		}
		if err != nil {
			e.hangUp()
			return
		}
	}
}

// finish tells the endpoint that no more comes, and ends the connection.
func (e *end) finish() {
	if e.endpoint != nil {
		// The other end is gone: what this one has to say to the end of it reaches nobody.
		_, _ = e.endpoint.Receive(e.now(), nil)
	}
	e.conn.end()
}
