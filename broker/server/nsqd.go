// Package server runs the daemons: it has the sockets, the timers and every goroutine.
//
//	cfg := server.DefaultConfig()
//	cfg.TCPAddress, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
//	d, err := server.Start(cfg)
//	… d.TCPAddr(), d.HTTPAddr() …
//	err = d.Stop()
//
// Drive is the same for any endpoint and any connection, so a client is run by it as well.
//
// The law: two goroutines a connection, the second only while it has something to write, and a third while the greetings are dealt
// with; one a listener, one for the broker's timers, one for its syncs, one while it drains, one or two for statsd, one for nsqlookupds
// and one or two for each, one for each topic that is new to them, and those of net/http. None
// outlives the daemon. All that they share is in the broker, in a driver, or guarded by Nsqd.mu, which is held across no call to either, or by
// Nsqd.draining, which is taken before it.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
)

// stopTime bounds how long Stop waits, for clients and again for HTTP requests.
const stopTime = 2 * time.Second

// An Nsqd is a daemon that runs: a broker with its sockets, timers and disk.
type Nsqd struct {
	log    Log
	broker *broker.Broker
	folder *os.File // locked; nil if none
	tcp    net.Listener
	http   net.Listener // nil if none
	https  net.Listener // nil if none
	webs   []*http.Server
	certs  *certificates // nil if none
	tls    *tls.Config   // of certs

	authority *authority // nil if nobody vouches for clients

	timed  chan struct{} // holds a token when the broker's next timeout may be earlier
	synced chan struct{} // the same for its next sync
	ended  chan struct{} // closed when no goroutine is to go on
	alive  sync.WaitGroup

	failed  chan error    // holds one at most
	drained chan struct{} // closed when a drain is over
	reloads []func() error

	disk         *diskFigures // nil if there is no folder
	publications struct{ tcp, http stopwatch }

	drainTimeout time.Duration // 0: none
	draining     sync.Mutex    // held by Drain
	drain        drain         // guarded by draining

	lookups *lookups

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	ending bool
}

// Start opens the sockets and serves. When it returns, clients can connect.
func Start(cfg Config) (*Nsqd, error) {
	if cfg.Log == nil {
		cfg.Log = WriteLog(io.Discard, "", Info)
	}
	d := &Nsqd{
		log:    cfg.Log.Log,
		timed:  make(chan struct{}, 1),
		synced: make(chan struct{}, 1),
		ended:  make(chan struct{}),
		failed: make(chan error, 1),
		conns:  map[net.Conn]struct{}{},

		reloads:      []func() error{cfg.Log.Reopen},
		drained:      make(chan struct{}),
		drainTimeout: cfg.DrainTimeout,
	}
	if cfg.BroadcastAddress == "" {
		cfg.BroadcastAddress = hostname()
	}
	cfg.TLS.Required = cfg.TLS.requirement()
	if err := d.open(&cfg); err != nil {
		return nil, errors.Join(err, d.close())
	}
	cfg.broadcast(d.tcp, d.http)
	d.lookups = newLookups(cfg, d.broker, &d.alive)
	d.serve(cfg)
	return d, nil
}

// open takes all that can be refused, in upstream's order, and settles what follows from it in cfg.
func (d *Nsqd) open(cfg *Config) (err error) {
	var disk store.FS
	if cfg.DataPath != "" {
		if d.folder, err = lockFolder(cfg.DataPath); err != nil {
			return fmt.Errorf("failed to lock data-path: %w", err)
		}
		d.disk = &diskFigures{}
		disk = watchedFS{store.OS{Dir: cfg.DataPath}, d.disk}
	}
	if err = cfg.Validate(); err != nil {
		return err
	}
	if d.certs, err = openCertificates(cfg.TLS); err != nil {
		return err
	}
	if d.certs != nil {
		d.tls = d.certs.config()
		d.reloads = append(d.reloads, d.certs.reload)
	}
	cfg.Broker.TLS = d.certs != nil
	cfg.Broker.TLSRequired = cfg.TLS.Required != TLSNotRequired
	if cfg.Broker.AuthRequired = len(cfg.Auth.Addresses) > 0; cfg.Broker.AuthRequired {
		if err = d.openAuthority(cfg); err != nil {
			return err
		}
	}
	if d.tcp, err = listen(cfg.TCPAddress); err != nil {
		return err
	}
	if cfg.HTTPAddress != "" {
		if d.http, err = listen(cfg.HTTPAddress); err != nil {
			return err
		}
	}
	if cfg.HTTPSAddress != "" && d.certs != nil {
		if d.https, err = listen(cfg.HTTPSAddress); err != nil {
			return err
		}
	}
	cfg.Broker.Discover = len(cfg.LookupdAddresses) > 0
	if d.broker, err = broker.Open(time.Now(), cfg.Broker, disk, d.wake); err != nil {
		return fmt.Errorf("failed to open data-path: %w", err)
	}
	return nil
}

// openAuthority readies the asking of auth servers.
func (d *Nsqd) openAuthority(cfg *Config) error {
	roots, err := readRoots(cfg.TLS.RootCAFile)
	if err != nil {
		return err
	}
	if d.authority, err = newAuthority(cfg.Auth, &tls.Config{RootCAs: roots, MinVersion: uint16(cfg.TLS.MinVersion)}); err != nil {
		return err
	}
	d.authority.log = d.log
	return nil
}

// serve starts the goroutines.
func (d *Nsqd) serve(cfg Config) {
	for _, warning := range append(cfg.warnings(), d.broker.Warnings()...) {
		d.log(Warn, "%s", warning)
	}
	d.log(Info, "TCP: listening on %s", d.tcp.Addr())
	d.alive.Go(func() { punctual(d.broker.NextTimeout, d.broker.HandleTimeout, d.timed, d.ended) })
	d.alive.Go(func() { punctual(d.broker.NextSync, d.syncer(), d.synced, d.ended) })
	d.lookups.set(cfg.LookupdAddresses, cfg.LookupdHTTPAddresses)
	d.alive.Go(d.lookups.run)
	d.alive.Go(d.accept)
	if cfg.Statsd.Address != "" {
		d.alive.Go(func() { d.tellStatsd(cfg) })
	}
	d.serveWeb(cfg)
}

// TCPAddr is where clients can connect, as host:port or the path of a unix socket.
func (d *Nsqd) TCPAddr() string { return address(d.tcp) }

// HTTPAddr is where the HTTP API is, as TCPAddr; empty if there is none.
func (d *Nsqd) HTTPAddr() string { return address(d.http) }

// HTTPSAddr is where the HTTP API is inside TLS, as HTTPAddr; empty if there is none.
func (d *Nsqd) HTTPSAddr() string { return address(d.https) }

// Failed tells why the daemon can serve no more, should that come to pass; Stop then cleans up.
func (d *Nsqd) Failed() <-chan error { return d.failed }

// Stop ends the daemon in order: no new clients, then those there are, then HTTP, and then all that the broker holds is saved to its
// folder. Up to there it takes a few seconds at most; saving takes as long as the disk takes. Without a folder messages that no
// consumer has finished are lost. A daemon that has ended already is left so.
func (d *Nsqd) Stop() error {
	if !d.end() {
		return nil
	}
	d.log(Info, "stopping")
	err := d.tcp.Close()
	d.broker.Close(time.Now())
	stuck := time.AfterFunc(stopTime, d.closeConns)
	defer stuck.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, web := range d.webs {
		if web.Shutdown(ctx) != nil {
			_ = web.Close()
		}
	}
	close(d.ended)
	d.alive.Wait()
	err = errors.Join(err, d.save(), d.close())
	d.log(Info, "bye")
	return err
}

// Kill ends the daemon as kill -9 does: the sockets close, no client is told anything, nothing is saved, and what was in memory is
// lost. When it returns nothing is written any more.
func (d *Nsqd) Kill() {
	if !d.end() {
		return
	}
	close(d.ended)
	d.closeListeners()
	d.closeConns()
	d.alive.Wait()
	_ = d.close()
}

// end begins the end, and says whether it had not begun.
func (d *Nsqd) end() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	began := d.ending
	d.ending = true
	if d.authority != nil {
		d.authority.close() // nobody waits for an answer any more
	}
	d.lookups.close() // nobody is sent here any more
	return !began
}

// closeListeners ends the listeners, and with that of HTTP its connections.
func (d *Nsqd) closeListeners() {
	if d.tcp != nil {
		_ = d.tcp.Close()
	}
	for _, web := range d.webs {
		_ = web.Close()
	}
	for _, l := range []net.Listener{d.http, d.https} {
		if l != nil {
			_ = l.Close() // again, if it has served
		}
	}
}

// close gives the sockets and the folder back.
func (d *Nsqd) close() error {
	d.closeListeners()
	if d.folder == nil {
		return nil
	}
	return d.folder.Close() // and with it the lock
}
