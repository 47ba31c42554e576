package server

import (
	"io"
	"net"
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
// others produced, and what the peer takes slowly. So the endpoint's timeouts are served, also when the peer does not read. An
// endpoint that needs TLS or an auth server is told that there is none.
func Drive(conn net.Conn, open func(now time.Time, wake func()) wire.Endpoint) error {
	return outside{}.drive(conn, open)
}

// drive is Drive for endpoints that may need what o has.
func (o outside) drive(conn net.Conn, open func(now time.Time, wake func()) wire.Endpoint) error {
	return o.begin(conn, open).run()
}

// begin opens the endpoint.
func (o outside) begin(conn net.Conn, open func(now time.Time, wake func()) wire.Endpoint) *driver {
	d := &driver{conn: conn, outside: o, turn: make(chan struct{}, 1)}
	d.source = rawReader{d}
	d.now = time.Now()
	d.counted = d.now
	d.endpoint = open(d.now, d.wake)
	d.needer, _ = d.endpoint.(wire.Needer)
	if o.client != nil {
		d.turn <- struct{}{} // until it has knocked
	}
	d.start()
	return d
}

// run serves the connection to its end.
func (d *driver) run() error {
	conn := d.conn
	d.knock()
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
	needer   wire.Needer // the endpoint; nil if it needs nothing
	outside  outside
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
	layers  *layers   // that what is sent goes through; nil: none
	garbled error     // what is wrong with them

	arming sync.Mutex
	armed  time.Time // the read deadline; guarded by arming
	fired  bool      // it has come, so it must be set again even if it is the same; guarded by arming

	// Of the reading goroutine.
	in      inbox
	hall    []byte    // what layers are read into, on the way to in
	source  io.Reader // what is read: rawReader, or a layer on it
	stash   []byte    // what came before it was wanted, and is read first
	now     time.Time // when something last happened
	over    *over     // why nothing more can be read; nil if something can
	shaking bool      // TLS shakes hands, within a deadline of its own
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
	if d.layers != nil {
		d.layers.end()
		return !d.take() || d.send(now, goodbye/2) == nil
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
