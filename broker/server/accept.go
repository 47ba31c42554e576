package server

import (
	"errors"
	"net"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// How long the listener rests when it cannot take a connection, such as for want of descriptors: twice as long each time.
const (
	shortRest = 5 * time.Millisecond
	longRest  = time.Second
)

// An opener begins a session for a peer, whose address is empty if it has none.
type opener func(now time.Time, remote string, wake func()) wire.Endpoint

// serveTCP takes clients until the listener is closed.
func (d *daemon) serveTCP(o outside, open opener) {
	d.log(Info, "TCP: listening on %s", d.tcp.Addr())
	d.alive.Go(func() { d.accept(o, open) })
}

func (d *daemon) accept(o outside, open opener) {
	rest := shortRest
	for {
		conn, err := d.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			rest = shortRest
			d.alive.Go(func() { d.attend(conn, o, open) })
			continue
		}
		d.log(Warn, "TCP: accept failed, again in %s - %s", rest, err)
		select {
		case <-time.After(rest):
		case <-d.ended:
			return
		}
		rest = min(2*rest, longRest)
	}
}

// attend serves one client until its end.
func (d *daemon) attend(conn net.Conn, o outside, open opener) {
	if !d.track(conn) {
		_ = conn.Close()
		return
	}
	defer d.untrack(conn)
	remote := ""
	if conn.RemoteAddr().Network() == "tcp" {
		remote = conn.RemoteAddr().String()
	}
	d.log(Info, "TCP: new client(%s)", remote)
	err := o.drive(conn, func(now time.Time, wake func()) wire.Endpoint { return open(now, remote, wake) })
	if err != nil && !d.isEnding() {
		d.log(Error, "client(%s) - %s", remote, err)
	}
	d.log(Info, "TCP: closed client(%s)", remote)
}

// track notes a connection so that the daemon's end is its end; false if that has begun.
func (d *daemon) track(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending {
		return false
	}
	d.conns[conn] = struct{}{}
	return true
}

func (d *daemon) untrack(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, conn)
}

// clients is how many are connected.
func (d *daemon) clients() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

// closeConns breaks all connections.
func (d *daemon) closeConns() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.conns {
		_ = conn.Close()
	}
}
