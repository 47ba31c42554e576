package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/lookup"
)

// A directory is nsqlookupd's API, over a registry that has the topic orders with the channel billing.
type directory struct {
	registry *lookup.Registry
	handler  http.Handler
	waited   []time.Duration
}

func newDirectory() *directory {
	d := &directory{registry: lookup.NewRegistry(lookup.DefaultOptions())}
	d.registry.CreateChannel("orders", "billing")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d.handler = Lookupd(d.registry, LookupdInfo{
		Version: "1.3.0",
		Wait:    func(_ context.Context, most time.Duration, _ <-chan struct{}) { d.waited = append(d.waited, most) },
	}, func() time.Time { return now })
	return d
}

func (d *directory) ask(method, path, query string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

// What a request for a change must say, and how long it waits.
func TestLookupdWait(t *testing.T) {
	for _, c := range []struct {
		query  string
		code   int
		answer string
		waits  time.Duration // 0: not at all
	}{
		{"topic=orders", 200, `{"channels":["billing"],"producers":[]}`, 0},
		{"topic=orders&index=2&wait=30s", 200, `{"channels":["billing"],"producers":[]}`, 30 * time.Second},
		{"topic=orders&index=1&wait=30s", 200, `{"channels":["billing"],"producers":[]}`, 30 * time.Second}, // the change is there, so it is told at once
		{"topic=none&index=0&wait=5m", 404, `{"message":"TOPIC_NOT_FOUND"}`, 5 * time.Minute},
		{"topic=orders&index=2&wait=5m1s", 400, `{"message":"INVALID_ARG_WAIT"}`, 0},
		{"topic=orders&index=2&wait=-1s", 400, `{"message":"INVALID_ARG_WAIT"}`, 0},
		{"topic=orders&index=2&wait=soon", 400, `{"message":"INVALID_ARG_WAIT"}`, 0},
		{"topic=orders&index=2&wait", 400, `{"message":"INVALID_ARG_WAIT"}`, 0},
		{"topic=orders&wait=1s", 400, `{"message":"INVALID_ARG_INDEX"}`, 0},
		{"topic=orders&index=-1&wait=1s", 400, `{"message":"INVALID_ARG_INDEX"}`, 0},
		{"topic=orders&index=18446744073709551616&wait=1s", 400, `{"message":"INVALID_ARG_INDEX"}`, 0},
		{"wait=1s&index=0", 400, `{"message":"MISSING_ARG_TOPIC"}`, 0},
	} {
		d := newDirectory()
		w := d.ask("GET", "/lookup", c.query)
		if w.Code != c.code || w.Body.String() != c.answer {
			t.Errorf("%s: %d %s, want %d %s", c.query, w.Code, w.Body, c.code, c.answer)
		}
		if c.waits == 0 && len(d.waited) > 0 || c.waits > 0 && !slices.Equal(d.waited, []time.Duration{c.waits}) {
			t.Errorf("%s: it waited %s, want %s", c.query, d.waited, c.waits)
		}
		if left := d.registry.Figures(time.Now()).Watching; left != 0 {
			t.Errorf("%s: %d still wait", c.query, left)
		}
		if index := w.Header().Get("X-NSQ-Index"); (c.code == 200) != (index == "2") {
			t.Errorf("%s: the index is %q", c.query, index)
		}
	}
}

// Every path but one of a slash is counted.
func TestLookupdPaths(t *testing.T) {
	paths := LookupdPaths()
	for _, e := range lookupdRoutes {
		if !slices.Contains(paths, e.path) {
			t.Errorf("%s is missing", e.path)
		}
	}
	if !slices.Contains(paths, "/metrics") {
		t.Error("/metrics is missing")
	}
}

// Whatever the path and the query, the answer is one of those there are, and whole.
func FuzzLookupdQuery(f *testing.F) {
	for _, e := range lookupdRoutes {
		if !strings.HasPrefix(e.path, "/debug/") {
			f.Add(e.method, e.path, "topic=orders&channel=billing&node=a:1&index=0&wait=1s")
		}
	}
	f.Add("GET", "/lookup", "topic=other&wait=-9223372036854775809ns&index=99999999999999999999")
	f.Add("POST", "/topic//create/", "topic=%zz;")
	statuses := []int{200, 301, 307, 400, 404, 405}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		if strings.Contains(path, "debug/") {
			return // that of net/http/pprof is about this process
		}
		d := newDirectory()
		w := d.ask(method, path, query)
		if !slices.Contains(statuses, w.Code) {
			t.Errorf("status %d", w.Code)
		}
		if strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
		for _, waited := range d.waited {
			if waited < 0 || waited > maxWait {
				t.Errorf("it waits for %s", waited)
			}
		}
		if left := d.registry.Figures(time.Now()).Watching; left != 0 {
			t.Errorf("%d still wait", left)
		}
	})
}

// What creating a topic or a channel answers 200 to is there, under a name that is valid, and nothing else has come to be; what deleting
// answers 200 to is gone.
func FuzzLookupdNames(f *testing.F) {
	f.Add("topic=refunds&channel=audit")
	f.Add("topic=refunds%23ephemeral&channel=a.b-c_D9%23ephemeral")
	f.Add("topic=a/b&channel=c")
	f.Add("topic=refunds&topic=other&channel=")
	f.Add("topic=%00&channel=%ff")
	f.Fuzz(func(t *testing.T, query string) {
		q, _ := url.ParseQuery(query)
		topic, channel := q.Get("topic"), q.Get("channel")
		d := newDirectory()
		before := len(d.registry.Topics())
		made := d.ask("POST", "/topic/create", query).Code == 200
		if made && !slices.Contains(d.registry.Topics(), topic) || made && !broker.ValidName(topic) {
			t.Errorf("topic %q: made %t, there are %q", topic, made, d.registry.Topics())
		}
		if !made && len(d.registry.Topics()) != before {
			t.Errorf("there are %q", d.registry.Topics())
		}
		made = d.ask("POST", "/channel/create", query).Code == 200
		if made && (!broker.ValidName(channel) || !slices.Contains(d.registry.Channels(topic), channel)) {
			t.Errorf("channel %q is made, there are %q", channel, d.registry.Channels(topic))
		}
		if made && d.ask("POST", "/channel/delete", query).Code != 200 || made && slices.Contains(d.registry.Channels(topic), channel) {
			t.Errorf("channel %q is not deleted", channel)
		}
		if d.ask("POST", "/topic/delete", query).Code == 200 && slices.Contains(d.registry.Topics(), topic) {
			t.Errorf("topic %q is not deleted", topic)
		}
	})
}
