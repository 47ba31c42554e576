package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
)

// serveWeb serves the daemon's API on HTTP and HTTPS, as far as it listens there.
func (d *Nsqd) serveWeb(cfg Config) {
	api := logRequests(d.log, httpapi.Nsqd(d.broker, d.info(cfg), time.Now))
	if d.http != nil {
		h := api
		if cfg.TLS.Required == TLSRequired {
			h = logRequests(d.log, httpapi.TLSRequired(port(d.https)))
		}
		d.serveOn(paced{d.http}, "HTTP", h)
	}
	if d.https != nil {
		d.serveOn(tls.NewListener(paced{d.https}, d.certs.config()), "HTTPS", api)
	}
}

// serveOn serves one listener.
func (d *daemon) serveOn(l net.Listener, name string, h http.Handler) {
	d.log(Info, "%s: listening on %s", name, l.Addr())
	web := newWeb(h, d.log, d.countWeb)
	d.webs = append(d.webs, web)
	d.alive.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			select {
			case d.failed <- fmt.Errorf("%s: %w", name, err):
			default: // the other's failure is told
			}
		}
	})
}

// newWeb is a server that serves paced listeners, and bears slow clients only so far.
func newWeb(h http.Handler, l Log, state func(net.Conn, http.ConnState)) *http.Server {
	return &http.Server{
		Handler: paceBodies(h), ErrorLog: log.New(errorWriter{l}, "", 0), ConnState: state,
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
	}
}

// info is what the API tells of the daemon.
func (d *Nsqd) info(cfg Config) httpapi.Info {
	started := time.Now()
	return httpapi.Info{
		Version:          broker.Version,
		BroadcastAddress: cfg.BroadcastAddress,
		Hostname:         hostname(),
		HTTPPort:         port(d.http),
		TCPPort:          port(d.tcp),
		Started:          started,
		Memory:           readMemory,
		Await:            d.await,
		Answered:         func(took time.Duration) { d.publications.http.add(took, 1) },
		Metrics:          d.metricsHandler(cfg, started),
		Panicked:         d.panicked,
		Config:           d.options(cfg),
		SetLookupds:      func(addresses []string) { d.lookups.set(addresses, nil) },
		SetLogLevel:      setLogLevel(cfg.Log),
		Drain:            d.Drain,
	}
}

// panicked logs what a handler panicked with.
func (d *daemon) panicked(v any) { d.log(Error, "HTTP: panic - %v\n%s", v, debug.Stack()) }

// setLogLevel changes the least level that is logged, by its name.
func setLogLevel(l *Logger) func(name string) error {
	return func(name string) error {
		var level Level
		err := level.Set(name)
		if err == nil {
			l.SetLevel(level)
		}
		return err
	}
}

// countWeb has the daemon's end wait for the goroutines of HTTP connections. The first state comes in that of the listener, the last
// when the handler has returned.
func (d *daemon) countWeb(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.alive.Add(1)
	case http.StateClosed:
		d.alive.Done()
	}
}

func readMemory() runtime.MemStats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m
}

// logRequests logs every request but those that publish.
func logRequests(l Log, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/pub" || r.URL.Path == "/mpub" {
			h.ServeHTTP(w, r)
			return
		}
		began := time.Now()
		uri := r.URL.RequestURI()
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(answer, r)
		l(Info, "%d %s %s (%s) %s", answer.status, r.Method, uri, r.RemoteAddr, time.Since(began))
	})
}

// An answer notes the status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// An errorWriter passes what net/http complains of to the log.
type errorWriter struct{ log Log }

func (w errorWriter) Write(p []byte) (int, error) {
	w.log(Error, "HTTP: %s", strings.TrimSpace(string(p)))
	return len(p), nil
}
