package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// What is wrong is told, if there is a word for it, and ends the connection; the daemon serves the others on.
func TestLookupdRefuses(t *testing.T) {
	d := startLookupd(t, nil)
	other := enrol(t, d, "other", 4150, 4151)
	for _, c := range []struct{ name, said, answer string }{
		{"garbage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "E_BAD_PROTOCOL"},
		{"the magic of nsqd's protocol", wire.Magic, "E_BAD_PROTOCOL"},
		{"TLS, without a certificate", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "E_BAD_PROTOCOL"},
		{"an unknown command", wire.MagicV1 + "SUB t c\n", "E_INVALID invalid command SUB"},
		{"a body of less than nothing", wire.MagicV1 + "IDENTIFY\n\xff\xff\xff\xff", "E_BAD_BODY IDENTIFY invalid body size -1"},
		{"a body of 2 GiB", wire.MagicV1 + "IDENTIFY\n\x7f\xff\xff\xff", "E_BAD_BODY IDENTIFY body too big 2147483647 > 65536"},
		{"a body that is no JSON", wire.MagicV1 + "IDENTIFY\n\x00\x00\x00\x01{", "E_BAD_BODY IDENTIFY failed to decode JSON body"},
		{"REGISTER before IDENTIFY", wire.MagicV1 + "REGISTER t\n", "E_INVALID client must IDENTIFY"},
	} {
		r := approach(t, d)
		r.say(c.said)
		if got := r.next(); got != c.answer {
			t.Errorf("%s: answered %q, want %q", c.name, got, c.answer)
		}
		if got := r.next(); got != "EOF" {
			t.Errorf("%s: then %q", c.name, got)
		}
	}
	other.does("PING")
}

// A line without an end is not gathered.
func TestLookupdEndsAnEndlessLine(t *testing.T) {
	d := startLookupd(t, nil)
	r := approach(t, d)
	r.say(wire.MagicV1)
	line := strings.Repeat("x", 64<<10)
	sent := 0
	for ; sent < 1<<30; sent += len(line) {
		if _, err := io.WriteString(r.conn, line); err != nil {
			break
		}
	}
	if sent == 1<<30 {
		t.Error("a line of 1 GiB is still read")
	}
	await(t, "ended", func() bool { return d.clients() == 0 })
}

// A connection that says nothing ends, and what it could have said meanwhile does not matter.
func TestLookupdEndsSilentConnections(t *testing.T) {
	d := startLookupd(t, func(c *LookupdConfig) { c.Registry.InactiveProducerTimeout = 2 * time.Second })
	all := []string{"", "  ", wire.MagicV1, wire.MagicV1 + "REGI", wire.MagicV1 + "IDENTIFY\n\x00\x00"}
	var peers []*registrant
	for _, said := range all {
		r := approach(t, d)
		r.say(said)
		peers = append(peers, r)
	}
	for i, r := range peers {
		if got := r.next(); got != "EOF" {
			t.Errorf("%q: %q", all[i], got)
		}
	}
}

func TestLookupdServesAThousandConnections(t *testing.T) {
	before := runtime.NumGoroutine()
	d := startLookupd(t, nil)
	const all = 1000
	var enrolled sync.WaitGroup
	places := make(chan struct{}, 50) // at a time
	registrants := make([]*registrant, all)
	for i := range all {
		conn, err := net.Dial("tcp", d.TCPAddr())
		if err != nil {
			t.Fatal(err)
		}
		registrants[i] = newRegistrant(t, conn)
		places <- struct{}{}
		enrolled.Go(func() {
			defer func() { <-places }()
			name := fmt.Sprintf(`{"broadcast_address":"nsqd%d","tcp_port":4150,"http_port":4151,"version":"1.3.0"}`, i)
			said := wire.AppendBody([]byte(wire.MagicV1+"IDENTIFY\n"), []byte(name))
			if _, err := conn.Write(append(said, "REGISTER everywhere c\n"...)); err != nil {
				t.Error(err)
			}
			registrants[i].next()
			if got := registrants[i].next(); got != "OK" {
				t.Error(got)
			}
		})
	}
	enrolled.Wait()
	if n := len(ask[foundNsqds](t, d, "/lookup?topic=everywhere").Producers); n != all {
		t.Errorf("%d nsqds are found", n)
	}
	if n := len(ask[foundNsqds](t, d, "/nodes").Producers); n != all {
		t.Errorf("there are %d nodes", n)
	}
	for _, r := range registrants {
		r.conn.Close()
	}
	await(t, "without producers", func() bool { return len(ask[foundNsqds](t, d, "/nodes").Producers) == 0 })
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	await(t, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
}

// waitFor begins a long-poll, and gives what comes of it.
func waitFor(t *testing.T, d *Lookupd, target string) <-chan string {
	came := make(chan string, 1)
	waiting := d.registry.Figures(time.Now()).Watching
	go func() {
		answer, err := http.Get("http://" + d.HTTPAddr() + target)
		if err != nil {
			came <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		came <- fmt.Sprintf("%d %s %v", answer.StatusCode, body, err)
	}()
	await(t, "waiting", func() bool { return d.registry.Figures(time.Now()).Watching > waiting })
	return came
}

// Who waits for a change is answered when it comes, when the time is over, or when the daemon ends.
func TestLookupdLongPoll(t *testing.T) {
	d := startLookupd(t, nil)
	came := waitFor(t, d, "/lookup?topic=t&index=0&wait=5m")
	r := enrol(t, d, "a", 4150, 4151)
	r.does("REGISTER t c")
	if got := <-came; !strings.HasPrefix(got, `200 {"channels":["c"],"producers":[{"remote_address":`) {
		t.Error(got)
	}
	answer, err := http.Get("http://" + d.HTTPAddr() + "/lookup?topic=t")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	index := answer.Header.Get("X-NSQ-Index")
	if got := get(t, d, "/lookup?topic=t&wait=1ms&index="+index); !strings.Contains(got, `"broadcast_address":"a"`) {
		t.Error(got)
	}
	came = waitFor(t, d, "/lookup?topic=t&wait=5m&index="+index)
	r.conn.Close()
	if got := <-came; got != `200 {"channels":["c"],"producers":[]} <nil>` {
		t.Error(got)
	}
	came = waitFor(t, d, "/lookup?topic=none&wait=5m&index=0")
	began := time.Now()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if got := <-came; got != `404 {"message":"TOPIC_NOT_FOUND"} <nil>` {
		t.Errorf("at the end: %s", got)
	}
	if after := time.Since(began); after >= stopTime {
		t.Errorf("it took %s", after)
	}
}

// Who has waited and gone is forgotten.
func TestLookupdForgetsWhoHasGone(t *testing.T) {
	d := startLookupd(t, nil)
	conn, err := net.Dial("tcp", d.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /lookup?topic=t&index=0&wait=5m HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	await(t, "waiting", func() bool { return d.registry.Figures(time.Now()).Watching == 1 })
	conn.Close()
	await(t, "forgotten", func() bool { return d.registry.Figures(time.Now()).Watching == 0 })
}

// The official client finds an nsqd by its lookups, and gets what is published there; one that registers later is found, too.
func TestGoNSQFindsProducersByLookup(t *testing.T) {
	t.Parallel()
	d := startLookupd(t, nil)
	first, second := startNsqd(t, nil), startNsqd(t, nil)
	cfg := nsq.NewConfig()
	cfg.LookupdPollInterval, cfg.LookupdPollJitter = 20*time.Millisecond, 0
	cfg.MaxInFlight = 2 // for fewer than it has connections it takes turns among them, every 15 s
	c, err := nsq.NewConsumer("t", "c", cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.SetLoggerLevel(nsq.LogLevelMax)
	bodies := make(chan string, 10)
	c.AddHandler(nsq.HandlerFunc(func(m *nsq.Message) error {
		bodies <- string(m.Body)
		return nil
	}))
	enrol(t, d, "127.0.0.1", port(first.tcp), port(first.http)).does("REGISTER t c")
	post(t, first, "/pub?topic=t", "from the first")
	if err := c.ConnectToNSQLookupd(d.HTTPAddr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		<-c.StopChan
	})
	wantBody(t, bodies, "from the first")
	enrol(t, d, "127.0.0.1", port(second.tcp), port(second.http)).does("REGISTER t c")
	post(t, second, "/pub?topic=t", "from the second")
	wantBody(t, bodies, "from the second")
}

func wantBody(t *testing.T, bodies <-chan string, want string) {
	t.Helper()
	select {
	case got := <-bodies:
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	case <-time.After(patienceOfTests):
		t.Fatalf("%q never came", want)
	}
}

// A daemon that cannot have what it needs gives everything back.
func TestLookupdStartFails(t *testing.T) {
	taken := startLookupd(t, nil)
	for _, c := range []struct {
		change func(*LookupdConfig)
		want   string
	}{
		{func(c *LookupdConfig) { c.TCPAddress = taken.TCPAddr() }, "address already in use"},
		{func(c *LookupdConfig) { c.HTTPAddress = taken.HTTPAddr() }, "address already in use"},
		{func(c *LookupdConfig) { c.TCPAddress = "" }, "--tcp-address must not be empty"},
		{func(c *LookupdConfig) { c.HTTPAddress = "" }, "--http-address must not be empty"},
		{func(c *LookupdConfig) { c.Registry.InactiveProducerTimeout = 0 }, "--inactive-producer-timeout must be more than 0"},
		{func(c *LookupdConfig) { c.Registry.TombstoneLifetime = -1 }, "--tombstone-lifetime must not be negative"},
		{func(c *LookupdConfig) { c.TLS.Required = TLSRequired }, "cannot require TLS client connections without TLS key and cert"},
		{func(c *LookupdConfig) { c.TLS.Cert, c.TLS.Key = "/none", "/none" }, "failed to load TLS certificate"},
		{func(c *LookupdConfig) { c.DataPath = "/no/such/folder" }, "failed to lock data-path: open /no/such/folder"},
	} {
		cfg := DefaultLookupdConfig()
		cfg.TCPAddress, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
		folder := t.TempDir()
		cfg.DataPath = folder
		c.change(&cfg)
		if d, err := StartLookupd(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
			if err == nil {
				d.Kill()
			}
		}
		startLookupd(t, func(c *LookupdConfig) { c.DataPath = folder }) // nobody has the lock
	}
}
