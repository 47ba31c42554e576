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
// outlives the daemon. All that they share is in the broker, in a driver, or guarded by daemon.mu, which is held across no call to either, or by
// Nsqd.draining, which is taken before it.
package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// An Nsqd is a daemon that runs: a broker with its sockets, timers and disk.
type Nsqd struct {
	daemon
	broker    *broker.Broker
	authority *authority // nil if nobody vouches for clients

	timed   chan struct{} // holds a token when the broker's next timeout may be earlier
	synced  chan struct{} // the same for its next sync
	drained chan struct{} // closed when a drain is over

	disk         *diskFigures // nil if there is no folder
	publications struct{ tcp, http stopwatch }

	drainTimeout time.Duration // 0: none
	draining     sync.Mutex    // held by Drain
	drain        drain         // guarded by draining

	lookups   *lookups
	lookupTLS *tls.Config // of connections to nsqlookupds; nil: they are plain
}

// Start opens the sockets and serves. When it returns, clients can connect.
func Start(cfg Config) (*Nsqd, error) {
	if cfg.Log == nil {
		cfg.Log = WriteLog(io.Discard, "", Info)
	}
	d := &Nsqd{
		daemon:       newDaemon(cfg.Log),
		timed:        make(chan struct{}, 1),
		synced:       make(chan struct{}, 1),
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
	d.lookups.secure = d.lookupTLS
	d.serve(cfg)
	return d, nil
}

// open takes all that can be refused, in upstream's order, and settles what follows from it in cfg.
func (d *Nsqd) open(cfg *Config) (err error) {
	var disk store.FS
	if cfg.DataPath != "" {
		if err = d.lock(cfg.DataPath, "nsqd"); err != nil {
			return err
		}
		d.disk = &diskFigures{}
		disk = watchedFS{store.OS{Dir: cfg.DataPath}, d.disk}
	}
	if err = cfg.Validate(); err != nil {
		return err
	}
	if err = d.openTLS(cfg.TLS); err != nil {
		return err
	}
	cfg.Broker.TLS = d.certs != nil
	cfg.Broker.TLSRequired = cfg.TLS.Required != TLSNotRequired
	if cfg.Broker.AuthRequired = len(cfg.Auth.Addresses) > 0; cfg.Broker.AuthRequired {
		if err = d.openAuthority(cfg); err != nil {
			return err
		}
	}
	if err = d.listen(cfg.TCPAddress, cfg.HTTPAddress, cfg.HTTPSAddress); err != nil {
		return err
	}
	if cfg.LookupdTLS {
		if d.lookupTLS, err = d.clientTLS(cfg.TLS); err != nil {
			return err
		}
	}
	cfg.Broker.Discover = len(cfg.LookupdAddresses) > 0
	if d.broker, err = broker.Open(time.Now(), cfg.Broker, disk, d.wake); err != nil {
		return fmt.Errorf("failed to open data-path: %w", err)
	}
	return nil
}

// clientTLS is that of connections that the daemon makes: it shows its own certificate, if it has one.
func (d *Nsqd) clientTLS(from TLSConfig) (*tls.Config, error) {
	roots, err := readRoots(from.RootCAFile)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{RootCAs: roots, MinVersion: uint16(from.MinVersion)}
	if d.certs != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &d.certs.current.Load().Certificates[0], nil
		}
	}
	return cfg, nil
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
	d.alive.Go(func() { punctual(d.broker.NextTimeout, d.broker.HandleTimeout, d.timed, d.ended) })
	d.alive.Go(func() { punctual(d.broker.NextSync, d.syncer(), d.synced, d.ended) })
	d.lookups.set(cfg.LookupdAddresses, cfg.LookupdHTTPAddresses)
	d.alive.Go(d.lookups.run)
	d.serveTCP(d.outside(), d.connect)
	if cfg.Statsd.Address != "" {
		d.alive.Go(func() { d.tellStatsd(cfg) })
	}
	d.serveWeb(cfg)
}

// connect begins a session.
func (d *Nsqd) connect(now time.Time, remote string, wake func()) wire.Endpoint {
	return measured{d.broker.Connect(now, remote, wake), &d.publications.tcp}
}

// outside is what the daemon does for clients' sessions.
func (d *Nsqd) outside() outside {
	o := outside{tls: d.tls}
	if d.authority != nil {
		o.authorize = d.authority.ask
	}
	return o
}

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
	d.shutdown()
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

// end is that of daemon, and has no client wait for an answer of the auth servers.
func (d *Nsqd) end() bool {
	if d.authority != nil {
		d.authority.close()
	}
	d.lookups.close() // nobody is sent here any more
	return d.daemon.end()
}
