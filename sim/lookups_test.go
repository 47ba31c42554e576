package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// lookupWorld has an nsqlookupd l1 that b1 and b2 register with.
func lookupWorld(t testing.TB, links Links) *World {
	t.Helper()
	w, err := NewWorld(1, []Node{
		{Name: "b1", Lookupds: []string{"l1"}}, {Name: "l1", Kind: Lookupd}, {Name: "b2", Lookupds: []string{"l1"}},
	}, links)
	must(t, err)
	return w
}

// create makes a topic or a channel on a node.
func create(t testing.TB, w *World, node, what string) {
	t.Helper()
	status := 0
	w.Request(node, http.MethodPost, what, func(got int, _ []byte, err error) { status = got })
	w.Run(0)
	if status != http.StatusOK {
		t.Fatalf("%s on %s is answered %d", what, node, status)
	}
}

// found is what l1 tells c of a topic: its channels, and who has it.
func found(t testing.TB, w *World, topic string) string {
	t.Helper()
	w.Run(FetchTime)
	got := "no answer"
	w.Fetch("c", "l1", http.MethodGet, "/lookup?topic="+topic, func(status int, body []byte, err error) {
		var answer struct {
			Channels  []string
			Producers []struct {
				Broadcast string `json:"broadcast_address"`
			}
		}
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if got = fmt.Sprint(status, answer.Channels, answer.Producers); err != nil {
			got = err.Error()
		}
	})
	w.Run(FetchTime)
	return got
}

func has(t testing.TB, w *World, topic, want string) {
	t.Helper()
	if got := found(t, w, topic); got != want {
		t.Errorf("at %v %s is answered %s, want %s", w.Now(), topic, got, want)
	}
}

// TestRegisters: an nsqlookupd of a world knows what its brokers have, and learns it again when it or they come back.
func TestRegisters(t *testing.T) {
	w := lookupWorld(t, plain)
	create(t, w, "b1", "/topic/create?topic=orders")
	create(t, w, "b2", "/topic/create?topic=orders")
	create(t, w, "b1", "/channel/create?topic=orders&channel=billing")
	has(t, w, "orders", "200 [billing] [{b1} {b2}]")
	has(t, w, "refunds", "404 [] []")
	must(t, w.Kill("l1"))
	has(t, w, "orders", errCutShort.Error())
	must(t, w.Start("l1"))
	has(t, w, "orders", "200 [billing] [{b1} {b2}]")
	must(t, w.Kill("b2"))
	has(t, w, "orders", "200 [billing] [{b1}]")
	must(t, w.Start("b2"))
	has(t, w, "orders", "200 [billing] [{b1} {b2}]")
	must(t, w.Stop("b1"))
	has(t, w, "orders", "200 [billing] [{b2}]")
	must(t, w.Stop("l1"))
	must(t, w.Start("l1"))
	has(t, w, "orders", "200 [billing] [{b2}]")
	if n := len(w.conns); n != 1 {
		t.Errorf("%d connections stand, want that of b2", n)
	}
}

// TestSilentProducer: a paused broker's process neither pings nor dials; resumed, it is found again.
func TestSilentProducer(t *testing.T) {
	w, err := NewWorld(1, []Node{{Name: "l1", Kind: Lookupd, Args: []string{"--inactive-producer-timeout=20s"}}, {Name: "b1", Lookupds: []string{"l1"}}}, plain)
	must(t, err)
	create(t, w, "b1", "/topic/create?topic=orders")
	w.Run(time.Minute)
	has(t, w, "orders", "200 [] [{b1}]")
	must(t, w.Pause("b1"))
	w.Run(time.Minute)
	has(t, w, "orders", "200 [] []")
	must(t, w.Resume("b1"))
	has(t, w, "orders", "200 [] [{b1}]")
	must(t, w.Pause("l1"))
	w.Run(time.Minute)
	has(t, w, "orders", errNoAnswer.Error())
	must(t, w.Resume("l1"))
	has(t, w, "orders", "200 [] [{b1}]")
}

// channels are those of a topic on a broker.
func channels(w *World, node, topic string) string {
	for _, n := range w.node(node).life.broker.Names() {
		if n.Topic == topic {
			return strings.Join(n.Channels, " ")
		}
	}
	return "no topic"
}

// TestDiscoversChannels: a new topic has the channels that it has elsewhere, also when they can be asked for only later.
func TestDiscoversChannels(t *testing.T) {
	w := lookupWorld(t, DefaultLinks)
	create(t, w, "b1", "/topic/create?topic=orders")
	create(t, w, "b1", "/channel/create?topic=orders&channel=billing")
	w.Run(time.Second)
	create(t, w, "b2", "/topic/create?topic=orders")
	w.Run(10 * time.Millisecond)
	if got := channels(w, "b2", "orders"); got != "billing" {
		t.Errorf("b2 has %q", got)
	}
	create(t, w, "b1", "/topic/create?topic=refunds")
	create(t, w, "b1", "/channel/create?topic=refunds&channel=audit")
	w.Run(time.Second)
	remove := addRule(t, w, "", "", func(c Chunk) Fate { return Fate{Hold: c.From == "b2" || c.To == "b2"} })
	create(t, w, "b2", "/topic/create?topic=refunds")
	w.Run(time.Minute)
	if got := channels(w, "b2", "refunds"); got != "" {
		t.Errorf("b2 has %q, and asked nobody", got)
	}
	remove()
	w.Run(5 * time.Second)
	if got := channels(w, "b2", "refunds"); got != "audit" {
		t.Errorf("b2 has %q", got)
	}
	has(t, w, "refunds", "200 [audit] [{b1} {b2}]")
}

// TestAsksTooEarly: what an nsqlookupd that has just come up does not know is not taken for all there is.
func TestAsksTooEarly(t *testing.T) {
	w := lookupWorld(t, DefaultLinks)
	create(t, w, "b1", "/topic/create?topic=orders")
	create(t, w, "b1", "/channel/create?topic=orders&channel=billing")
	w.Run(10 * time.Second)
	must(t, w.Kill("l1"))
	w.Run(100 * time.Millisecond)
	must(t, w.Start("l1"))
	create(t, w, "b2", "/topic/create?topic=orders")
	w.Run(100 * time.Millisecond)
	has := func(want string) {
		if got := channels(w, "b2", "orders"); got != want || len(w.node("b2").life.broker.Undiscovered()) != 1 {
			t.Errorf("at %v b2 has %q and seeks %q; want %q, and to seek", w.Now(), got, w.node("b2").life.broker.Undiscovered(), want)
		}
	}
	has("")
	w.Run(2 * time.Second)
	has("billing")
	w.Run(4 * time.Second)
	if left := w.node("b2").life.broker.Undiscovered(); len(left) != 0 {
		t.Errorf("%q are sought still", left)
	}
}

// TestFetch: its bytes go over the link, and it ends in time whatever becomes of them.
func TestFetch(t *testing.T) {
	for name, c := range map[string]struct {
		rule func(c Chunk) Fate
		took time.Duration
		want string
	}{
		"nothing":     {func(Chunk) Fate { return Fate{} }, 4 * time.Millisecond, "200 <nil>"},
		"a delay":     {func(c Chunk) Fate { return Fate{Delay: time.Second} }, 2004 * time.Millisecond, "200 <nil>"},
		"a reset":     {func(c Chunk) Fate { return Fate{Reset: strings.HasPrefix(string(c.Data), "GET /ping HTTP/1.1\r\n")} }, 2 * time.Millisecond, "0 " + errCutShort.Error()},
		"a partition": {func(c Chunk) Fate { return Fate{Hold: true} }, FetchTime, "0 " + errNoAnswer.Error()},
	} {
		w := newWorld(t, Links{Delay: time.Millisecond}, "b1")
		addRule(t, w, "c", "b1", c.rule)
		addRule(t, w, "other", "b1", func(Chunk) Fate { return Fate{Reset: true} })
		got, took, calls := "", time.Duration(0), 0
		w.Fetch("c", "b1", http.MethodGet, "/ping", func(status int, _ []byte, err error) {
			got, took, calls = fmt.Sprint(status, " ", err), w.Now(), calls+1
		})
		w.Run(time.Minute)
		if got != c.want || took != c.took || calls != 1 {
			t.Errorf("%s: %d answers, %s after %v; want %s after %v", name, calls, got, took, c.want, c.took)
		}
		if len(w.conns) != 0 {
			t.Errorf("%s: the connection stands", name)
		}
	}
	w := newWorld(t, plain, "b1")
	w.Fetch("c", "b9", http.MethodGet, "/ping", func(_ int, _ []byte, err error) {
		if err == nil {
			t.Error("a node that is not there answers")
		}
	})
	w.Run(0)
}

// TestLookupTraces: a world with nsqlookupds is the same run twice, on one processor and on two.
func TestLookupTraces(t *testing.T) {
	run := func() string {
		w, err := NewWorld(3, []Node{
			{Name: "l1", Kind: Lookupd}, {Name: "l2", Kind: Lookupd},
			{Name: "b1", Lookupds: []string{"l1", "l2"}}, {Name: "b2", Lookupds: []string{"l2", "l1"}},
		}, DefaultLinks)
		must(t, err)
		for i, name := range []string{"b1", "b2", "b1", "b2"} {
			must(t, w.Dial("c", name, func(now time.Time, wake func()) wire.Endpoint {
				var conn *client.Conn
				conn = client.New(now, client.Options{}, client.Handler{Connected: func(time.Time) {
					for _, topic := range []string{"d", "c", "b", "a"} {
						conn.Publish(fmt.Sprint(topic, i), []byte("x"), nil)
					}
				}}, wake)
				return conn
			}))
		}
		w.At(time.Second, func() { must(t, w.Kill("l1")) })
		w.At(2*time.Second, func() { must(t, w.Start("l1")) })
		w.Run(time.Minute)
		return w.Trace()
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	traces := []string{run()}
	runtime.GOMAXPROCS(2)
	traces = append(traces, run(), run())
	if slices.Sort(traces); traces[0] != traces[2] {
		t.Errorf("one seed has the traces %q", traces)
	}
}
