package httpapi

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// rewrite says whether the golden files are written anew, by datadriven's flag: go test ./broker/httpapi -run 'Stats|Exchanges' -rewrite
func rewrite() bool { return flag.Lookup("rewrite").Value.String() == "true" }

// busy makes a broker in which each thing that /stats can tell is there.
func busy(t *testing.T) *rig {
	g := newRig(t)
	connect := func(remote, says string) *broker.Session {
		s := g.broker.Connect(g.now, remote, func() {})
		if n, err := s.Receive(g.now, []byte(wire.Magic+says)); err != nil || n != len(wire.Magic)+len(says) {
			t.Fatalf("%q: %d %v", says, n, err)
		}
		return s
	}
	identify := func(body string) string {
		return string(wire.AppendBody(wire.AppendCommand(nil, "IDENTIFY"), []byte(body)))
	}
	pub := func(topic string) string {
		return string(wire.AppendBody(wire.AppendCommand(nil, "PUB", topic), []byte("hello")))
	}
	g.run([]exchange{
		{"POST", "/topic/create?topic=orders", "", 200, ""},
		{"POST", "/channel/create?topic=orders&channel=billing", "", 200, ""},
		{"POST", "/channel/create?topic=orders&channel=archive", "", 200, ""},
		{"POST", "/channel/pause?topic=orders&channel=archive", "", 200, ""},
		{"POST", "/topic/create?topic=empty", "", 200, ""},
		{"POST", "/topic/pause?topic=empty", "", 200, ""},
		{"POST", "/pub?topic=empty", "x", 200, "OK"},
		{"POST", "/pub?topic=orders&defer=5000", "late", 200, "OK"},
	})
	consumer := connect("10.0.0.1:5001", identify(`{"client_id":"c","hostname":"h","user_agent":"ua/1","sample_rate":99}`)+"SUB orders billing\nRDY 3\n")
	connect("10.0.0.2:5002", "SUB orders billing\n"+pub("other"))
	connect("10.0.0.3:5003", identify(`{"client_id":"p","hostname":"p","topology_region":"r","topology_zone":"z"}`)+pub("orders")+pub("orders")+pub("other"))
	connect("10.0.0.4:5004", "NOP\n")
	out := consumer.Transmit(nil)
	var ids []string
	for len(out) > 0 {
		f, n, err := wire.ParseFrame(out, 100)
		if err != nil || n == 0 {
			t.Fatal(err)
		}
		if m, err := wire.ParseMessage(f.Data); f.Type == wire.FrameMessage && err == nil {
			ids = append(ids, m.ID.String())
		}
		out = out[n:]
	}
	if len(ids) != 2 {
		t.Fatalf("the consumer got %d messages", len(ids))
	}
	finished := "FIN " + ids[0] + "\nREQ " + ids[1] + " 0\n"
	if _, err := consumer.Receive(g.now, []byte(finished)); err != nil {
		t.Fatal(err)
	}
	g.now = began.Add(61*time.Second + 13*time.Millisecond)
	return g
}

func TestStatsGolden(t *testing.T) {
	for name, target := range map[string]string{
		"stats.txt":          "/stats",
		"stats.json":         "/stats?format=json",
		"stats_lean.txt":     "/stats?include_mem=0&include_clients=0&format=xml",
		"stats_lean.json":    "/stats?format=json&include_mem=false&include_clients=false",
		"stats_topic.json":   "/stats?format=json&topic=other&include_mem=false",
		"stats_channel.json": "/stats?format=json&topic=orders&channel=billing&include_mem=false&include_clients=yes",
		"stats_channel.txt":  "/stats?channel=archive&include_mem=0",
	} {
		got := busy(t).ask("GET", target, nil).Body.String()
		got = strings.Replace(got, runtime.Version(), "goVERSION", 1)
		path := filepath.Join("testdata", name)
		if rewrite() {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s:\n%s", target, path, got)
		}
	}
}

// The text of an idle and of a busy broker, line by line as nsqd's.
func TestStatsText(t *testing.T) {
	g := newRig(t)
	g.now = began.Add(13259824112)
	want := "nsqd v1.3.0 (built w/" + runtime.Version() + ")\n" +
		"start_time 2026-11-22T22:28:52Z\n" +
		"uptime 13.259824112s\n" +
		"\nHealth: OK\n" +
		"\nMemory:\n" +
		"   heap_objects             \t1\n" +
		"   heap_idle_bytes          \t2\n" +
		"   heap_in_use_bytes        \t3\n" +
		"   heap_released_bytes      \t4\n" +
		"   gc_pause_usec_100        \t40\n" +
		"   gc_pause_usec_99         \t40\n" +
		"   gc_pause_usec_95         \t39\n" +
		"   next_gc_bytes            \t5\n" +
		"   gc_total_runs            \t40\n" +
		"\nTopics: None\n" +
		"\nProducers: None\n"
	if got := g.ask("GET", "/stats", nil).Body.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, busyText, _ := strings.Cut(busy(t).ask("GET", "/stats?include_mem=0", nil).Body.String(), "Health: OK\n")
	want = "\nTopics:" +
		"\n*P [empty          ] depth: 1     be-depth: 0     msgs: 1        e2e%: \n" +
		"\n   [orders         ] depth: 0     be-depth: 0     msgs: 3        e2e%: \n" +
		"   *P [archive                  ] depth: 2     be-depth: 0     inflt: 0    def: 1    re-q: 0     timeout: 0     msgs: 3        e2e%: \n" +
		"      [billing                  ] depth: 0     be-depth: 0     inflt: 1    def: 1    re-q: 1     timeout: 0     msgs: 3        e2e%: \n" +
		"        [V2 h:5001 ua/1          ] state: 3 inflt: 1    rdy: 3    fin: 1        re-q: 1        msgs: 3        connected: 1m1s\n" +
		"        [V2 10.0.0.2:5002        ] msgs: 1        topics: other=1 connected: 1m1s\n" +
		"\n   [other          ] depth: 2     be-depth: 0     msgs: 2        e2e%: \n" +
		"\nProducers:\n" +
		"   [V2 10.0.0.2:5002        ] msgs: 1        topics: other=1 connected: 1m1s\n" +
		"   [V2 p:5003               ] msgs: 3        topics: orders=2,other=1 connected: 1m1s\n"
	if busyText != want {
		t.Errorf("got\n%s\nwant\n%s", busyText, want)
	}
}

// What is null and what is an empty list, as clients have come to know it.
func TestStatsNulls(t *testing.T) {
	for _, c := range []struct {
		broker *rig
		query  string
		want   []string
	}{
		{newRig(t), "", []string{`"topics":[],`, `"memory":{"heap_objects":1,`, `"producers":null}`}},
		{newRig(t), "&topic=none", []string{`"topics":null,`, `"producers":null}`}},
		{newRig(t), "&include_mem=false", []string{`"topics":[],"producers":null}`}},
		{busy(t), "&topic=none", []string{`"topics":null,`, `"producers":null}`}},
		{busy(t), "&topic=orders&channel=none", []string{`"topics":[],`, `"producers":[{`}},
		{busy(t), "&topic=empty", []string{`"topics":[{"topic_name":"empty","channels":[],`}},
		{busy(t), "&include_clients=false", []string{`"client_count":2,"clients":null`, `"client_count":0,"clients":null`, `"producers":null}`}},
		{busy(t), "&include_clients=0&include_mem=0", []string{`"clients":null`, `"producers":null}`}},
		{busy(t), "&include_clients=maybe", []string{`"client_count":0,"clients":[]`, `"client_count":2,"clients":[{`}},
	} {
		w := c.broker.ask("GET", "/stats?format=json"+c.query, nil)
		if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: not JSON: %s", c.query, w.Body)
		}
		for _, want := range c.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %s in %s", c.query, want, w.Body)
			}
		}
	}
}
