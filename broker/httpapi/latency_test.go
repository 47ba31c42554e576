package httpapi

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// newRigWith is newRig with options and what the daemon tells changed.
func newRigWith(t testing.TB, change func(*broker.Options, *Info)) *rig {
	g := &rig{t: t, now: began}
	opts, info := broker.DefaultOptions("host"), Info{Version: "1.3.0", Started: began}
	change(&opts, &info)
	b, err := broker.Open(began, opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	g.broker, g.handler = b, Nsqd(b, info, func() time.Time { return g.now })
	return g
}

// Percentiles that are asked for stand in /stats, as in nsqd; those of messages that were finished long ago do not.
func TestStatsLatency(t *testing.T) {
	g := newRigWith(t, func(o *broker.Options, _ *Info) { o.LatencyPercentiles = broker.Percentiles{1, 0.5} })
	g.run([]exchange{
		{"POST", "/topic/create?topic=t", "", 200, ""},
		{"POST", "/channel/create?topic=t&channel=c", "", 200, ""},
		{"POST", "/channel/create?topic=t&channel=d", "", 200, ""},
		{"POST", "/topic/create?topic=bare", "", 200, ""},
		{"POST", "/pub?topic=t", "x", 200, "OK"},
	})
	s := g.broker.Connect(g.now, "10.0.0.1:5001", func() {})
	say := func(text string) {
		if _, err := s.Receive(g.now, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	say(wire.Magic + "SUB t c\nRDY 1\n")
	out := string(s.Transmit(nil))
	g.now = g.now.Add(128 * time.Nanosecond) // the middle of a step of the sketch is 129
	say("FIN " + out[len(out)-17:len(out)-1] + "\n")

	json, text := "/stats?format=json&include_mem=0", "/stats?include_mem=0"
	g.wantAll(json, `"channel_name":"c",`, `"paused":false,"e2e_processing_latency":{"count":1,"percentiles":[{"quantile":1,"value":129},{"quantile":0.5,"value":129}]}},`,
		`"channel_name":"d",`, `"e2e_processing_latency":{"count":0,"percentiles":[{"quantile":1,"value":0},{"quantile":0.5,"value":0}]}}],`,
		`"paused":false,"e2e_processing_latency":{"count":1,"percentiles":[{"quantile":1,"value":129},{"quantile":0.5,"value":129}]}}]`)
	g.wantAll(json, `"topic_name":"bare",`, `"e2e_processing_latency":{"count":0,"percentiles":null}},`)
	g.wantAll(text, "[bare           ]", "e2e%: \n", "[t              ]", "e2e%: 129.0ns, 129.0ns\n", "[c   ", "e2e%: 129.0ns, 129.0ns\n", "[d   ", "e2e%: 0.0ns, 0.0ns\n")
	g.now = g.now.Add(time.Hour)
	g.wantAll(text, "[t              ]", "e2e%: 0.0ns, 0.0ns\n", "[c   ", "e2e%: 0.0ns, 0.0ns\n")
}

// wantAll checks that the answer has all the pieces, one after the other.
func (g *rig) wantAll(target string, pieces ...string) {
	g.t.Helper()
	rest := g.ask("GET", target, nil).Body.String()
	for _, piece := range pieces {
		_, after, ok := strings.Cut(rest, piece)
		if !ok {
			g.t.Fatalf("%s: no %q in %s", target, piece, rest)
		}
		rest = after
	}
}

// A unit begins above one of it, as nsqd writes times.
func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0ns", 1000: "1000.0ns", 1001: "1.0us", time.Millisecond: "1000.0us", 203400 * time.Microsecond: "203.4ms",
		time.Second: "1000.0ms", time.Second + 1: "1.0s", time.Hour: "3600.0s",
	} {
		if got := short(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

// The daemon is told how long each publication took that was answered OK, and of no other.
func TestPublicationsAreTimed(t *testing.T) {
	var took []time.Duration
	ending := false
	opts := broker.DefaultOptions("host")
	opts.MaxMsgSize, opts.Durability = 10, broker.Fsync
	b, err := broker.Open(began, opts, store.OS{Dir: t.TempDir()}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, now: began, broker: b}
	h := Nsqd(b, Info{
		Answered: func(d time.Duration) { took = append(took, d) },
		Await: func(done <-chan error) error {
			g.now = g.now.Add(time.Minute)
			if ending {
				return broker.ErrExiting
			}
			if err := b.Sync(g.now); err != nil {
				return err
			}
			return <-done
		},
	}, func() time.Time { return g.now })
	g.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &slow{r.Body, g}
		h.ServeHTTP(w, r)
	})
	g.ask("POST", "/pub?topic=t", strings.NewReader("x"))
	g.ask("POST", "/mpub?topic=t", strings.NewReader("x\ny"))
	g.ask("POST", "/pub?topic=t", strings.NewReader("too long for it"))
	ending = true
	if w := g.ask("POST", "/pub?topic=t", strings.NewReader("x")); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a daemon that ends answers %d", w.Code)
	}
	if !slices.Equal(took, []time.Duration{time.Minute, time.Minute}) {
		t.Errorf("%v: want those of two, from when the body was there", took)
	}
}

// A slow body takes a second.
type slow struct {
	io.ReadCloser
	g *rig
}

func (s *slow) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err == io.EOF {
		s.g.now = s.g.now.Add(time.Second)
	}
	return n, err
}

// GET /metrics is the daemon's to answer; without it there is no such path.
func TestMetricsPath(t *testing.T) {
	g := newRigWith(t, func(_ *broker.Options, info *Info) {
		info.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "figures") })
	})
	g.run([]exchange{
		{"GET", "/metrics", "", 200, "figures"},
		{"POST", "/metrics", "", 405, told("METHOD_NOT_ALLOWED")},
	})
	newRig(t).run([]exchange{{"GET", "/metrics", "", 404, told("NOT_FOUND")}})
}
