// Package httpapi holds the daemons' HTTP APIs as handlers, with the clock passed in and without a listener.
//
//	h := httpapi.Nsqd(b, httpapi.Info{Version: broker.Version, Started: now}, clock)
//	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/pub?topic=orders", body))
//
// A handler answers what its request, its broker and its clock decide, and nothing else, but for those of /debug, which are about the
// process. An answer is a string, nothing, a value that becomes JSON, or an http.HandlerFunc that writes it; what is refused is a status
// and a code, as in nsqd.
package httpapi

import (
	"net/http"
	"runtime"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// Info is what a daemon tells of itself.
type Info struct {
	Version          string
	BroadcastAddress string
	Hostname         string
	HTTPPort         int // 0: none; -1: a unix socket
	TCPPort          int // -1: a unix socket
	Started          time.Time

	Memory   func() runtime.MemStats       // what /stats tells of memory; nil leaves it out
	Await    func(done <-chan error) error // waits for a publication that waits for the broker's Sync
	Answered func(took time.Duration)      // told of each publication how long it took, from when it had been read until its OK was ready; nil: nobody is
	Metrics  http.Handler                  // answers GET /metrics; nil: there is no such path
	Panicked func(v any)                   // told what a handler panicked with, which is then answered 500; nil lets the panic go on

	Config      func(option string) (value any, ok bool) // an option by its name in a config file: a string, or what becomes JSON; nil: there is none
	SetLookupds func(addresses []string)                 // sets the option nsqlookupd_tcp_addresses
	SetLogLevel func(name string) error                  // sets the option log_level; the error is that there is no such level
	Drain       func(on bool)                            // begins a drain, or takes it back; nil: the broker is drained, and that is all
}

// Nsqd is the HTTP API of nsqd. It is safe from any goroutine if clock is.
func Nsqd(b *broker.Broker, info Info, clock func() time.Time) http.Handler {
	d := &nsqd{broker: b, opts: b.Options(), info: info, clock: clock}
	r := newRouter(d, nsqdRoutes, info.Panicked)
	if info.Metrics != nil {
		r.Handler(http.MethodGet, "/metrics", info.Metrics)
	}
	return r
}

// A nsqd answers for one broker.
type nsqd struct {
	broker *broker.Broker
	opts   broker.Options
	info   Info
	clock  func() time.Time
}

var nsqdRoutes = append(profiles[*nsqd]("/debug/pprof/"), []route[*nsqd]{
	{"GET", "/ping", (*nsqd).ping, true},
	{"GET", "/info", (*nsqd).about, false},
	{"POST", "/pub", (*nsqd).pub, false},
	{"POST", "/mpub", (*nsqd).mpub, false},
	{"GET", "/stats", (*nsqd).stats, false},
	{"POST", "/topic/create", (*nsqd).createTopic, false},
	{"POST", "/topic/delete", (*nsqd).deleteTopic, false},
	{"POST", "/topic/empty", (*nsqd).emptyTopic, false},
	{"POST", "/topic/pause", (*nsqd).pauseTopic, false},
	{"POST", "/topic/unpause", (*nsqd).unpauseTopic, false},
	{"POST", "/channel/create", (*nsqd).createChannel, false},
	{"POST", "/channel/delete", (*nsqd).deleteChannel, false},
	{"POST", "/channel/empty", (*nsqd).emptyChannel, false},
	{"POST", "/channel/pause", (*nsqd).pauseChannel, false},
	{"POST", "/channel/unpause", (*nsqd).unpauseChannel, false},
	{"GET", "/config/:opt", (*nsqd).config, false},
	{"PUT", "/config/:opt", (*nsqd).setConfig, false},
	{"POST", "/drain", (*nsqd).drain, false},
	{"DELETE", "/drain", (*nsqd).resume, false},
	{"PUT", "/debug/setblockrate", (*nsqd).setBlockRate, true},
	{"POST", "/debug/freememory", (*nsqd).freeMemory, true},
}...)
