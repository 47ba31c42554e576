package server

import (
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// What /config tells of each kind of option, by upstream's names and in upstream's form.
func TestConfigTellsOptions(t *testing.T) {
	log := WriteLog(io.Discard, "[p] ", Info)
	d := startNsqd(t, func(c *Config) {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		c.Flags(fs)
		for name, value := range map[string]string{
			"node-id": "9", "msg-timeout": "90s", "broadcast-address": "b.example", "snappy": "false", "max-msg-size": "1000",
			"lookupd-tcp-address": "127.0.0.1:1", "tls-min-version": "tls1.2", "tls-required": "tcp-https", "enable-experiment": "x",
			"e2e-processing-latency-percentile": "0.5,0.99", "durability": "memory", "topic-durability": "a=fsync", "statsd-prefix": "p.%s",
		} {
			if err := fs.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
		c.TLS.Required = TLSNotRequired // there is no certificate
		c.Log = log
	})
	for name, want := range map[string]string{
		"id": "9", "msg_timeout": "90000000000", "broadcast_address": "b.example", "snappy": "false", "deflate": "true", "max_msg_size": "1000",
		"mem_queue_size": "10000", "max_deflate_level": "6", "tls_min_version": "771", "tls_required": "0", "tls_cert": "", "data_path": "",
		"nsqlookupd_tcp_addresses": `["127.0.0.1:1"]`, "auth_http_addresses": "[]", "enable_experiment": `["x"]`,
		"e2e_processing_latency_percentiles": "[0.99,0.5]", "durability": "memory", "topic_durability": "a=fsync", "statsd_prefix": "p.%s",
		"statsd_interval": "60000000000", "log_prefix": "[p] ", "log_level": "2", "tcp_address": "127.0.0.1:0",
	} {
		if got := get(t, d, "/config/"+name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"node_id", "lookupd_tcp_address", "version", "config", "verbose", "worker_id", "queue_scan_interval", "log"} {
		if got := get(t, d, "/config/"+name); got != `{"message":"INVALID_OPTION"}` {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := put(t, d, "/config/log_level", "WARN"); got != "3" || log.Level() != Warn {
		t.Errorf("the log level: %s, and it is %v", got, log.Level())
	}
	if got := put(t, d, "/config/log_level", "loud"); got != `{"message":"INVALID_VALUE"}` || log.Level() != Warn {
		t.Errorf("a wrong log level: %s, and it is %v", got, log.Level())
	}
	for _, value := range []string{`["127.0.0.1:1","127.0.0.1:2"]`, `[]`} {
		if got := put(t, d, "/config/nsqlookupd_tcp_addresses", value); got != value || get(t, d, "/config/nsqlookupd_tcp_addresses") != value {
			t.Errorf("lookupds %s: %s", value, got)
		}
	}
	if got := put(t, d, "/config/nsqlookupd_tcp_addresses", "null"); got != "[]" {
		t.Errorf("no lookupds: %s", got)
	}
}

// Every flag is an option, and every value has a form; tls-required has a number for each of its words.
func TestEveryFlagIsAnOption(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Log = WriteLog(io.Discard, "", Info)
	options := (&Nsqd{lookups: &lookups{}}).options(cfg)
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	cfg.Flags(fs)
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := options(ConfigKey(f.Name))
		switch value.(type) {
		case string, bool, int, int64, uint, uint64, float64, time.Duration, []string, []float64:
		default:
			t.Errorf("%s: %v %T", f.Name, ok, value)
		}
	})
	for word, want := range map[string]int{"false": 0, "tcp-https": 1, "true": 2} {
		if err := cfg.TLS.Required.Set(word); err != nil {
			t.Fatal(err)
		}
		if got, _ := (&Nsqd{lookups: &lookups{}}).options(cfg)("tls_required"); got != want {
			t.Errorf("%s: %v, want %d", word, got, want)
		}
	}
	cfg.Broker.Durability = broker.Fsync
	if got, _ := options("durability"); got != "os" {
		t.Errorf("the options are not those that the daemon began with: %v", got)
	}
}

func put(t testing.TB, d *Nsqd, target, body string) string {
	t.Helper()
	r, err := http.NewRequest("PUT", "http://"+d.HTTPAddr()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}
