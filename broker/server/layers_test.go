package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A layered connection is one inside another: what is written goes through w, what is read comes through r.
type layered struct {
	net.Conn
	r io.Reader
	w interface {
		io.Writer
		Flush() error
	}
}

func (l *layered) Read(p []byte) (int, error) { return l.r.Read(p) }
func (l *layered) Write(p []byte) (int, error) {
	if n, err := l.w.Write(p); err != nil {
		return n, err
	}
	return len(p), l.w.Flush()
}

// anew writes each time a new stream, as pynsq does.
type anew struct{ w io.Writer }

func (a anew) Flush() error { return nil }
func (a anew) Write(p []byte) (int, error) {
	w := s2.NewWriter(a.w, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	if _, err := w.Write(p); err != nil {
		return 0, err
	}
	return len(p), w.Close()
}

// The layers that a client can ask for, by what it asks in IDENTIFY.
var askFor = []struct {
	name, ask string
	enter     func(p *peer)
}{
	{"nothing", ``, func(*peer) {}},
	{"tls", `,"tls_v1":true`, (*peer).tls},
	{"snappy", `,"snappy":true`, func(p *peer) { p.snappy(false) }},
	{"snappy anew", `,"snappy":true`, func(p *peer) { p.snappy(true) }},
	{"deflate", `,"deflate":true`, (*peer).deflate},
	{"tls snappy", `,"tls_v1":true,"snappy":true`, func(p *peer) { p.tls(); p.snappy(false) }},
	{"tls deflate", `,"tls_v1":true,"deflate":true,"deflate_level":1`, func(p *peer) { p.tls(); p.deflate() }},
}

func (p *peer) layer(conn net.Conn) {
	p.conn = conn
	p.in = bufio.NewReaderSize(conn, 64<<10)
	p.want("OK")
}

func (p *peer) tls() {
	p.t.Helper()
	conn := tls.Client(p.conn, &tls.Config{InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	p.layer(conn)
}

func (p *peer) snappy(each bool) {
	l := &layered{Conn: p.conn, r: s2.NewReader(p.in), w: s2.NewWriter(p.conn, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))}
	if each {
		l.w = anew{p.conn}
	}
	p.layer(l)
}

func (p *peer) deflate() {
	w, err := flate.NewWriter(p.conn, 6)
	if err != nil {
		p.t.Fatal(err)
	}
	p.layer(&layered{Conn: p.conn, r: flate.NewReader(p.in), w: w})
}

// layeredPipe has a session served at the other end of a pipe, in what the client asks for.
func layeredPipe(t *testing.T, b *broker.Broker, ask string, enter func(*peer)) (*peer, *drive) {
	near, far := net.Pipe()
	d := outsideOf(t).start(far, func(now time.Time, wake func()) wire.Endpoint { return b.Connect(now, "10.0.0.1:1234", wake) })
	p := newPeer(t, near)
	p.say(wire.Magic, identify(`{"feature_negotiation":true,"heartbeat_interval":1000`+ask+`}`))
	if answer := p.next(); !strings.HasPrefix(answer, "{") {
		t.Fatal(answer)
	}
	enter(p)
	return p, d
}

func outsideOf(t testing.TB) outside {
	return outside{tls: &tls.Config{Certificates: []tls.Certificate{newSigner(t).issue("server")}}}
}

func withTLS(o *broker.Options) { o.TLS = true }

func TestLayersCarryAll(t *testing.T) {
	for _, c := range askFor {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, withTLS)
				p, d := layeredPipe(t, b, c.ask, c.enter)
				p.say("SUB t c\n", "RDY 10\n")
				p.want("OK")
				for i, body := range []string{"x", strings.Repeat("long", 32000), random(300_000), random(1 << 20)} {
					p.say(pub("t", body))
					both := []string{p.next(), p.next()}
					if both[0] != "OK" {
						both[0], both[1] = both[1], both[0]
					}
					if both[0] != "OK" || both[1] != "message 1 "+body {
						t.Fatalf("message %d: got %.40q and %.40q", i, both[0], both[1])
					}
					p.say(p.fin())
				}
				// No layer breaks by timeouts between, nor by one byte at a time.
				for range 30 {
					p.want("_heartbeat_")
					for _, b := range []byte("NOP\n") {
						p.say(string([]byte{b}))
					}
				}
				p.say("FIN 0123456789abcdef\n")
				p.want("error E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight")
				p.say("WHAT\n")
				p.want("error E_INVALID invalid command WHAT")
				if end := p.next(); end != "EOF" && !strings.Contains(c.ask, "deflate") {
					t.Error(end) // DEFLATE has no end of its own
				}
				if err := d.end(); err == nil {
					t.Error("no reason told")
				}
			})
		})
	}
}

// random gives bytes that do not compress.
func random(n int) string {
	p := make([]byte, n)
	state := uint64(1)
	for i := range p {
		state = state*6364136223846793005 + 1442695040888963407
		p[i] = byte(state >> 56)
	}
	return string(p)
}

// What a client sends right behind its IDENTIFY is in the layer already.
func TestLayerBeginsBehindIdentify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := drivePipe(t, newBroker(t, nil))
		var early bytes.Buffer
		w := s2.NewWriter(&early, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
		_, _ = io.WriteString(w, pub("t", "early"))
		_ = w.Flush()
		p.say(wire.Magic, identify(`{"feature_negotiation":true,"snappy":true}`)+early.String())
		if answer := p.next(); !strings.Contains(answer, `"snappy":true`) {
			t.Fatal(answer)
		}
		p.layer(&layered{Conn: p.conn, r: s2.NewReader(p.conn), w: w})
		p.want("OK")
	})
}

// A layer begins behind the OKs that wait for a sync, and what comes meanwhile is kept.
func TestLayerWaitsForTheSyncBeforeIt(t *testing.T) {
	d := startNsqd(t, func(c *Config) { c.DataPath, c.Broker.Durability = t.TempDir(), broker.Fsync })
	for range 20 {
		p := dial(t, d)
		var early bytes.Buffer
		w := s2.NewWriter(&early, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
		_, _ = io.WriteString(w, pub("t", "early"))
		_ = w.Flush()
		p.say(pub("t", "synced")+identify(`{"feature_negotiation":true,"snappy":true}`), early.String())
		p.want("OK")
		if answer := p.next(); !strings.Contains(answer, `"snappy":true`) {
			t.Fatal(answer)
		}
		p.layer(&layered{Conn: p.conn, r: s2.NewReader(p.in), w: w})
		p.want("OK")
		_ = p.conn.Close()
	}
}

// Who sends anything but what the layer reads is told nothing, and is gone; a handshake has five seconds.
func TestGarbageInLayers(t *testing.T) {
	for _, c := range askFor[1:] {
		for _, garbage := range []string{"PUB t\n\x00\x00\x00\x01x", strings.Repeat("\xff", 5000), "\x00"} {
			t.Run(fmt.Sprintf("%s %.3q", c.name, garbage), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					near, far := net.Pipe()
					d := outsideOf(t).start(far, func(now time.Time, wake func()) wire.Endpoint {
						return newBroker(t, withTLS).Connect(now, "10.0.0.1:1234", wake)
					})
					p := newPeer(t, near)
					p.say(wire.Magic, identify(`{"feature_negotiation":true,"heartbeat_interval":1000`+c.ask+`}`))
					_ = p.next()
					go func() { _, _ = io.WriteString(near, garbage) }()
					began := time.Now()
					_, _ = io.Copy(io.Discard, p.in)
					if err := d.end(); err == nil || time.Since(began) > 7*time.Second {
						t.Errorf("ended after %v with %v", time.Since(began), err)
					}
				})
			})
		}
	}
}

// A peer inside TLS that reads slowly, but reads, gets whole records, however long it takes.
func TestASlowReaderInLayers(t *testing.T) {
	for _, c := range askFor[1:] {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, withTLS)
				p, _ := layeredPipe(t, b, c.ask+`,"heartbeat_interval":60000`, c.enter)
				p.say("SUB t c\n", "RDY 100\n")
				p.want("OK")
				body := random(100_000)
				for range 20 {
					if err := publish(b, []byte(body)); err != nil {
						t.Fatal(err)
					}
				}
				for got := 0; got < 20; {
					time.Sleep(900 * time.Millisecond)
					switch frame := p.next(); frame {
					case "_heartbeat_":
					case "message 1 " + body:
						got++
					default:
						t.Fatalf("%.80q", frame)
					}
				}
			})
		})
	}
}

// Who asks for TLS and then says nothing is told why after five seconds.
func TestHandshakeTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		d := outsideOf(t).start(far, func(now time.Time, wake func()) wire.Endpoint {
			return newBroker(t, withTLS).Connect(now, "10.0.0.1:1234", wake)
		})
		p := newPeer(t, near)
		p.say(wire.Magic, identify(`{"feature_negotiation":true,"tls_v1":true}`))
		_ = p.next()
		began := time.Now()
		p.want("error E_IDENTIFY_FAILED IDENTIFY failed TLS handshake: read pipe: i/o timeout", "EOF")
		if err := d.end(); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
	})
}
