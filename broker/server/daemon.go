package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// stopTime bounds how long Stop waits, for clients and again for HTTP requests.
const stopTime = 2 * time.Second

// A daemon is what all daemons have: sockets, the clients at them, a locked folder, and an end.
type daemon struct {
	log    Log
	folder *os.File // locked; nil if none
	tcp    net.Listener
	http   net.Listener // nil if none
	https  net.Listener // nil if none
	webs   []*http.Server
	certs  *certificates // nil if none
	tls    *tls.Config   // of certs

	ended chan struct{} // closed when no goroutine is to go on
	alive sync.WaitGroup

	failed  chan error // holds one at most
	reloads []func() error

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // guarded by mu, as what follows
	ending bool
}

func newDaemon(l *Logger) daemon {
	return daemon{
		log:     l.Log,
		ended:   make(chan struct{}),
		failed:  make(chan error, 1),
		reloads: []func() error{l.Reopen},
		conns:   map[net.Conn]struct{}{},
	}
}

// lock takes the folder that the daemon of that name keeps its data in.
func (d *daemon) lock(path, name string) (err error) {
	if d.folder, err = lockFolder(path, name); err != nil {
		return fmt.Errorf("failed to lock data-path: %w", err)
	}
	return nil
}

// openTLS reads the certificates, if there are any.
func (d *daemon) openTLS(cfg TLSConfig) (err error) {
	if d.certs, err = openCertificates(cfg); err != nil {
		return err
	}
	if d.certs != nil {
		d.tls = d.certs.config()
		d.reloads = append(d.reloads, d.certs.reload)
	}
	return nil
}

// listen opens the sockets: that of HTTP if its address is not empty, and that of HTTPS if there is a certificate, too.
func (d *daemon) listen(tcp, http, https string) (err error) {
	if d.tcp, err = listen(tcp); err != nil {
		return err
	}
	if http != "" {
		if d.http, err = listen(http); err != nil {
			return err
		}
	}
	if https != "" && d.certs != nil {
		if d.https, err = listen(https); err != nil {
			return err
		}
	}
	return nil
}

// TCPAddr is where clients can connect, as host:port or the path of a unix socket.
func (d *daemon) TCPAddr() string { return address(d.tcp) }

// HTTPAddr is where the HTTP API is, as TCPAddr; empty if there is none.
func (d *daemon) HTTPAddr() string { return address(d.http) }

// HTTPSAddr is where the HTTP API is inside TLS, as HTTPAddr; empty if there is none.
func (d *daemon) HTTPSAddr() string { return address(d.https) }

// Failed tells why the daemon can serve no more, should that come to pass; Stop then cleans up.
func (d *daemon) Failed() <-chan error { return d.failed }

// Reload reads anew what stands in files beside the data: it opens the file of the log again, for it may have been moved away, and reads the
// TLS certificate. What fails stays as it was, and is told of. No connection is touched. Safe from any goroutine.
func (d *daemon) Reload() error {
	var errs []error
	for _, reload := range d.reloads {
		errs = append(errs, reload())
	}
	return errors.Join(errs...)
}

// start has a goroutine run unless the daemon ends, which waits for it.
func (d *daemon) start(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ending {
		d.alive.Go(f)
	}
	return !d.ending
}

// end begins the end, and says whether it had not begun.
func (d *daemon) end() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	began := d.ending
	d.ending = true
	return !began
}

func (d *daemon) isEnding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ending
}

// shutdown ends HTTP: no new requests, and those there are have time to be answered.
func (d *daemon) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, web := range d.webs {
		if web.Shutdown(ctx) != nil {
			_ = web.Close()
		}
	}
}

// closeListeners ends the listeners, and with that of HTTP its connections.
func (d *daemon) closeListeners() {
	for _, web := range d.webs {
		_ = web.Close()
	}
	for _, l := range []net.Listener{d.tcp, d.http, d.https} {
		if l != nil {
			_ = l.Close() // again, if it has served
		}
	}
}

// close gives the sockets and the folder back.
func (d *daemon) close() error {
	d.closeListeners()
	if d.folder == nil {
		return nil
	}
	return d.folder.Close() // and with it the lock
}
