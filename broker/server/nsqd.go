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
// The law: two goroutines a connection, the second only while it has something to write, one a listener, one for the broker's
// timers, and those of net/http. All that they share is in the broker, in a driver, or guarded by Nsqd.mu, which is held across
// no call to either.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// stopTime bounds how long Stop waits, for clients and again for HTTP requests.
const stopTime = 2 * time.Second

// An Nsqd is a daemon that runs: a broker with its sockets and timers.
type Nsqd struct {
	log    Log
	broker *broker.Broker
	folder *os.File // locked; nil if none
	tcp    net.Listener
	http   net.Listener // nil if none
	web    *http.Server // of http

	timed chan struct{} // holds a token when the broker's next timeout may be earlier
	ended chan struct{} // closed when it is to end
	alive sync.WaitGroup

	failed chan error // holds one at most

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	ending bool
}

// Start opens the sockets and serves. When it returns, clients can connect.
func Start(cfg Config) (*Nsqd, error) {
	d := &Nsqd{
		log:    cfg.Log,
		timed:  make(chan struct{}, 1),
		ended:  make(chan struct{}),
		failed: make(chan error, 1),
		conns:  map[net.Conn]struct{}{},
	}
	if d.log == nil {
		d.log = func(Level, string, ...any) {}
	}
	if cfg.BroadcastAddress == "" {
		cfg.BroadcastAddress = hostname()
	}
	if err := d.open(cfg); err != nil {
		d.close()
		return nil, err
	}
	d.serve(cfg)
	return d, nil
}

// open takes all that can be refused, in upstream's order.
func (d *Nsqd) open(cfg Config) (err error) {
	if cfg.DataPath != "" {
		if d.folder, err = lockFolder(cfg.DataPath); err != nil {
			return fmt.Errorf("failed to lock data-path: %w", err)
		}
	}
	if d.broker, err = broker.Open(cfg.Broker, nil, d.wakeTimers); err != nil {
		return err
	}
	if d.tcp, err = listen(cfg.TCPAddress); err != nil {
		return err
	}
	if cfg.HTTPAddress != "" {
		d.http, err = listen(cfg.HTTPAddress)
	}
	return err
}

// serve starts the goroutines.
func (d *Nsqd) serve(cfg Config) {
	d.log(Info, "TCP: listening on %s", d.tcp.Addr())
	d.alive.Go(d.runTimers)
	d.alive.Go(d.accept)
	if d.http != nil {
		d.log(Info, "HTTP: listening on %s", d.http.Addr())
		d.web = d.newWeb(cfg)
		d.alive.Go(func() {
			if err := d.web.Serve(d.http); !errors.Is(err, http.ErrServerClosed) {
				d.failed <- fmt.Errorf("HTTP: %w", err)
			}
		})
	}
}

// TCPAddr is where clients can connect, as host:port or the path of a unix socket.
func (d *Nsqd) TCPAddr() string { return address(d.tcp) }

// HTTPAddr is where the HTTP API is, as TCPAddr; empty if there is none.
func (d *Nsqd) HTTPAddr() string { return address(d.http) }

// Failed tells why the daemon can serve no more, should that come to pass; Stop then cleans up.
func (d *Nsqd) Failed() <-chan error { return d.failed }

// Stop ends the daemon in order: no new clients, then those there are, then HTTP. It takes a few seconds at most. Messages
// that no consumer has finished are lost. A daemon that has ended already is left so.
func (d *Nsqd) Stop() error {
	if !d.end() {
		return nil
	}
	d.log(Info, "stopping, with %d messages that are in memory only and go with it", d.broker.Held())
	err := d.tcp.Close()
	d.broker.Close(time.Now())
	stuck := time.AfterFunc(stopTime, d.closeConns)
	defer stuck.Stop()
	if d.web != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if d.web.Shutdown(ctx) != nil {
			_ = d.web.Close()
		}
	}
	d.alive.Wait()
	d.close()
	d.log(Info, "bye")
	return err
}

// Kill ends the daemon as kill -9 does: the sockets close, no client is told anything, and what was in memory is lost.
func (d *Nsqd) Kill() {
	if !d.end() {
		return
	}
	d.close()
	d.closeConns()
	d.alive.Wait()
}

// end begins the end, and says whether it had not begun.
func (d *Nsqd) end() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending {
		return false
	}
	d.ending = true
	close(d.ended)
	return true
}

// close gives the sockets and the folder back. It may be called twice.
func (d *Nsqd) close() {
	if d.tcp != nil {
		_ = d.tcp.Close()
	}
	if d.web != nil {
		_ = d.web.Close()
	} else if d.http != nil {
		_ = d.http.Close()
	}
	if d.folder != nil {
		_ = d.folder.Close() // and with it the lock
	}
}

// wakeTimers is what the broker calls when its next timeout may be earlier.
func (d *Nsqd) wakeTimers() {
	select {
	case d.timed <- struct{}{}:
	default:
	}
}

// runTimers tells the broker when its time has come.
func (d *Nsqd) runTimers() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next := d.broker.NextTimeout(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-timer.C:
			d.broker.HandleTimeout(time.Now())
		case <-d.timed:
		case <-d.ended:
			return
		}
	}
}
