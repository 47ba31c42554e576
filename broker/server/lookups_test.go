package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A directory is an nsqlookupd of a test: it can be taken down, and come back at the same address knowing nothing.
type directory struct {
	t        *testing.T
	tcp, web string
	registry *lookup.Registry
	mute     bool // it takes connections and answers nothing

	mu    sync.Mutex
	conns []net.Conn
	stop  func()
}

func newDirectory(t *testing.T) *directory {
	d := &directory{t: t}
	d.start()
	t.Cleanup(func() { d.stop() })
	return d
}

// start begins a life of it.
func (d *directory) start() {
	tcp, err := net.Listen("tcp", orAny(d.tcp))
	if err != nil {
		d.t.Fatal(err)
	}
	web, err := net.Listen("tcp", orAny(d.web))
	if err != nil {
		d.t.Fatal(err)
	}
	d.tcp, d.web = tcp.Addr().String(), web.Addr().String()
	opts := lookup.DefaultOptions()
	_, number, _ := net.SplitHostPort(d.web)
	port, _ := strconv.Atoi(number)
	opts.Identity = lookup.Identity{BroadcastAddress: "127.0.0.1", HTTPPort: port, TCPPort: 1, Version: "1.3.0"}
	d.registry = lookup.NewRegistry(opts)
	server := &http.Server{Handler: httpapi.Lookupd(d.registry, httpapi.LookupdInfo{Version: "1.3.0"}, time.Now)}
	var alive sync.WaitGroup
	alive.Go(func() { _ = server.Serve(web) })
	alive.Go(func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, conn)
			d.mu.Unlock()
			if !d.mute {
				alive.Go(func() {
					_ = Drive(conn, func(now time.Time, wake func()) wire.Endpoint {
						return d.registry.Connect(now, conn.RemoteAddr().String(), wake)
					})
				})
			}
		}
	})
	d.stop = func() {
		_ = tcp.Close()
		_ = server.Close()
		d.mu.Lock()
		for _, c := range d.conns {
			_ = c.Close()
		}
		d.conns = nil
		d.mu.Unlock()
		alive.Wait()
	}
}

func orAny(address string) string {
	if address == "" {
		return "127.0.0.1:0"
	}
	return address
}

// has waits until what is registered, topics with their channels, is this.
func (d *directory) has(want string) {
	d.t.Helper()
	var got string
	await(d.t, "registered as "+want, func() bool {
		var all []string
		for _, n := range d.registry.Nodes(time.Now()) {
			for _, topic := range n.Topics {
				all = append(all, topic+fmt.Sprint(d.registry.Channels(topic)))
			}
		}
		got = strings.Join(all, " ")
		return got == want
	})
}

// toward has an nsqd know directories.
func toward(all ...*directory) func(*Config) {
	return func(c *Config) {
		c.BroadcastAddress = "127.0.0.1"
		for _, d := range all {
			c.LookupdAddresses = append(c.LookupdAddresses, d.tcp)
		}
	}
}

// nsqd's Cluster, and more: what it has is registered, and taken back, also at nsqlookupds that come back, and by PUT /config.
func TestRegistration(t *testing.T) {
	a, b := newDirectory(t), newDirectory(t)
	d := startNsqd(t, toward(a))
	post(t, d, "/topic/create?topic=t", "")
	a.has("t[]")
	post(t, d, "/channel/create?topic=t&channel=c", "")
	a.has("t[c]")
	p := dial(t, d)
	p.say("SUB t tail#ephemeral\n")
	p.want("OK")
	a.has("t[c tail#ephemeral]")
	_ = p.conn.Close()
	a.has("t[c]")
	a.stop() // it comes back, and knows nothing
	a.start()
	a.has("t[c]")
	put(t, d, "/config/nsqlookupd_tcp_addresses", fmt.Sprintf(`[%q,%q]`, a.tcp, b.tcp))
	b.has("t[c]")
	put(t, d, "/config/nsqlookupd_tcp_addresses", fmt.Sprintf(`[%q]`, b.tcp))
	a.has("")
	post(t, d, "/channel/delete?topic=t&channel=c", "")
	await(t, "one producer left without a channel", func() bool {
		found, _, ok := b.registry.Lookup(time.Now(), "t")
		return ok && len(found.Producers) == 1
	})
	post(t, d, "/topic/delete?topic=t", "")
	b.has("")
	post(t, d, "/pub?topic=u", "kept")
	b.has("u[]")
	d.Drain(true) // nobody is sent to one that drains
	b.has("")
	d.Drain(false)
	b.has("u[]")
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	await(t, "gone", func() bool { return len(b.registry.Nodes(time.Now())) == 0 })
}

// A new topic is told of its channels by those nsqlookupds that answer, and one that says nothing delays nobody.
func TestNewTopicAsksForItsChannels(t *testing.T) {
	a, dumb := newDirectory(t), newDirectory(t)
	dumb.stop()
	dumb.mute = true
	dumb.start()
	a.registry.CreateChannel("t", "known")
	a.registry.CreateChannel("t", "tail#ephemeral")
	d := startNsqd(t, toward(a, dumb))
	post(t, d, "/pub?topic=t", "first")
	began := time.Now()
	a.has("t[known tail#ephemeral]")
	eventually(t, d, "made", func(c broker.ChannelStats) bool { return c.Name == "known" && c.Depth == 1 })
	if took := time.Since(began); took > patienceOfTests {
		t.Errorf("it took %v", took)
	}
}

// A topic is born while no nsqlookupd can be reached: nobody waits, and its channels miss nothing once one can.
func TestNewTopicWhileNoLookupdIsThere(t *testing.T) {
	a := newDirectory(t)
	a.stop()
	d := startNsqd(t, toward(a))
	began := time.Now()
	p := dial(t, d)
	p.say("SUB t first\nRDY 10\n" + pub("t", "one"))
	p.want("OK", "OK", "message 1 one")
	p.say(p.fin() + pub("t", "two"))
	p.want("OK", "message 1 two")
	p.say(p.fin())
	if took := time.Since(began); took > patienceOfTests/4 {
		t.Errorf("it took %v", took)
	}
	a.start()
	a.registry.CreateChannel("t", "second")
	a.has("t[first second]")
	await(t, "second is made", func() bool { return len(d.broker.Undiscovered()) == 0 })
	s := dial(t, d)
	s.say("SUB t second\nRDY 10\n")
	s.want("OK", "message 1 one", "message 1 two")
}

// The official client finds the daemon by /lookup.
func TestGoNSQFindsByLookup(t *testing.T) {
	a := newDirectory(t)
	d := startNsqd(t, toward(a))
	post(t, d, "/pub?topic=t", "hello")
	a.has("t[]")
	c, err := nsq.NewConsumer("t", "c", nsq.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	c.SetLogger(silent, nsq.LogLevelError)
	got := make(chan string, 1)
	c.AddHandler(nsq.HandlerFunc(func(m *nsq.Message) error { got <- string(m.Body); return nil }))
	if err := c.ConnectToNSQLookupd(a.web); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "hello" {
		t.Error(body)
	}
	c.Stop()
	<-c.StopChan
	var found struct{ Channels []string }
	answer, err := http.Get("http://" + a.web + "/channels?topic=t")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || fmt.Sprint(found.Channels) != "[c]" {
		t.Errorf("%v, %v", found, err)
	}
}

// A thousand topics are made at once, and all is registered at each of several nsqlookupds, one of which is mute.
func TestManyTopicsRegister(t *testing.T) {
	a, b, dumb := newDirectory(t), newDirectory(t), newDirectory(t)
	dumb.stop()
	dumb.mute = true
	dumb.start()
	d := startNsqd(t, toward(dumb, a, b))
	for i := range 1000 {
		if err := d.broker.CreateTopic(time.Now(), fmt.Sprint("t", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []*directory{a, b} {
		await(t, "all registered", func() bool { return len(dir.registry.Topics()) == 1000 })
	}
}

// The talk can be in TLS, in which both ends show who they are; a stranger's nsqlookupd is told nothing.
func TestRegistrationInTLS(t *testing.T) {
	ca, stranger := newSigner(t), newSigner(t)
	start := func(s *signer, policy string) *Lookupd {
		cfg := DefaultLookupdConfig()
		cfg.TCPAddress, cfg.HTTPAddress, cfg.BroadcastAddress, cfg.TLS = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1", s.write("127.0.0.1")
		cfg.TLS.ClientAuthPolicy, cfg.TLS.Required = policy, TLSRequired
		l, err := StartLookupd(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Stop(); err != nil {
				t.Error(err)
			}
		})
		return l
	}
	ours, strange := start(ca, "require-verify"), start(stranger, "")
	var out lockedBuffer
	d := startNsqd(t, func(c *Config) {
		c.HTTPSAddress, c.TLS, c.LookupdTLS = "127.0.0.1:0", ca.write("127.0.0.1"), true
		c.LookupdAddresses, c.BroadcastAddress = Strings{strange.TCPAddr(), ours.TCPAddr()}, "127.0.0.1"
		c.Log = WriteLog(&out, "", Error)
	})
	ours.registry.CreateChannel("t", "known")
	post(t, d, "/pub?topic=t", "x")
	await(t, "registered", func() bool {
		nodes := ours.registry.Nodes(time.Now())
		return len(nodes) == 1 && fmt.Sprint(nodes[0].Topics) == "[t]"
	})
	eventually(t, d, "told of its channel", func(c broker.ChannelStats) bool { return c.Name == "known" && c.Depth == 1 })
	await(t, "told of the stranger", func() bool { return strings.Contains(out.text(), "certificate signed by unknown authority") })
	if n := len(strange.registry.Nodes(time.Now())); n > 0 {
		t.Errorf("%d are registered with the stranger", n)
	}
}
