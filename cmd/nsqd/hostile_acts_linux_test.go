package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// layers are what foes ask for in IDENTIFY.
var layers = []string{``, `,"tls_v1":true`, `,"snappy":true`, `,"deflate":true`, `,"tls_v1":true,"deflate":true`}

// each calls f n times, a few at a time, and waits for all.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range min(n, 16) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// linger lets a hostility go on while the others are served.
func (r *ring) linger(d time.Duration) {
	before := r.came.Load()
	<-time.After(d)
	r.await("served the others", func() bool { return r.came.Load() > before })
}

// crowd has many clients connected at once, of which each is served.
func (r *ring) crowd(n int, ask string) {
	before, worked, began := r.memory(), r.cpu(), time.Now()
	all := make([]*foe, n)
	each(n, func(i int) { all[i] = r.enter(ask) })
	took := time.Since(began)
	r.linger(time.Second)
	r.t.Logf("%d connected in %v, for which the daemon worked %v, and %d KiB each", n, took.Round(time.Millisecond), r.cpu()-worked, (r.memory()-before)>>10/int64(n))
	each(n, func(i int) {
		all[i].say(pub("crowd", "x"))
		all[i].want("OK")
	})
	r.t.Logf("each has published: %d KiB each", (r.memory()-before)>>10/int64(n))
}

// deafConsumers want all messages and read none.
func (r *ring) deafConsumers() {
	for i := range 3 * len(layers) {
		f := r.enter(layers[i%len(layers)])
		f.say(fmt.Sprintf("SUB big c%d\n", i))
		f.want("OK")
		f.say("RDY 2500\n")
	}
	p := r.dial(r.tcp)
	p.say(wire.Magic)
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for range 32 {
		p.say(pub("big", string(noise)))
		p.want("OK")
	}
	r.linger(3 * time.Second)
}

// deafProducers publish as fast as they can and read no answer. In the end the daemon reads no more from them.
func (r *ring) deafProducers() {
	const much = 256 << 20
	each(len(layers), func(i int) {
		f := r.enter(layers[i] + `,"heartbeat_interval":-1`)
		many := strings.Repeat(pub("deaf#ephemeral", "x"), 5000)
		sent := 0
		for ; sent < much; sent += len(many) {
			_ = f.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := io.WriteString(f, many); err != nil {
				break
			}
		}
		if packs := strings.Contains(layers[i], "snappy") || strings.Contains(layers[i], "deflate"); sent >= much && !packs {
			r.t.Errorf("with %s: the daemon takes all, and its answers are not read", layers[i])
		}
	})
	r.linger(time.Second)
}

// deafBrowsers ask for much by HTTP and read no answer.
func (r *ring) deafBrowsers() {
	p := r.dial(r.tcp)
	p.say(wire.Magic)
	for i := range 1000 {
		p.say(pub(fmt.Sprintf("topic-with-a-long-name-so-that-stats-are-long-%d", i), "x"))
		p.want("OK")
	}
	for range 100 {
		r.dial(r.http).say(strings.Repeat("GET /stats?format=json HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	}
	r.linger(3 * time.Second)
}

// drip sends a byte at a time.
func (r *ring) drip() {
	drops := []struct{ address, first, slowly string }{
		{r.tcp, "", wire.Magic},
		{r.tcp, wire.Magic, "PUB topic\n\x00\x00\x00\x01x"},
		{r.tcp, wire.Magic + "IDENTIFY\n\x00\x00\x01\x00", strings.Repeat("x", 255)},
		{r.tcp, wire.Magic + identify(`,"tls_v1":true`), "\x16\x03\x01\x01\x00" + strings.Repeat("\x01", 200)},
		{r.http, "", "GET /stats HTTP/1.1\r\nHost: x\r\n\r\n"},
		{r.http, "GET /stats HTTP/1.1\r\n", strings.Repeat("X-Slow: very\r\n", 100)},
		{r.http, "POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", strings.Repeat("x", 1000)},
		{r.https, "", "\x16\x03\x01\x01\x00" + strings.Repeat("\x01", 200)},
	}
	var all sync.WaitGroup
	for range 25 {
		for _, d := range drops {
			f := r.dial(d.address)
			all.Go(func() {
				f.say(d.first)
				tick := time.NewTicker(200 * time.Millisecond)
				defer tick.Stop()
				for i := range min(len(d.slowly), 25) {
					f.say(d.slowly[i : i+1])
					<-tick.C
				}
			})
		}
	}
	all.Wait()
	r.linger(0)
}

// shortBodies are declared larger than they are. Who says that no more comes is told what is missing.
func (r *ring) shortBodies() {
	half := strings.Repeat("x", 512<<10)
	cases := []struct{ address, bytes, told string }{
		{r.tcp, wire.Magic + "PUB t\n\x00\x10\x00\x00" + half, "E_BAD_MESSAGE PUB failed to read message body"},
		{r.tcp, wire.Magic + "DPUB t 1\n\x00\x10\x00\x00" + half, "E_BAD_MESSAGE DPUB failed to read message body"},
		{r.tcp, wire.Magic + "MPUB t\n\x00\x50\x00\x00\x00\x00\x00\x10\x00\x10\x00\x00" + strings.Repeat(half, 2) + "\x00\x10\x00\x00" + half, "E_BAD_MESSAGE MPUB failed to read message body"},
		{r.tcp, wire.Magic + "IDENTIFY\n\x00\x50\x00\x00" + half, "E_BAD_BODY IDENTIFY failed to read body"},
		{r.tcp, wire.Magic + "AUTH\n\x00\x50\x00\x00" + half, "E_BAD_BODY AUTH failed to read body"},
		{r.http, "POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + half, ""},
		{r.http, "POST /mpub?topic=t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n80000\r\n" + half + "\r\n", ""},
	}
	each(20*len(cases), func(i int) {
		c := cases[i%len(cases)]
		f := r.dial(c.address)
		f.say(c.bytes)
		if i/len(cases)%2 == 0 {
			return // it waits for an answer, and the daemon for the rest
		}
		if err := f.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			r.t.Error(err)
		}
		if c.told != "" {
			f.want(c.told)
		}
		f.wantEnd()
	})
	f := r.dial(r.http)
	f.say("POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("80000\r\n"+half+"\r\n", 3))
	f.wantLine("HTTP/1.1 413 Request Entity Too Large")
	r.linger(time.Second)
}

// garbage is sent to each port and in each layer, and ends the connection.
func (r *ring) garbage() {
	const kinds = 20
	noise := func(i int) string {
		p := make([]byte, 1+i*i*100)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(p)
		return string(p)
	}
	each(kinds, func(i int) {
		for _, address := range []string{r.tcp, r.http, r.https} {
			f := r.dial(address)
			f.say(noise(i), "\r\n\r\n\n")
			_ = f.Conn.(*net.TCPConn).CloseWrite()
			f.wantEnd()
		}
		for _, layer := range layers {
			f := r.enter(layer) // garbage for commands
			f.say(noise(i))
			f.say(strings.Repeat("x", 20<<10)) // the line ends at the latest
			f.wantEnd()
		}
		for _, layer := range layers[1:4] { // garbage for the layer, and for what is inside TLS
			f := r.dial(r.tcp)
			f.say(wire.Magic + identify(layer))
			_ = f.skipTo("{")
			f.say(noise(i), strings.Repeat("\xff", 70<<10))
			_ = f.Conn.(*net.TCPConn).CloseWrite()
			f.wantEnd()
			inside := r.enter(`,"tls_v1":true`)
			inside.say(identify(strings.Replace(layer, "tls_v1", "none", 1)))
			_ = inside.skipTo("{")
			inside.say(strings.Repeat("\xff", 70<<10))
			inside.wantEnd()
		}
	})
	r.linger(0)
}

// bombs are small, and a thousand times as large once they are unpacked.
func (r *ring) bombs() {
	fill := strings.Repeat("\x00", 1<<20)
	messages := "MPUB bomb#ephemeral\n\x00\x40\x00\x10\x00\x00\x00\x04" + strings.Repeat("\x00\x0f\xff\xff"+fill[1:], 4) + "\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, layer := range layers[2:] {
		for _, bomb := range []string{
			fill,
			messages,
			strings.Repeat("NOP\n", 8<<20),
			strings.Repeat(pub("bomb#ephemeral", "x"), 3<<20),
			identify("}" + strings.Repeat(" ", 4<<20)),
			"NOP " + strings.Repeat(" ", 8<<20),
		} {
			f := r.enter(layer)
			_ = f.SetWriteDeadline(time.Now().Add(3 * time.Second))
			_, _ = io.WriteString(f, bomb)
		}
	}
	r.linger(time.Second)
}

// wrongProtocol has each port spoken to in what another understands.
func (r *ring) wrongProtocol() {
	for range 20 {
		f := r.dial(r.tcp)
		f.say("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
		f.want("E_BAD_PROTOCOL")
		f = r.dial(r.tcp)
		f.say("  V1", "IDENTIFY\n")
		f.want("E_BAD_PROTOCOL")
		f = r.dial(r.tcp)
		f.say("\x16\x03\x01\x00\xa5\x01\x00\x00")
		f.want("E_BAD_PROTOCOL")
		f = r.dial(r.http)
		f.say(wire.Magic + identify(""))
		f.wantLine("HTTP/1.1 400 Bad Request") // by which go-nsq knows its mistake
		f = r.dial(r.http)
		f.say("\x16\x03\x01\x00\xa5\x01\x00\x00\n")
		f.wantLine("HTTP/1.1 400 Bad Request")
		f = r.dial(r.https)
		f.say("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
		f.wantLine("HTTP/1.0 400 Bad Request")
		f = r.dial(r.https)
		f.say(wire.Magic + identify(""))
		f.wantEnd()
	}
	r.linger(0)
}

// scan connects and goes in each way there is.
func (r *ring) scan() {
	each(1500, func(i int) {
		f := r.dial([]string{r.tcp, r.http, r.https}[i%3])
		switch i % 4 {
		case 0:
			_ = f.Close()
		case 1:
			f.vanish()
		case 2:
			_ = f.Conn.(*net.TCPConn).CloseWrite()
			f.wantEnd()
		case 3:
			f.say(wire.Magic)
			_ = f.Conn.(*net.TCPConn).CloseWrite()
		}
	})
	r.linger(0)
}

// churn connects and goes as fast as can be, for two seconds.
func (r *ring) churn() {
	var n atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for i := range 8 {
		all.Go(func() {
			for time.Since(began) < 2*time.Second {
				conn, err := net.Dial("tcp", []string{r.tcp, r.tcp, r.tcp, r.http}[i%4])
				if err != nil {
					continue
				}
				_, _ = io.WriteString(conn, wire.Magic+"NOP\n")
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
				n.Add(1)
			}
		})
	}
	all.Wait()
	r.t.Logf("%d connections a second", n.Load()/2)
	r.linger(0)
}
