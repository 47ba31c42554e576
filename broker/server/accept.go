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

// accept takes clients until the listener is closed.
func (d *Nsqd) accept() {
	rest := shortRest
	for {
		conn, err := d.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			rest = shortRest
			d.alive.Go(func() { d.attend(conn) })
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
func (d *Nsqd) attend(conn net.Conn) {
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
	err := d.outside().drive(conn, func(now time.Time, wake func()) wire.Endpoint {
		return measured{d.broker.Connect(now, remote, wake), &d.publications.tcp}
	})
	if err != nil && !d.isEnding() {
		d.log(Error, "client(%s) - %s", remote, err)
	}
	d.log(Info, "TCP: closed client(%s)", remote)
}

// outside is what the daemon does for clients' sessions.
func (d *Nsqd) outside() outside {
	o := outside{tls: d.tls}
	if d.authority != nil {
		o.authorize = d.authority.ask
	}
	return o
}

func (d *Nsqd) isEnding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ending
}

// track notes a connection so that the daemon's end is its end; false if that has begun.
func (d *Nsqd) track(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending {
		return false
	}
	d.conns[conn] = struct{}{}
	return true
}

func (d *Nsqd) untrack(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, conn)
}

// closeConns breaks all connections.
func (d *Nsqd) closeConns() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.conns {
		_ = conn.Close()
	}
}
