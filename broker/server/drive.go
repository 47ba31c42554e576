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
	stall     = 30 * time.Second      // the peer may take nothing for so long, or twice that, and is given up
	goodbye   = time.Second           // for the last bytes to be taken, and for the peer to see why it was closed
	maxAhead  = 1 << 20               // bytes read from a peer that does not take the answers
	maxIgnore = 8 << 20               // bytes read from a peer after its mistake, so that it sees the answer
	keepSpare = 64 << 10              // a larger spare buffer is given back when the connection rests
)

// Drive runs an endpoint over a connection until either end closes, and closes it. It calls open at once and Disconnect at
// the end. Its error is what ended it: the endpoint's, or the connection's; nil if the peer closed.
//
// The calling goroutine reads, and writes what its own commands produced; a second one writes what others produced, and
// what the peer takes slowly. So the endpoint's timeouts are served, also when the peer does not read.
func Drive(conn net.Conn, open func(now time.Time, wake func()) wire.Endpoint) error {
	d := &driver{
		conn:  conn,
		woken: make(chan struct{}, 1),
		turn:  make(chan struct{}, 1),
		ended: make(chan struct{}),
	}
	d.endpoint = open(time.Now(), d.wake)
	var writer sync.WaitGroup
	writer.Go(d.write)

	why, err := d.read()
	told := why != broken && d.sayGoodbye()
	close(d.ended)
	lingers := told && why == mistaken && closeWrite(conn)
	if !lingers {
		_ = conn.Close()
	}
	writer.Wait()
	d.endpoint.Disconnect(time.Now())
	if lingers {
		ignore(conn)
	}
	if d.failure != nil {
		return d.failure
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
	woken    chan struct{} // holds a token when the endpoint asked to be looked at
	turn     chan struct{} // holds a token while someone writes
	ended    chan struct{} // closed when the reading goroutine is done
	failure  error         // of the writing goroutine; read after its end

	// Of whose turn it is.
	spare   []byte    // for the endpoint to fill next
	out     []byte    // taken from the endpoint; rest is its unsent part
	rest    []byte    //
	writeBy time.Time // the write deadline

	arming sync.Mutex
	armed  time.Time // the read deadline; guarded by arming
	fired  bool      // it has come, so it must be set again even if it is the same; guarded by arming

	// Of the reading goroutine.
	in    inbox
	ahead int // bytes read since it last had its turn
}

// wake has the writing goroutine look at the endpoint. It never blocks.
func (d *driver) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
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
			d.ahead += n
			used, err := d.endpoint.Receive(now, d.in.add(n))
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
			d.economize(n)
		case errors.Is(err, io.EOF):
			_, err := d.endpoint.Receive(now, nil)
			return finished, err
		default:
			return broken, err
		}
	}
}

// economize gives memory back when a timeout came before any byte.
func (d *driver) economize(n int) {
	if n > 0 {
		return
	}
	d.in.rest()
	select {
	case d.turn <- struct{}{}:
		if cap(d.spare) > keepSpare {
			d.spare = nil
		}
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
		timer.Reset(goodbye)
		if next := d.endpoint.NextTimeout(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case d.turn <- struct{}{}:
			<-d.turn
			d.ahead = 0
			return nil
		case <-timer.C:
			if err := d.endpoint.HandleTimeout(time.Now()); err != nil {
				return err
			}
		}
	}
}

// write is the writing goroutine.
func (d *driver) write() {
	for {
		select {
		case <-d.woken:
		case <-d.ended:
			return
		}
		if err := d.drain(); err != nil {
			d.failure = err
			_ = d.conn.Close() // which ends the reading goroutine
			return
		}
	}
}

// drain sends until nothing is left.
func (d *driver) drain() error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-d.ended:
		return nil
	}
	for {
		more := d.take()
		d.arm()
		if !more {
			return nil
		}
		left := len(d.rest)
		err := d.send(time.Now(), stall)
		if errors.Is(err, os.ErrDeadlineExceeded) && len(d.rest) < left {
			err = nil // slowly, but it does take it
		}
		if err != nil {
			return err
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

// take makes sure that rest is what is to be sent next, and says whether there is anything. Needs the turn.
func (d *driver) take() bool {
	if len(d.rest) == 0 {
		d.out = d.endpoint.Transmit(d.spare)
		d.rest = d.out
		d.spare = nil
		d.recycle()
	}
	return len(d.rest) > 0
}

// send writes rest; what remains of it after an error is not sent. The peer has from least to twice that. Needs the turn.
func (d *driver) send(now time.Time, least time.Duration) error {
	if left := d.writeBy.Sub(now); left < least || left > 2*least {
		d.writeBy = now.Add(2 * least)
		if err := d.conn.SetWriteDeadline(d.writeBy); err != nil {
			return err
		}
	}
	n, err := d.conn.Write(d.rest)
	d.rest = d.rest[n:]
	d.recycle()
	return err
}

// recycle makes what is sent the next spare. Needs the turn.
func (d *driver) recycle() {
	if len(d.rest) == 0 {
		d.spare, d.out, d.rest = d.out[:0], nil, nil
	}
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
