package server

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/lookup"
)

// A lookupdTally counts what an nsqlookupd has done. Safe from any goroutine.
type lookupdTally struct {
	requests *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	saves    *prometheus.CounterVec
	paths    []string // that are counted one by one
}

func newLookupdTally() *lookupdTally {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "nsqlookupd_" + name, Help: help}, labels)
	}
	t := &lookupdTally{
		requests: vec("http_requests_total", "Requests by HTTP; path is other for what there is not.", "path", "code"),
		lookups: vec("lookups_total", "Topics looked up: found with nsqds, or empty because none that is handed out has them, or unknown.",
			"result"),
		saves: vec("saves_total", "Times that what is registered was written to the data path, or could not be.", "result"),
		paths: httpapi.LookupdPaths(),
	}
	for _, result := range []string{"found", "empty", "unknown"} {
		t.lookups.WithLabelValues(result)
	}
	for _, result := range []string{"ok", "failed"} {
		t.saves.WithLabelValues(result)
	}
	return t
}

// count counts the requests of an API.
func (t *lookupdTally) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if !slices.Contains(t.paths, path) {
			path = "other"
		}
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(answer, r)
		t.requests.WithLabelValues(path, strconv.Itoa(answer.status)).Inc()
	})
}

// lookup counts a topic that was looked up.
func (t *lookupdTally) lookup(found lookup.Found, known bool) {
	result := "found"
	switch {
	case !known:
		result = "unknown"
	case len(found.Producers) == 0:
		result = "empty"
	}
	t.lookups.WithLabelValues(result).Inc()
}

// save counts a write of the keeper's.
func (t *lookupdTally) save(err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	t.saves.WithLabelValues(result).Inc()
}

// A lookupdCollector reads the daemon's figures, when it is asked for them.
type lookupdCollector struct {
	lookupd *Lookupd
	started time.Time
}

var (
	lookupdBuildInfo     = desc("nsqlookupd_build_info", "1, and the versions of the daemon and of Go.", "version", "go_version")
	lookupdStartTime     = desc("nsqlookupd_start_time_seconds", "When the daemon began, since the Unix epoch.")
	lookupdConnections   = desc("nsqlookupd_connections", "TCP connections of nsqds.")
	lookupdTopics        = desc("nsqlookupd_topics", "Topics that are known, also those that no nsqd has.")
	lookupdChannels      = desc("nsqlookupd_channels", "Channels that are known, also those that no nsqd has.")
	lookupdRegistrations = desc("nsqlookupd_registrations", "Registrations of nsqds, for topics and for channels.")
	lookupdProducers     = desc("nsqlookupd_producers", "Nsqds: live ones are handed out for all their topics, silent ones for none, and a tombstone hides the"+
		" tombstoned ones for some.", "state")
	lookupdWaiting = desc("nsqlookupd_waiting", "Requests that wait for a topic to change.")
)

// Describe implements prometheus.Collector.
func (c *lookupdCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lookupdBuildInfo, lookupdStartTime, lookupdConnections,
		lookupdTopics, lookupdChannels, lookupdRegistrations, lookupdProducers, lookupdWaiting,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *lookupdCollector) Collect(ch chan<- prometheus.Metric) {
	gauge(ch, lookupdBuildInfo, 1, broker.Version, runtime.Version())
	gauge(ch, lookupdStartTime, float64(c.started.UnixMilli())/1000)
	gauge(ch, lookupdConnections, float64(c.lookupd.clients()))
	f := c.lookupd.registry.Figures(time.Now())
	gauge(ch, lookupdTopics, float64(f.Topics))
	gauge(ch, lookupdChannels, float64(f.Channels))
	gauge(ch, lookupdRegistrations, float64(f.Registrations))
	gauge(ch, lookupdProducers, float64(f.Live), "live")
	gauge(ch, lookupdProducers, float64(f.Silent), "silent")
	gauge(ch, lookupdProducers, float64(f.Tombstoned), "tombstoned")
	gauge(ch, lookupdWaiting, float64(f.Watching))
}
