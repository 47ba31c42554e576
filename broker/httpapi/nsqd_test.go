package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// began is when the tests' clock starts.
var began = time.Date(2026, 11, 22, 22, 28, 52, 0, time.UTC)

// A rig is an API over a broker, with a clock that stands still.
type rig struct {
	t       testing.TB
	broker  *broker.Broker
	handler http.Handler
	now     time.Time
}

func newRig(t testing.TB) *rig { return newLimitedRig(t, 1<<20, 5<<20) }

// newLimitedRig limits messages and bodies to so many bytes.
func newLimitedRig(t testing.TB, message, body int64) *rig {
	opts := broker.DefaultOptions("host")
	opts.MaxMsgSize, opts.MaxBodySize = message, body
	opts.TopologyZone, opts.TopologyRegion = "z", "r"
	b, err := broker.Open(time.Now(), opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, broker: b, now: began}
	info := Info{
		Version: "1.3.0", BroadcastAddress: "b.example", Hostname: "host", HTTPPort: 4151, TCPPort: 4150, Started: began,
		Memory: func() runtime.MemStats { return memory },
	}
	g.handler = Nsqd(b, info, func() time.Time { return g.now })
	return g
}

// memory has 40 pauses of 1 to 40 µs.
var memory = func() runtime.MemStats {
	m := runtime.MemStats{HeapObjects: 1, HeapIdle: 2, HeapInuse: 3, HeapReleased: 4, NextGC: 5, NumGC: 40}
	for i := range 40 {
		m.PauseNs[i] = uint64(40-i) * 1000
	}
	return m
}()

// ask answers a request in this process.
func (g *rig) ask(method, target string, body io.Reader) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, httptest.NewRequest(method, target, body))
	return w
}

// An exchange is a request and its whole answer.
type exchange struct {
	method, target, body string
	status               int
	answer               string
}

// run makes the exchanges in order, on one broker, and fails at each that differs.
func (g *rig) run(all []exchange) {
	g.t.Helper()
	for _, e := range all {
		w := g.ask(e.method, e.target, strings.NewReader(e.body))
		if w.Code != e.status || w.Body.String() != e.answer {
			g.t.Errorf("%s %s %.40q: %d %q, want %d %q", e.method, e.target, e.body, w.Code, w.Body, e.status, e.answer)
		}
	}
}

// told is the body of a refusal.
func told(code string) string { return `{"message":"` + code + `"}` }

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		status               int
		answer               string
		headers              map[string]string // "" means absent
	}{
		{"a text", "POST", "/mpub?topic=t", 200, "OK", map[string]string{
			"X-NSQ-Content-Type": "nsq; version=1.0", "Content-Type": "text/plain; charset=utf-8"}},
		{"nothing", "POST", "/topic/create?topic=t", 200, "", map[string]string{
			"X-NSQ-Content-Type": "nsq; version=1.0", "Content-Type": ""}},
		{"a refusal", "POST", "/topic/create", 400, told("MISSING_ARG_TOPIC"), map[string]string{
			"X-NSQ-Content-Type": "nsq; version=1.0", "Content-Type": "application/json; charset=utf-8"}},
		{"a plain one", "GET", "/ping", 200, "OK", map[string]string{
			"X-NSQ-Content-Type": "", "Content-Type": "text/plain; charset=utf-8"}},
		{"an unknown path", "GET", "/put?topic=t", 404, told("NOT_FOUND"), map[string]string{
			"X-NSQ-Content-Type": "nsq; version=1.0", "Content-Type": "application/json; charset=utf-8"}},
		{"the root", "GET", "/", 404, told("NOT_FOUND"), nil},
		{"a wrong method", "GET", "/pub?topic=t", 405, told("METHOD_NOT_ALLOWED"), map[string]string{
			"Allow": "OPTIONS, POST", "X-NSQ-Content-Type": "nsq; version=1.0"}},
		{"HEAD", "HEAD", "/ping", 405, told("METHOD_NOT_ALLOWED"), map[string]string{"Allow": "GET, OPTIONS"}},
		{"OPTIONS", "OPTIONS", "/stats", 200, "", map[string]string{"Allow": "GET, OPTIONS"}},
		{"a slash too many", "POST", "/pub/?topic=t", 307, "", map[string]string{"Location": "/pub?topic=t"}},
		{"wrong case", "POST", "/Topic/Create?topic=t", 307, "", map[string]string{"Location": "/topic/create?topic=t"}},
		{"an odd query", "POST", "/topic/create?topic=%zz", 400, told("INVALID_REQUEST"), nil},
		{"parameters in the body", "POST", "/topic/create", 400, told("MISSING_ARG_TOPIC"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader("topic=t"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			newRig(t).handler.ServeHTTP(w, r)
			if w.Code != c.status || (c.status != 307 && w.Body.String() != c.answer) {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.answer)
			}
			for name, want := range c.headers {
				if got := w.Result().Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	w := newRig(t).ask("GET", "/stats/?format=json", nil)
	if w.Code != 301 || w.Header().Get("Location") != "/stats?format=json" {
		t.Errorf("GET with a slash too many: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestPanic(t *testing.T) {
	g := newRig(t)
	var got any
	broken := func() time.Time { panic("no clock") }
	h := Nsqd(g.broker, Info{Panicked: func(v any) { got = v }}, broken)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/topic/create?topic=t", nil))
	if w.Code != 500 || w.Body.String() != told("INTERNAL_ERROR") || got != "no clock" {
		t.Errorf("%d %q, told of %v", w.Code, w.Body, got)
	}
	defer func() {
		if v := recover(); v != "no clock" {
			t.Errorf("with nobody to tell it was swallowed: %v", v)
		}
	}()
	Nsqd(g.broker, Info{}, broken).ServeHTTP(w, httptest.NewRequest("POST", "/topic/create?topic=t", nil))
}

func TestInfo(t *testing.T) {
	w := newRig(t).ask("GET", "/info", nil)
	want := `{"version":"1.3.0","broadcast_address":"b.example","hostname":"host","http_port":4151,"tcp_port":4150,` +
		`"start_time":1795386532,"max_heartbeat_interval":60000000000,"max_output_buffer_size":65536,` +
		`"max_output_buffer_timeout":30000000000,"max_deflate_level":6,"topology_zone":"z","topology_region":"r","state":"running"}`
	if w.Body.String() != want {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
}

func TestTopicEndpoints(t *testing.T) {
	long := strings.Repeat("x", 65)
	g := newRig(t)
	g.run([]exchange{
		{"POST", "/topic/create", "", 400, told("MISSING_ARG_TOPIC")},
		{"POST", "/topic/create?topic=", "", 400, told("INVALID_TOPIC")},
		{"POST", "/topic/create?topic=" + long, "", 400, told("INVALID_TOPIC")},
		{"POST", "/topic/create?topic=a:b", "", 400, told("INVALID_TOPIC")},
		{"POST", "/topic/create?topic=t&topic=:", "", 200, ""}, // the first counts
		{"POST", "/topic/create?topic=t", "", 200, ""},

		{"POST", "/topic/pause", "", 400, told("MISSING_ARG_TOPIC")},
		{"POST", "/topic/pause?topic=", "", 404, told("TOPIC_NOT_FOUND")},
		{"POST", "/topic/pause?topic=:", "", 404, told("TOPIC_NOT_FOUND")},
		{"POST", "/topic/pause?topic=u", "", 404, told("TOPIC_NOT_FOUND")},
		{"POST", "/topic/unpause", "", 400, told("MISSING_ARG_TOPIC")},
		{"POST", "/topic/unpause?topic=u", "", 404, told("TOPIC_NOT_FOUND")},

		{"POST", "/topic/empty", "", 400, told("MISSING_ARG_TOPIC")},
		{"POST", "/topic/empty?topic=:", "", 400, told("INVALID_TOPIC")},
		{"POST", "/topic/empty?topic=u", "", 404, told("TOPIC_NOT_FOUND")},
		{"POST", "/topic/delete", "", 400, told("MISSING_ARG_TOPIC")},
		{"POST", "/topic/delete?topic=:", "", 404, told("TOPIC_NOT_FOUND")},
		{"POST", "/topic/delete?topic=u", "", 404, told("TOPIC_NOT_FOUND")},

		{"POST", "/channel/create?topic=t&channel=c", "", 200, ""},
		{"POST", "/topic/pause?topic=t", "", 200, ""},
		{"POST", "/topic/pause?topic=t", "", 200, ""},
		{"POST", "/pub?topic=t", "one", 200, "OK"},
	})
	if st := g.broker.Stats().Topics[0]; !st.Paused || st.Depth != 1 || st.Channels[0].Depth != 0 {
		t.Errorf("paused: %+v", st)
	}
	g.run([]exchange{{"POST", "/topic/empty?topic=t", "", 200, ""}, {"POST", "/pub?topic=t", "two", 200, "OK"}})
	if st := g.broker.Stats().Topics[0]; st.Depth != 1 || st.Messages != 2 {
		t.Errorf("emptied: %+v", st)
	}
	g.run([]exchange{{"POST", "/topic/unpause?topic=t", "", 200, ""}})
	if st := g.broker.Stats().Topics[0]; st.Paused || st.Depth != 0 || st.Channels[0].Depth != 1 {
		t.Errorf("unpaused: %+v", st)
	}
	g.run([]exchange{{"POST", "/topic/delete?topic=t", "", 200, ""}})
	if n := len(g.broker.Stats().Topics); n != 0 {
		t.Errorf("%d topics are left", n)
	}
}

func TestChannelEndpoints(t *testing.T) {
	g := newRig(t)
	for _, path := range []string{"create", "delete", "empty", "pause", "unpause"} {
		path = "/channel/" + path
		g.run([]exchange{
			{"POST", path, "", 400, told("MISSING_ARG_TOPIC")},
			{"POST", path + "?channel=:", "", 400, told("MISSING_ARG_TOPIC")},
			{"POST", path + "?topic=&channel=:", "", 400, told("INVALID_ARG_TOPIC")},
			{"POST", path + "?topic=:", "", 400, told("INVALID_ARG_TOPIC")},
			{"POST", path + "?topic=t", "", 400, told("MISSING_ARG_CHANNEL")},
			{"POST", path + "?topic=t&channel=", "", 400, told("INVALID_ARG_CHANNEL")},
			{"POST", path + "?topic=t&channel=:", "", 400, told("INVALID_ARG_CHANNEL")},
			{"POST", path + "?topic=t&channel=c", "", 404, told("TOPIC_NOT_FOUND")},
		})
	}
	g.run([]exchange{
		{"POST", "/topic/create?topic=t", "", 200, ""},
		{"POST", "/channel/delete?topic=t&channel=c", "", 404, told("CHANNEL_NOT_FOUND")},
		{"POST", "/channel/empty?topic=t&channel=c", "", 404, told("CHANNEL_NOT_FOUND")},
		{"POST", "/channel/pause?topic=t&channel=c", "", 404, told("CHANNEL_NOT_FOUND")},
		{"POST", "/channel/unpause?topic=t&channel=c", "", 404, told("CHANNEL_NOT_FOUND")},
		{"POST", "/channel/create?topic=t&channel=c", "", 200, ""},
		{"POST", "/channel/create?topic=t&channel=c", "", 200, ""},
		{"POST", "/channel/pause?topic=t&channel=c", "", 200, ""},
		{"POST", "/channel/pause?topic=t&channel=c", "", 200, ""},
		{"POST", "/pub?topic=t", "one", 200, "OK"},
	})
	if st := g.broker.Stats().Topics[0].Channels[0]; !st.Paused || st.Depth != 1 {
		t.Errorf("paused: %+v", st)
	}
	g.run([]exchange{
		{"POST", "/channel/empty?topic=t&channel=c", "", 200, ""},
		{"POST", "/channel/unpause?topic=t&channel=c", "", 200, ""},
	})
	if st := g.broker.Stats().Topics[0].Channels[0]; st.Paused || st.Depth != 0 {
		t.Errorf("emptied and unpaused: %+v", st)
	}
	g.run([]exchange{{"POST", "/channel/delete?topic=t&channel=c", "", 200, ""}})
	if st := g.broker.Stats().Topics[0]; len(st.Channels) != 0 {
		t.Errorf("deleted: %+v", st)
	}
}
