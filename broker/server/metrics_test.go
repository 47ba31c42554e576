package server

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// rewrite has the golden files written anew: go test ./broker/server -run 'Metrics|Statsd' -rewrite
var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares what came with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// newMetered starts a daemon in a folder, of which all figures tell.
func newMetered(t *testing.T, change func(*Config)) *Nsqd {
	d := startNsqd(t, func(c *Config) {
		c.DataPath = t.TempDir()
		c.Broker.LatencyPercentiles = broker.Percentiles{0.999, 0.5}
		if change != nil {
			change(c)
		}
	})
	post(t, d, "/topic/create?topic=t", "")
	post(t, d, "/channel/create?topic=t&channel=c", "")
	return d
}

// The names, types and meanings of all metrics, which dashboards know.
func TestMetricsGolden(t *testing.T) {
	d := newMetered(t, nil)
	consumer := dial(t, d)
	consumer.say("SUB t c\n")
	consumer.want("OK")
	families := regexp.MustCompile(`(?m)^# (HELP|TYPE) nsqd_.*\n`)
	golden(t, "metrics.txt", strings.Join(families.FindAllString(get(t, d, "/metrics"), -1), ""))
}

// Prometheus's own rules of naming hold.
func TestMetricsLint(t *testing.T) {
	d := newMetered(t, nil)
	problems, err := testutil.CollectAndLint(&collector{nsqd: d, path: t.TempDir(), maxClients: 10})
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// metrics gives the values by what stands before them in the answer to GET /metrics.
func metrics(t testing.TB, d served) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(get(t, d, "/metrics")) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			values[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return values
}

// wantMetrics checks some of them; those that should not be there are "".
func wantMetrics(t *testing.T, d served, want map[string]string) {
	t.Helper()
	got := metrics(t, d)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func TestMetrics(t *testing.T) {
	for _, durability := range []broker.Durability{broker.OS, broker.Fsync} {
		t.Run(string(durability), func(t *testing.T) {
			d := newMetered(t, func(c *Config) { c.Broker.Durability = durability })
			post(t, d, "/pub?topic=t", "by HTTP")
			post(t, d, "/pub?topic=t&defer=60000", "later")
			post(t, d, "/topic/create?topic=other", "")
			post(t, d, "/topic/pause?topic=other", "")
			post(t, d, "/mpub?topic=other", "some\nmore")
			consumer, producer := dial(t, d), dial(t, d)
			producer.say(pub("t", "hello"))
			producer.want("OK")
			consumer.say(identify(`{"client_id":"me"}`) + "SUB t c\n")
			consumer.want("OK", "OK")
			consumer.say("RDY 2\n")
			consumer.want("message 1 by HTTP", "message 1 hello")
			consumer.say("FIN " + consumer.ids[1].String() + "\nREQ " + consumer.ids[0].String() + " 0\n")
			consumer.want("message 2 by HTTP")
			client := fmt.Sprintf(`{address=%q,channel="c",client="me",topic="t"}`, consumer.conn.LocalAddr())
			wantMetrics(t, d, map[string]string{
				`nsqd_topic_depth{topic="other"}`:                                              "2",
				`nsqd_topic_backend_depth{topic="other"}`:                                      "2",
				`nsqd_topic_depth{topic="t"}`:                                                  "0",
				`nsqd_topic_messages_total{topic="t"}`:                                         "3",
				`nsqd_topic_message_bytes_total{topic="t"}`:                                    "17",
				`nsqd_topic_lost_bytes_total{topic="t"}`:                                       "0",
				`nsqd_topic_paused{topic="other"}`:                                             "1",
				`nsqd_topic_paused{topic="t"}`:                                                 "0",
				`nsqd_channel_depth{channel="c",topic="t"}`:                                    "0",
				`nsqd_channel_in_flight{channel="c",topic="t"}`:                                "1",
				`nsqd_channel_deferred{channel="c",topic="t"}`:                                 "1",
				`nsqd_channel_messages_total{channel="c",topic="t"}`:                           "3",
				`nsqd_channel_requeues_total{channel="c",topic="t"}`:                           "1",
				`nsqd_channel_timeouts_total{channel="c",topic="t"}`:                           "0",
				`nsqd_channel_clients{channel="c",topic="t"}`:                                  "1",
				`nsqd_channel_delivery_seconds_count{channel="c",topic="t"}`:                   "2",
				`nsqd_channel_delivery_seconds_bucket{channel="c",topic="t",le="1.6e-05"}`:     "0",
				`nsqd_channel_delivery_seconds_bucket{channel="c",topic="t",le="3.2e-05"}`:     "", // every second bound
				`nsqd_channel_delivery_seconds_bucket{channel="c",topic="t",le="1073.741824"}`: "2",
				`nsqd_channel_end_to_end_seconds_count{channel="c",topic="t"}`:                 "1",
				`nsqd_client_ready` + client:                                                   "2",
				`nsqd_client_in_flight` + client:                                               "1",
				`nsqd_client_messages_total` + client:                                          "3",
				`nsqd_client_finished_total` + client:                                          "1",
				`nsqd_client_requeued_total` + client:                                          "1",
				`nsqd_clients_left_out`:                                                        "0",
				`nsqd_connections`:                                                             "2",
				`nsqd_healthy`:                                                                 "1",
				`nsqd_publish_seconds_count{protocol="tcp"}`:                                   "1",
				`nsqd_publish_seconds_count{protocol="http"}`:                                  "3",
				`nsqd_publish_seconds_bucket{protocol="http",le="1073.741824"}`:                "3",
				`nsqd_disk_errors_total{operation="write"}`:                                    "0",
			})
			got := metrics(t, d)
			for _, name := range []string{"nsqd_disk_written_bytes_total", "nsqd_disk_write_seconds_count", "nsqd_disk_free_bytes", "nsqd_disk_used_bytes",
				"nsqd_publish_seconds_sum{protocol=\"tcp\"}", "nsqd_start_time_seconds", "go_goroutines", "process_start_time_seconds",
				`nsqd_topic_e2e_processing_latency_seconds{percentile="99.9",topic="t"}`,
				`nsqd_channel_e2e_processing_latency_seconds{channel="c",percentile="50",topic="t"}`,
			} {
				if got[name] == "" || got[name] == "0" {
					t.Errorf("%s is %q", name, got[name])
				}
			}
			if syncs := got[`nsqd_disk_sync_seconds_count{target="file"}`]; durability == broker.Fsync && syncs == "0" {
				t.Error("nothing was synced")
			}
		})
	}
}

// Consumers beyond the limit are counted; two that look the same, over a unix socket, are told apart.
func TestMetricsClients(t *testing.T) {
	for _, c := range []struct{ limit, told int }{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {100, 3}} {
		d := newMetered(t, func(cfg *Config) {
			cfg.TCPAddress = filepath.Join(t.TempDir(), "nsqd.sock")
			cfg.Metrics.MaxClients = c.limit
		})
		for _, channel := range []string{"c", "c", "d"} {
			p := dial(t, d)
			p.say("SUB t " + channel + "\n")
			p.want("OK")
		}
		told := 0
		for name := range metrics(t, d) {
			if strings.HasPrefix(name, "nsqd_client_ready{") {
				told++
			}
		}
		if told != c.told {
			t.Errorf("with a limit of %d it tells of %d", c.limit, told)
		}
		wantMetrics(t, d, map[string]string{
			`nsqd_clients_left_out`:                       fmt.Sprint(3 - c.told),
			`nsqd_channel_clients{channel="c",topic="t"}`: "2",
		})
	}
}

// Without a folder there is no disk to tell of, and without percentiles no latency.
func TestMetricsWithoutADisk(t *testing.T) {
	d := startNsqd(t, nil)
	post(t, d, "/topic/create?topic=t", "")
	text := get(t, d, "/metrics")
	if strings.Contains(text, "nsqd_disk") || strings.Contains(text, "e2e_processing") || !strings.Contains(text, `nsqd_topic_depth{topic="t"} 0`) {
		t.Error(text)
	}
}

// BenchmarkMetrics is a scrape of 1,000 topics with a channel each.
func BenchmarkMetrics(b *testing.B) {
	d := startNsqd(b, nil)
	now := time.Now()
	for i := range 1000 {
		name := fmt.Sprintf("topic%04d", i)
		if err := d.broker.CreateTopic(now, name); err != nil {
			b.Fatal(err)
		}
		if err := d.broker.CreateChannel(now, name, "channel"); err != nil {
			b.Fatal(err)
		}
	}
	h := d.metricsHandler(DefaultConfig(), now)
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			r, err := http.NewRequest("GET", "/metrics", nil)
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Accept-Encoding", encoding)
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				w := counted{header: http.Header{}}
				h.ServeHTTP(&w, r)
				size = w.size
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// A counted counts the bytes of an answer.
type counted struct {
	header http.Header
	size   int
}

func (s *counted) Header() http.Header { return s.header }
func (s *counted) WriteHeader(int)     {}
func (s *counted) Write(p []byte) (int, error) {
	s.size += len(p)
	return len(p), nil
}
