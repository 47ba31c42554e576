package main

import (
	"flag"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

var conns = flag.Int("conns", 1000, "how many connections TestHostileClients keeps in TLS at a time; ten thousand take half a minute")

// A hostility is what clients do to a daemon. It has ended all that it began when it returns.
type hostility struct {
	name  string
	heavy bool // left out with -short
	bound int  // MiB that the daemon may hold at any time, besides 40 KiB for each of -conns
	act   func(*ring)
}

var hostilities = []hostility{
	{"many in tls", true, 60, func(r *ring) { r.crowd(*conns, `,"tls_v1":true`) }},
	{"many in tls and snappy", true, 250, func(r *ring) { r.crowd(min(*conns, 1000), `,"tls_v1":true,"snappy":true`) }},
	{"many in tls and deflate", true, 300, func(r *ring) { r.crowd(min(*conns, 1000), `,"tls_v1":true,"deflate":true`) }},
	{"consumers that never read", true, 300, (*ring).deafConsumers},
	{"producers that never read", true, 120, (*ring).deafProducers},
	{"http clients that never read", true, 400, (*ring).deafBrowsers},
	{"a byte at a time", true, 60, (*ring).drip},
	{"bodies that end early", true, 300, (*ring).shortBodies},
	{"garbage", false, 100, (*ring).garbage},
	{"bombs", true, 200, (*ring).bombs},
	{"the wrong protocol", false, 60, (*ring).wrongProtocol},
	{"scanners", false, 60, (*ring).scan},
	{"churn", true, 100, (*ring).churn},
}

// Whatever clients do: the daemon stays up, the memory it takes is bounded, others are served, and nothing is left of it in the end.
func TestHostileClients(t *testing.T) {
	for _, h := range hostilities {
		t.Run(h.name, func(t *testing.T) {
			if h.heavy && testing.Short() {
				t.Skip("it takes seconds, and -short was given")
			}
			r := newRing(t, "")
			before := r.sockets()
			began := time.Now()
			h.act(r)
			took := time.Since(began)
			r.closeAll()
			r.awaitSockets(before)
			r.leave()
			r.awaitSockets(before - 2)
			peak := int(r.peak.Load() >> 20)
			if bound := h.bound + *conns*40>>10; peak > bound {
				t.Errorf("the daemon held %d MiB, and may %d", peak, bound)
			}
			t.Logf("%v; the others' slowest message took %v; the daemon held %d MiB and worked for %v",
				took.Round(time.Millisecond), time.Duration(r.slowest.Load()).Round(time.Millisecond), peak, r.cpu())
			r.wantNobodyServed()
		})
	}
}

// A daemon that has run out of descriptors says so, and goes on when it has some again.
func TestOutOfDescriptors(t *testing.T) {
	r := newRing(t, "ulimit -n 256 && ")
	before := r.sockets()
	early := r.dial(r.tcp)
	early.say(wire.Magic + "NOP\n")
	for _, address := range []string{r.tcp, r.http} {
		for range 300 {
			r.dial(address)
		}
	}
	r.await("told", func() bool { return strings.Contains(r.log.String(), "accept failed") })
	early.say(pub("without-a-file", "x"))
	if f, err := early.next(); err != nil || !strings.HasPrefix(string(f.Data), "E_PUB_FAILED PUB failed ") {
		t.Errorf("told %q, %v", f.Data, err)
	}
	r.linger(0)
	r.closeAll()
	r.awaitSockets(before)
	r.await("tried the disk again", func() bool { // a second after it failed
		c := r.dial(r.tcp)
		c.say(wire.Magic + pub("without-a-file", "x"))
		return c.skipTo("OK") == nil
	})
	c := r.dial(r.http)
	c.say("POST /pub?topic=after HTTP/1.0\r\nContent-Length: 1\r\n\r\nx")
	c.wantLine("HTTP/1.0 200 OK")
	c = r.dial(r.http)
	c.say("GET /ping HTTP/1.0\r\n\r\n")
	c.wantLine("HTTP/1.0 200 OK")
	r.closeAll()
	r.leave()
	r.awaitSockets(before - 2)
	r.wantNobodyServed()
}

// A daemon that is told to end does so in a few seconds, whatever its clients are at.
func TestEndAmongHostileClients(t *testing.T) {
	r := newRing(t, "")
	for range 20 {
		r.dial(r.tcp)                                                                               // silent
		r.dial(r.tcp).say(wire.Magic + "PUB t\n\x00\x00\xff\xffx")                                  // in a body
		r.dial(r.tcp).say(wire.Magic + identify(`,"tls_v1":true`) + "\x16\x03\x01")                 // in a handshake
		r.dial(r.http).say("POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx") // in a body
		r.dial(r.http).say("GET /stats HT")                                                         // in a line
		r.dial(r.https).say("\x16\x03\x01")                                                         // in a handshake
		r.enter(`,"tls_v1":true,"snappy":true`)                                                     // idle
	}
	r.leave()
	began := time.Now()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.wait(); err != nil || !strings.Contains(r.log.String(), "bye") {
		t.Errorf("it ended with %v\n%s", err, r.log.String())
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v to end", took)
	}
}
