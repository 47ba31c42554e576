package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

const (
	patience  = 50 * time.Millisecond // the reading goroutine writes for so long, or twice that, before the other goes on
	stall     = time.Minute           // the peer has taken nothing for so long, and is given up
	goodbye   = time.Second           // for the last bytes to be taken, and for the peer to see why it was closed
	lookAgain = time.Second           // at the endpoint of a peer that takes nothing
	maxAhead  = 1 << 20               // bytes read from a peer that does not take the answers
	maxIgnore = 8 << 20               // bytes read from a peer after its mistake, so that it sees the answer
	restAfter = 10 * time.Second      // in which little has come, and the buffers are given back
	greetings = 4                     // reads in which a peer says who it is
)

// Drive runs an endpoint over a connection until either end closes, and closes it. It calls open at once and Disconnect at
// the end. Its error is what ended it: the endpoint's, or the connection's; nil if the peer closed.
//
// The calling goroutine reads, and writes what its own commands produced; a second one, started when there is need, writes what
// others produced, and what the peer takes slowly. So the endpoint's timeouts are served, also when the peer does not read.
func Drive(conn net.Conn, open func(now time.Time, wake func()) wire.Endpoint) error {
	d := &driver{conn: conn, turn: make(chan struct{}, 1)}
	d.endpoint = open(time.Now(), d.wake)
	d.start()

	why, err := d.read()
	told := why != broken && d.sayGoodbye()
	failure := d.stop()
	lingers := told && why == mistaken && closeWrite(conn)
	if !lingers {
		_ = conn.Close()
	}
	if d.rested != nil {
		<-d.rested
	}
	d.endpoint.Disconnect(time.Now())
	if lingers {
		ignore(conn)
	}
	if failure != nil {
		return failure
	}
	return err
}

// An ending is how a connection ended.
type ending int

const (
	broken   ending = iota // nothing more can be sent
	finished               // the peer has said all it had to
	expired                // the endpoint gave up in HandleTimeout
	mistaken               // the endpoint gave up in Receive; the peer may be sending still
)

// A driver is a connection and its endpoint, shared by the two goroutines.
type driver struct {
	conn     net.Conn
	endpoint wire.Endpoint
	turn     chan struct{} // holds a token while someone writes

	mu      sync.Mutex
	asked   bool          // the endpoint is to be looked at; guarded by mu, as what follows
	writing bool          // the writing goroutine is there, or will be once started
	stage   stage         //
	failure error         // of the writing goroutine
	rested  chan struct{} // closed when it is gone; nil if it was when all stopped

	// Of whose turn it is.
	spare   []byte    // for the endpoint to fill next
	out     []byte    // taken from the endpoint; rest is its unsent part
	rest    []byte    //
	writeBy time.Time // the write deadline

	arming sync.Mutex
	armed  time.Time // the read deadline; guarded by arming
	fired  bool      // it has come, so it must be set again even if it is the same; guarded by arming

	// Of the reading goroutine.
	in      inbox
	greeted int       // reads so far, up to greetings
	ahead   int       // bytes read since it last had its turn
	lately  int       // bytes read since counted
	counted time.Time //
}

// A stage is how far a driver has come.
type stage int

const (
	opening stage = iota // the endpoint is being made
	running
	stopped // nothing more is to be sent
)

// wake has the writing goroutine look at the endpoint. It never blocks.
func (d *driver) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = true
	if d.stage == running && !d.writing {
		d.writing = true
		go d.write()
	}
}

// start lets the writing goroutine begin, if the endpoint has asked for it while it was made.
func (d *driver) start() {
	d.mu.Lock()
	d.stage = running
	asked := d.asked
	d.mu.Unlock()
	if asked {
		d.wake()
	}
}

// stop ends the writing goroutine after what it is at, and gives the error that it ended with before.
func (d *driver) stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stage = stopped
	if d.writing {
		d.rested = make(chan struct{})
	}
	return d.failure
}

// arm sets the read deadline to the endpoint's next timeout. Both goroutines call it after they have called the endpoint, so
// the last of them sees what all have changed.
func (d *driver) arm() {
	d.arming.Lock()
	defer d.arming.Unlock()
	if next := d.endpoint.NextTimeout(); d.fired || !next.Equal(d.armed) {
		d.armed, d.fired = next, false
		_ = d.conn.SetReadDeadline(next) // it fails on a closed connection only, and so does what follows
	}
}

// rearm has the next arm set the read deadline in any case.
func (d *driver) rearm() {
	d.arming.Lock()
	d.fired = true
	d.arming.Unlock()
}

// read is the reading goroutine: it tells the endpoint all that happens, one thing at a time.
func (d *driver) read() (ending, error) {
	now := time.Now()
	for {
		if err := d.flush(now); err != nil {
			return broken, err
		}
		if err := d.catchUp(); err != nil {
			return expired, err
		}
		d.arm()
		n, err := d.conn.Read(d.in.room())
		now = time.Now()
		if n > 0 {
			d.lately += n
			d.ahead += n
			used, err := d.receive(now, d.in.add(n))
			d.in.consume(used)
			if err != nil {
				return mistaken, err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := d.endpoint.HandleTimeout(now); err != nil {
				return expired, err
			}
			d.rearm()
			d.economize(now)
		case errors.Is(err, io.EOF):
			_, err := d.endpoint.Receive(now, nil)
			return finished, err
		default:
			return broken, err
		}
	}
}

// receive hands the endpoint what has come: the greetings on a stack that is gone afterwards. They take twice the stack that the
// rest of an idle connection's life does, and the memory that a stack has once had stays with the process for long.
func (d *driver) receive(now time.Time, p []byte) (int, error) {
	if d.greeted == greetings {
		return d.endpoint.Receive(now, p)
	}
	d.greeted++
	return receiveAside(d.endpoint, now, p)
}

// receiveAside is e.Receive in another goroutine.
func receiveAside(e wire.Endpoint, now time.Time, p []byte) (n int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = e.Receive(now, p)
	}()
	<-done
	return n, err
}

// economize gives the buffers back when little has come for a while: no more than answers to heartbeats.
func (d *driver) economize(now time.Time) {
	if now.Sub(d.counted) < restAfter {
		return
	}
	little := d.lately <= idleBuffer
	d.counted, d.lately = now, 0
	if !little {
		return
	}
	d.in.rest()
	select {
	case d.turn <- struct{}{}:
		d.spare = nil
		<-d.turn
	default:
	}
}

// flush sends what the endpoint has, but does not wait for a slow peer: the writing goroutine goes on from there.
func (d *driver) flush(now time.Time) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	default:
		d.wake() // it is at it, and shall look again
		return nil
	}
	if len(d.rest) > 0 {
		return nil // it was woken for this
	}
	d.ahead = 0
	if !d.take() {
		return nil
	}
	err := d.send(now, patience)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		d.wake()
		return nil
	}
	return err
}

// catchUp waits for the writing goroutine, if too much was read while it was at it, and serves the timeouts meanwhile.
func (d *driver) catchUp() error {
	if d.ahead <= maxAhead {
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := lookAgain
		if next := d.endpoint.NextTimeout(); !next.IsZero() {
			wait = min(wait, time.Until(next))
		}
		timer.Reset(wait)
		select {
		case d.turn <- struct{}{}:
			sent := len(d.rest) == 0
			<-d.turn
			if sent {
				d.ahead = 0
				return nil
			}
		case <-timer.C:
			if err := d.endpoint.HandleTimeout(time.Now()); err != nil {
				return err
			}
			d.wake() // for what that gave, should the writing goroutine be done just now
		}
	}
}

// sayGoodbye sends what the endpoint still has, within a second, and says whether it could.
func (d *driver) sayGoodbye() bool {
	timer := time.NewTimer(goodbye)
	defer timer.Stop()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-timer.C:
		return false
	}
	now := time.Now()
	for d.take() {
		if err := d.send(now, goodbye/2); err != nil {
			return false
		}
	}
	return true
}

// closeWrite ends the sending half and says whether the connection has such.
func closeWrite(conn net.Conn) bool {
	half, ok := conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// ignore reads for a while what the peer still sends, then closes: to close before would reset the connection, and the peer
// could lose the error it was sent.
func ignore(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(goodbye))
	_, _ = io.CopyN(io.Discard, conn, maxIgnore)
	_ = conn.Close()
}
