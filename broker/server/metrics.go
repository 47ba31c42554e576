package server

import (
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes is how many may be answered at a time.
const maxScrapes = 4

// MetricsConfig is what GET /metrics tells.
type MetricsConfig struct {
	MaxClients int // consumers that are told of one by one; those beyond are counted
}

// metricsHandler answers GET /metrics, for Prometheus.
func (d *Nsqd) metricsHandler(cfg Config, started time.Time) http.Handler {
	return d.scrapes(&collector{nsqd: d, started: started, path: cfg.DataPath, maxClients: cfg.Metrics.MaxClients})
}

// scrapes answers for what tells of the daemon, and tells of the process.
func (d *daemon) scrapes(told ...prometheus.Collector) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(told...)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            promLog{d.log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// promLog passes what a scrape complains of to the log.
type promLog struct{ log Log }

// Println implements promhttp.Logger.
func (l promLog) Println(v ...any) {
	for _, x := range v {
		if err, ok := x.(error); ok {
			l.log(Error, "METRICS: %s", err)
		}
	}
}

// A collector reads the daemon's figures, when it is asked for them.
type collector struct {
	nsqd       *Nsqd
	started    time.Time
	path       string // of the data
	maxClients int
}

// Figures of the daemon as a whole.
var (
	buildInfo   = desc("nsqd_build_info", "1, and the versions of the daemon and of Go.", "version", "go_version")
	startTime   = desc("nsqd_start_time_seconds", "When the daemon began, since the Unix epoch.")
	healthy     = desc("nsqd_healthy", "1 if the daemon can keep what it promises, as GET /ping says, else 0.")
	connections = desc("nsqd_connections", "TCP connections of clients.")
	leftOut     = desc("nsqd_clients_left_out", "Consumers that are not told of one by one, because there are more than --metrics-max-clients.")
	publishing  = desc("nsqd_publish_seconds", "Time of a publishing command (PUB, DPUB, MPUB or a POST by HTTP), from when all of it was read"+
		" until its OK was ready to be sent; with durability fsync that is after the sync. Refused ones are not in it.", "protocol")

	diskWrites   = desc("nsqd_disk_write_seconds", "Time of a write to a file of the data path.")
	diskSyncs    = desc("nsqd_disk_sync_seconds", "Time of an fsync in the data path, of a file or of the folder.", "target")
	diskWritten  = desc("nsqd_disk_written_bytes_total", "Bytes written to files of the data path.")
	diskRead     = desc("nsqd_disk_read_bytes_total", "Bytes read from files of the data path.")
	diskRemoved  = desc("nsqd_disk_removed_files_total", "Files of the data path that were removed, since all in them was finished.")
	diskFailures = desc("nsqd_disk_errors_total", "Operations on the data path that failed.", "operation")
	diskFree     = desc("nsqd_disk_free_bytes", "Bytes that are free for the daemon on the data path's file system.")
	diskUsed     = desc("nsqd_disk_used_bytes", "Bytes that are used on the data path's file system, by whomever.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		buildInfo, startTime, healthy, connections, leftOut, publishing,
		diskWrites, diskSyncs, diskWritten, diskRead, diskRemoved, diskFailures, diskFree, diskUsed,
		channelDelivery, channelEndToEnd, topicLatency, channelLatency,
	} {
		ch <- d
	}
	describe(ch, topicFigures)
	describe(ch, channelFigures)
	describe(ch, clientFigures)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	d := c.nsqd
	gauge(ch, buildInfo, 1, broker.Version, runtime.Version())
	gauge(ch, startTime, float64(c.started.UnixMilli())/1000)
	gauge(ch, healthy, truth(strings.HasPrefix(d.broker.Health(), "OK")))
	gauge(ch, connections, float64(d.clients()))
	histogram(ch, publishing, d.publications.tcp.histogram(), everyBound, "tcp")
	histogram(ch, publishing, d.publications.http.histogram(), everyBound, "http")
	if d.disk != nil {
		c.collectDisk(ch, d.disk)
	}
	c.collectTopics(ch, d.broker.StatsAt(time.Now()))
}

func (c *collector) collectDisk(ch chan<- prometheus.Metric, f *diskFigures) {
	histogram(ch, diskWrites, f.writes.histogram(), everyBound)
	histogram(ch, diskSyncs, f.syncs.histogram(), everyBound, "file")
	histogram(ch, diskSyncs, f.folderSync.histogram(), everyBound, "folder")
	counter(ch, diskWritten, float64(f.written.Load()))
	counter(ch, diskRead, float64(f.read.Load()))
	counter(ch, diskRemoved, float64(f.removed.Load()))
	for o, name := range operationNames {
		counter(ch, diskFailures, float64(f.failed[o].Load()), name)
	}
	if free, used, err := space(c.path); err == nil { // it is unknown otherwise, and left out
		gauge(ch, diskFree, float64(free))
		gauge(ch, diskUsed, float64(used))
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

// How many of a histogram's bounds are told, where there is one of it and where there are many: a bound is a time series for each channel.
const (
	everyBound  = 1
	secondBound = 2
)

// histogram tells of h, with its bounds in seconds, the first and every so manieth after it.
func histogram(ch chan<- prometheus.Metric, d *prometheus.Desc, h broker.Histogram, every int, labels ...string) {
	buckets := make(map[float64]uint64, broker.Bounds/every+1)
	var n uint64
	for i := range broker.Bounds {
		n += h.Counts[i]
		if i%every == 0 {
			buckets[broker.Bound(i).Seconds()] = n
		}
	}
	ch <- prometheus.MustNewConstHistogram(d, h.Count(), h.Sum, buckets, labels...)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
