package server

import (
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

// newWeb makes the HTTP server of the daemon's API.
func (d *Nsqd) newWeb(cfg Config) *http.Server {
	started := time.Now()
	info := httpapi.Info{
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
		Panicked: func(v any) {
			d.log(Error, "HTTP: panic - %v\n%s", v, debug.Stack())
		},
	}
	return &http.Server{
		Handler:   logRequests(d.log, httpapi.Nsqd(d.broker, info, time.Now)),
		ErrorLog:  log.New(errorWriter{d.log}, "", 0),
		ConnState: d.countWeb,
	}
}

// countWeb has the daemon's end wait for the goroutines of HTTP connections. The first state comes in that of the listener, the last
// when the handler has returned.
func (d *Nsqd) countWeb(_ net.Conn, state http.ConnState) {
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
