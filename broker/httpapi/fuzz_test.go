package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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

// A counted body counts what is read of it. It does not tell its length.
type countedBody struct {
	r    io.Reader
	read int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += n
	return n, err
}

// fuzzed makes a request with a body that tells its length, or does not and may break off, and fails if more than limit bytes were read of it.
func (g *rig) fuzzed(method, path, query string, body []byte, how byte, limit int) *httptest.ResponseRecorder {
	counted := &countedBody{r: bytes.NewReader(body)}
	if how%3 == 2 {
		counted.r = brokenBody{counted.r}
	}
	r := httptest.NewRequest(method, path, counted)
	if how%3 == 0 {
		r.ContentLength = int64(len(body))
	}
	r.URL.RawQuery = query
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	if counted.read > limit {
		g.t.Errorf("%d bytes were read of a body that may have %d", counted.read, limit)
	}
	if w.Code != http.StatusOK && !json.Valid(w.Body.Bytes()) {
		g.t.Errorf("%d %q", w.Code, w.Body)
	}
	return w
}

// queued gives what a topic holds, once all that is deferred is due.
func (g *rig) queued(topic string) [][]byte {
	if !slices.ContainsFunc(g.broker.Stats().Topics, func(t broker.TopicStats) bool { return t.Name == topic }) {
		return nil
	}
	if err := g.broker.CreateChannel(g.now, topic, "c"); err != nil {
		g.t.Fatal(err)
	}
	g.now = g.now.Add(time.Hour)
	g.broker.HandleTimeout(g.now)
	return g.consume(topic)
}

// What /pub answers OK to is queued, and nothing else.
func FuzzPub(f *testing.F) {
	f.Add("topic=t", []byte("hello"), byte(0))
	f.Add("topic=t&defer=1000", []byte("late"), byte(1))
	f.Add("topic=t&defer=3600001", []byte("0123456789"), byte(2))
	f.Add("topic=t;", []byte(strings.Repeat("0123456789", 9)), byte(1))
	f.Add("topic", []byte{}, byte(0))
	f.Fuzz(func(t *testing.T, query string, body []byte, how byte) {
		g := newLimitedRig(t, 10, 100)
		w := g.fuzzed("POST", "/pub", query, body, how, 11)
		q, _ := url.ParseQuery(query)
		queued := g.queued(q.Get("topic"))
		if ok := w.Code == http.StatusOK; ok != (len(queued) == 1) || len(queued) > 1 || ok && !bytes.Equal(queued[0], body) {
			t.Errorf("%d %s, and queued is %q", w.Code, w.Body, queued)
		}
	})
}

// What /mpub answers OK to is queued whole and in order; what it refuses is not queued at all.
func FuzzMPub(f *testing.F) {
	f.Add("topic=t", []byte("a\nb\r\n\nc"), byte(0))
	f.Add("topic=t&binary=true", []byte(binaryBody(2, "a", "bc")), byte(1))
	f.Add("topic=t&binary=1&defer=1000", []byte(binaryBody(2, "a")), byte(1))
	f.Add("topic=t&binary=0&binary=1", []byte("\n"), byte(2))
	f.Add("topic=t&defer=1", []byte(strings.Repeat("0123456789\n", 10)), byte(1))
	f.Add("topic=t&binary", []byte("\x00\x00\x00\x01\x7f\xff\xff\xffa"), byte(0))
	f.Fuzz(func(t *testing.T, query string, body []byte, how byte) {
		g := newLimitedRig(t, 10, 100)
		w := g.fuzzed("POST", "/mpub", query, body, how, 101)
		q, _ := url.ParseQuery(query)
		queued := g.queued(q.Get("topic"))
		if w.Code != http.StatusOK {
			if len(queued) > 0 {
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

// What PUT /config answers OK to has changed the option to what GET tells; what it refuses has changed nothing.
func FuzzConfig(f *testing.F) {
	f.Add("nsqlookupd_tcp_addresses", []byte(`["127.0.0.1:4160"]`), byte(0))
	f.Add("nsqlookupd_tcp_addresses", []byte(`["127.0.0.1:4160", null, "\u0000"`), byte(1))
	f.Add("nsqlookupd_tcp_addresses", []byte("null"), byte(1))
	f.Add("log_level", []byte("WARN"), byte(2))
	f.Add("log_level", []byte(strings.Repeat("x", 1000)), byte(1))
	f.Fuzz(func(t *testing.T, option string, body []byte, how byte) {
		if strings.Contains(option, "/") {
			return // that is another path
		}
		g := newLimitedRig(t, 100, 100)
		values := map[string]any{"nsqlookupd_tcp_addresses": []string{}, "log_level": 2}
		info := Info{
			Config:      func(option string) (any, bool) { v, ok := values[option]; return v, ok },
			SetLookupds: func(all []string) { values["nsqlookupd_tcp_addresses"] = all },
			SetLogLevel: func(name string) error {
				if name != "debug" {
					return errors.New("no such level")
				}
				values["log_level"] = 1
				return nil
			},
		}
		g.handler = Nsqd(g.broker, info, func() time.Time { return g.now })
		before := fmt.Sprint(values)
		path := "/config/" + url.PathEscape(option)
		w := g.fuzzed("PUT", path, "", body, how, 101)
		if w.Code != http.StatusOK {
			if fmt.Sprint(values) != before {
				t.Errorf("%d %s, and it is %v", w.Code, w.Body, values)
			}
			return
		}
		if told := g.ask("GET", path, nil); told.Body.String() != w.Body.String() {
			t.Errorf("PUT answers %s, and GET %s", w.Body, told.Body)
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
