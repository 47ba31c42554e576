package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// consume gives the bodies of all messages of a topic, in order.
func (g *rig) consume(topic string) (bodies [][]byte) {
	s := g.broker.Connect(g.now, "", func() {})
	if _, err := s.Receive(g.now, []byte(wire.Magic+"SUB "+topic+" c\nRDY 2500\n")); err != nil {
		g.t.Fatal(err)
	}
	for out := s.Transmit(nil); len(out) > 0; {
		f, n, err := wire.ParseFrame(out, 1<<20)
		if err != nil || n == 0 {
			g.t.Fatalf("%d %v", n, err)
		}
		if f.Type == wire.FrameMessage {
			m, err := wire.ParseMessage(f.Data)
			if err != nil {
				g.t.Fatal(err)
			}
			bodies = append(bodies, m.Body)
		}
		out = out[n:]
	}
	return bodies
}

// What /mpub answers OK to is queued whole and in order; what it refuses is not queued at all.
func FuzzMPub(f *testing.F) {
	f.Add("topic=t", []byte("a\nb\r\n\nc"))
	f.Add("topic=t&binary=true", []byte(binaryBody(2, "a", "bc")))
	f.Add("topic=t&binary=1", []byte(binaryBody(2, "a")))
	f.Add("topic=t&binary=0&binary=1", []byte("\n"))
	f.Add("topic=t&binary", []byte("\x00\x00\x00\x01\x7f\xff\xff\xffa"))
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		g := newLimitedRig(t, 10, 100)
		r := httptest.NewRequest("POST", "/mpub", bytes.NewReader(body))
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		g.handler.ServeHTTP(w, r)

		var queued [][]byte
		q, _ := url.ParseQuery(query)
		if slices.ContainsFunc(g.broker.Stats().Topics, func(t broker.TopicStats) bool { return t.Name == q.Get("topic") }) {
			queued = g.consume(q.Get("topic"))
		}
		if w.Code != http.StatusOK {
			if len(queued) > 0 || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%d %s, and %d messages are queued", w.Code, w.Body, len(queued))
			}
			return
		}
		if w.Body.String() != "OK" || len(body) > 100 {
			t.Errorf("%d bytes: %s", len(body), w.Body)
		}
		if binary := q.Get("binary"); q.Has("binary") && binary != "0" && binary != "false" {
			texts := make([]string, len(queued))
			for i, m := range queued {
				texts[i] = string(m)
			}
			if whole := binaryBody(int32(len(texts)), texts...); !strings.HasPrefix(string(body), whole) {
				t.Errorf("queued %q of %q", queued, body)
			}
			return
		}
		lines := slices.DeleteFunc(bytes.Split(body, []byte("\n")), func(l []byte) bool { return len(l) == 0 })
		if !slices.EqualFunc(queued, lines, bytes.Equal) {
			t.Errorf("queued %q of %q", queued, body)
		}
	})
}

// Whatever the path and the query, the answer is one of those there are, and whole.
func FuzzQuery(f *testing.F) {
	for _, e := range nsqdRoutes {
		if strings.HasPrefix(e.path, "/debug/") {
			continue // that of net/http/pprof is about this process
		}
		f.Add(e.method, e.path, "topic=orders&channel=billing&format=json&defer=1&include_mem=0")
	}
	f.Add("GET", "/stats", "format=json&topic=other&include_clients=false")
	f.Add("POST", "/topic//create/", "topic=%zz;")
	statuses := []int{200, 301, 307, 400, 404, 405, 413, 503}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		if strings.Contains(path, "debug") {
			return
		}
		g := newRig(t)
		g.run([]exchange{
			{"POST", "/topic/create?topic=orders", "", 200, ""},
			{"POST", "/channel/create?topic=orders&channel=billing", "", 200, ""},
		})
		r := httptest.NewRequest("GET", "/", strings.NewReader("m"))
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		w := httptest.NewRecorder()
		g.handler.ServeHTTP(w, r)
		if !slices.Contains(statuses, w.Code) {
			t.Errorf("status %d", w.Code)
		}
		if strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}
