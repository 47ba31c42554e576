package server

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The names, types and meanings of all metrics, which dashboards know.
func TestLookupdMetricsGolden(t *testing.T) {
	d := startLookupd(t, nil)
	get(t, d, "/ping")
	families := regexp.MustCompile(`(?m)^# (HELP|TYPE) nsqlookupd_.*\n`)
	golden(t, "lookupd_metrics.txt", strings.Join(families.FindAllString(get(t, d, "/metrics"), -1), ""))
}

// Prometheus's own rules of naming hold.
func TestLookupdMetricsLint(t *testing.T) {
	d := startLookupd(t, nil)
	get(t, d, "/ping")
	for _, c := range []prometheus.Collector{&lookupdCollector{lookupd: d}, d.tally.requests, d.tally.lookups, d.tally.saves} {
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	}
}

func TestLookupdMetrics(t *testing.T) {
	d := startLookupd(t, func(c *LookupdConfig) {
		c.DataPath = t.TempDir()
		c.Registry.TombstoneLifetime = time.Hour
	})
	enrol(t, d, "a", 1, 2).does("REGISTER t c", "REGISTER u")
	enrol(t, d, "b", 1, 2).does("REGISTER t c")
	enrol(t, d, "c", 1, 2)
	post(t, d, "/topic/tombstone?topic=u&node=a:2", "")
	post(t, d, "/channel/create?topic=v&channel=d", "")
	for range 3 {
		get(t, d, "/lookup?topic=t")
	}
	get(t, d, "/lookup?topic=u")
	get(t, d, "/lookup?topic=none")
	get(t, d, "/lookup")
	get(t, d, "/no/such/path")
	waitFor(t, d, "/lookup?topic=t2&index=0&wait=1m")
	wantMetrics(t, d, map[string]string{
		`nsqlookupd_topics`:                                              "3",
		`nsqlookupd_channels`:                                            "2",
		`nsqlookupd_registrations`:                                       "5",
		`nsqlookupd_producers{state="live"}`:                             "2",
		`nsqlookupd_producers{state="silent"}`:                           "0",
		`nsqlookupd_producers{state="tombstoned"}`:                       "1",
		`nsqlookupd_connections`:                                         "3",
		`nsqlookupd_waiting`:                                             "1",
		`nsqlookupd_lookups_total{result="found"}`:                       "3",
		`nsqlookupd_lookups_total{result="empty"}`:                       "1",
		`nsqlookupd_lookups_total{result="unknown"}`:                     "1",
		`nsqlookupd_http_requests_total{code="200",path="/lookup"}`:      "4",
		`nsqlookupd_http_requests_total{code="404",path="/lookup"}`:      "1",
		`nsqlookupd_http_requests_total{code="400",path="/lookup"}`:      "1",
		`nsqlookupd_http_requests_total{code="404",path="other"}`:        "1",
		`nsqlookupd_http_requests_total{code="200",path="/debug/pprof"}`: "",
		`nsqlookupd_saves_total{result="failed"}`:                        "0",
	})
	got := metrics(t, d)
	for _, name := range []string{"nsqlookupd_start_time_seconds", "go_goroutines", "process_start_time_seconds"} {
		if got[name] == "" || got[name] == "0" {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	await(t, "saved", func() bool { return metrics(t, d)[`nsqlookupd_saves_total{result="ok"}`] > "0" })
}
