package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

func dial(t testing.TB, d *Nsqd) *peer {
	network := "tcp"
	if filepath.IsAbs(d.TCPAddr()) {
		network = "unix"
	}
	conn, err := net.Dial(network, d.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, conn)
	p.say(wire.Magic)
	return p
}

func get(t testing.TB, d served, target string) string {
	t.Helper()
	answer, err := http.Get("http://" + d.HTTPAddr() + target)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestStopEndsClientsInOrder(t *testing.T) {
	d := startNsqd(t, nil)
	silent, consumer, producer := dial(t, d), dial(t, d), dial(t, d)
	silent.say(identify("{}")) // what is not accepted and read yet is reset
	silent.want("OK")
	consumer.say("SUB t c\n")
	consumer.want("OK")
	consumer.say("RDY 1\n")
	producer.say(pub("t", "hello"))
	producer.want("OK")
	consumer.want("message 1 hello")
	get(t, d, "/ping") // its connection stays open
	began := time.Now()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if after := time.Since(began); after >= stopTime {
		t.Errorf("it took %v", after)
	}
	for _, p := range []*peer{silent, consumer, producer} {
		p.want("EOF")
	}
	for _, addr := range []string{d.TCPAddr(), d.HTTPAddr()} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s still listens", addr)
		}
	}
	if err := d.Stop(); err != nil {
		t.Errorf("stopped again: %v", err)
	}
}

// Neither a client that reads nothing nor a connection that does not end keeps Stop waiting.
func TestStopIsBounded(t *testing.T) {
	d := startNsqd(t, nil)
	p := dial(t, d)
	p.say("SUB t c\n")
	p.want("OK")
	p.say("RDY 2500\n")
	for range 50 { // far more than the sockets hold
		if err := publish(d.broker, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	near, far := dialTCP(t)
	defer near.Close()
	d.track(far)
	d.alive.Go(func() {
		_, _ = io.Copy(io.Discard, far)
		d.untrack(far)
	})
	began := time.Now()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if after := time.Since(began); after > 2*stopTime {
		t.Errorf("it took %v", after)
	}
}

func TestKillAndStartAgain(t *testing.T) {
	before := runtime.NumGoroutine()
	var cfg Config
	d := startNsqd(t, func(c *Config) {
		c.DataPath = t.TempDir()
		cfg = *c
	})
	consumer, producer := dial(t, d), dial(t, d)
	consumer.say("SUB t c\n")
	consumer.want("OK")
	producer.say(pub("t", "hello"))
	producer.want("OK")
	d.Kill()
	for _, p := range []*peer{consumer, producer} {
		if got := p.next(); got != "EOF" && !strings.Contains(got, "reset") {
			t.Errorf("after a kill a client saw %q", got)
		}
	}
	d.Kill()
	cfg.TCPAddress, cfg.HTTPAddress = d.TCPAddr(), d.HTTPAddr()
	again, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	again.Kill()
	http.DefaultClient.CloseIdleConnections()
	if after := runtime.NumGoroutine(); after > before+2 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// A start that fails leaves nothing behind.
func TestStartRefuses(t *testing.T) {
	first := startNsqd(t, func(c *Config) { c.DataPath = t.TempDir() })
	free := t.TempDir()
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"node id", func(c *Config) { c.Broker.NodeID = -1 }, `^--node-id must be \[0,1024\)$`},
		{"no folder", func(c *Config) { c.DataPath = "/no/such/folder" }, `^failed to lock data-path: open /no/such/folder: no such file or directory$`},
		{"TCP in use", func(c *Config) { c.TCPAddress = first.TCPAddr() }, `^listen \(127\.0\.0\.1:\d+\) failed - .*in use`},
		{"HTTP in use", func(c *Config) { c.HTTPAddress = first.HTTPAddr() }, `^listen \(127\.0\.0\.1:\d+\) failed - .*in use`},
		{"an odd port", func(c *Config) { c.TCPAddress = "127.0.0.1:http-or-not" }, `^listen \(127\.0\.0\.1:http-or-not\) failed - `},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.TCPAddress, cfg.HTTPAddress, cfg.DataPath = "127.0.0.1:0", "127.0.0.1:0", free
			c.change(&cfg)
			d, err := Start(cfg)
			if err == nil {
				d.Kill()
				t.Fatal("it started")
			}
			if !regexp.MustCompile(c.want).MatchString(err.Error()) {
				t.Errorf("got %q, want %s", err, c.want)
			}
		})
	}
	startNsqd(t, func(c *Config) { c.DataPath = free }) // its lock was given back
}

func TestDataPathIsLocked(t *testing.T) {
	folder := t.TempDir()
	first := startNsqd(t, func(c *Config) { c.DataPath = folder })
	cfg := DefaultConfig()
	cfg.TCPAddress, cfg.HTTPAddress, cfg.DataPath = "127.0.0.1:0", "", folder
	if d, err := Start(cfg); err == nil {
		d.Kill()
		t.Fatal("two daemons share a folder")
	}
	first.Kill()
	d, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.Kill()
}

func TestUnixSockets(t *testing.T) {
	folder := t.TempDir()
	d := startNsqd(t, func(c *Config) {
		c.TCPAddress, c.HTTPAddress = filepath.Join(folder, "tcp"), filepath.Join(folder, "http")
	})
	p := dial(t, d)
	p.say("SUB t c\n")
	p.want("OK")
	if c := d.broker.Stats().Topics[0].Channels[0].Clients[0]; c.ClientID != "" || c.RemoteAddress != "" {
		t.Errorf("%+v", c)
	}
	conn, err := net.Dial("unix", d.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	h := newPeer(t, conn)
	h.say("GET /info HTTP/1.0\r\n\r\n")
	answer, err := io.ReadAll(h.in)
	if err != nil || !strings.Contains(string(answer), `"http_port":-1,"tcp_port":-1,`) {
		t.Errorf("%v %s", err, answer)
	}
}

func TestWithoutHTTP(t *testing.T) {
	d := startNsqd(t, func(c *Config) { c.HTTPAddress = "" })
	if d.HTTPAddr() != "" {
		t.Errorf("HTTP at %s", d.HTTPAddr())
	}
	p := dial(t, d)
	p.say(pub("t", "hello"))
	p.want("OK")
}

// go-nsq knows by the answer that it has come to the wrong port.
func TestHTTPAnswersGarbage(t *testing.T) {
	d := startNsqd(t, nil)
	conn, err := net.Dial("tcp", d.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, conn)
	p.say(wire.Magic, identify(`{}`))
	line, err := p.in.ReadString('\n')
	if err != nil || line != "HTTP/1.1 400 Bad Request\r\n" {
		t.Errorf("%v %q", err, line)
	}
}

// A lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestLog(t *testing.T) {
	var out lockedBuffer
	d := startNsqd(t, func(c *Config) { c.Log = WriteLog(&out, "[nsqd] ", Info) })
	get(t, d, "/ping")
	get(t, d, "/stats?format=json")
	get(t, d, "/pub?topic=t")
	p := dial(t, d)
	p.say("FIN\n")
	p.want("error E_INVALID cannot FIN in current state", "EOF")
	remote := regexp.QuoteMeta(p.conn.LocalAddr().String())
	p.conn.Close()
	await(t, "the client gone", func() bool { return addresses(d) == "" })
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	const stamp = `^\[nsqd\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} `
	want := []string{
		`INFO: TCP: listening on 127\.0\.0\.1:\d+$`,
		`INFO: HTTP: listening on 127\.0\.0\.1:\d+$`,
		`INFO: 200 GET /ping \(127\.0\.0\.1:\d+\) [\d.]+(µs|ms|s)$`,
		`INFO: 200 GET /stats\?format=json \(`,
		`INFO: TCP: new client\(` + remote + `\)$`,
		`ERROR: client\(` + remote + `\) - E_INVALID cannot FIN in current state$`,
		`INFO: TCP: closed client\(` + remote + `\)$`,
		`INFO: stopping$`,
		`INFO: 0 messages were in memory only and are gone$`,
		`INFO: bye$`,
	}
	lines := bufio.NewScanner(&out.buf)
	for i := 0; lines.Scan(); i++ {
		if i >= len(want) || !regexp.MustCompile(stamp+want[i]).MatchString(lines.Text()) {
			t.Errorf("line %d: %s", i+1, lines.Text())
		}
	}
}

func TestLogLevels(t *testing.T) {
	for _, c := range []struct{ level, want string }{
		{"debug", "DEBUG INFO WARNING ERROR FATAL"},
		{"INFO", "INFO WARNING ERROR FATAL"},
		{"Warn", "WARNING ERROR FATAL"},
		{"error", "ERROR FATAL"},
		{"fatal", "FATAL"},
	} {
		var level Level
		if err := level.Set(c.level); err != nil || level.String() != strings.ToLower(c.level) {
			t.Errorf("%s: %v %v", c.level, level, err)
		}
		var out bytes.Buffer
		l := WriteLog(&out, "", level).Log
		for level := Debug; level <= Fatal; level++ {
			l(level, "%s", "x")
		}
		var got []string
		for _, tag := range regexp.MustCompile(`[A-Z]+: x`).FindAllString(out.String(), -1) {
			got = append(got, strings.TrimSuffix(tag, ": x"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: logged %v, want %s", c.level, got, c.want)
		}
	}
	for _, name := range []string{"", "warning", "1", "all"} {
		if level := Info; level.Set(name) == nil {
			t.Errorf("level %q was taken", name)
		}
	}
}

// A daemon that loses its HTTP socket says so.
func TestFailureIsTold(t *testing.T) {
	d := startNsqd(t, nil)
	d.http.Close()
	if err := <-d.Failed(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A moody listener fails a few times before it gives a connection.
type moody struct {
	net.Listener
	fails int
	times []time.Duration
	began time.Time
	conns chan net.Conn
}

func (m *moody) Accept() (net.Conn, error) {
	m.times = append(m.times, time.Since(m.began))
	if m.fails--; m.fails >= 0 {
		return nil, errors.New("too many open files")
	}
	if conn, ok := <-m.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func TestAcceptGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		m := &moody{fails: 11, began: time.Now(), conns: make(chan net.Conn, 1)}
		m.conns <- far
		close(m.conns)
		var lines int
		d := &Nsqd{broker: newBroker(t, nil), daemon: daemon{
			log:   func(Level, string, ...any) { lines++ },
			tcp:   m,
			ended: make(chan struct{}),
			conns: map[net.Conn]struct{}{},
		}}
		d.accept(outside{}, d.connect)
		p := newPeer(t, near)
		p.say(wire.Magic, pub("t", "hello"))
		p.want("OK")
		near.Close()
		d.alive.Wait()
		want := "[0s 5ms 15ms 35ms 75ms 155ms 315ms 635ms 1.275s 2.275s 3.275s 4.275s 4.275s]"
		if got := fmt.Sprint(m.times); got != want {
			t.Errorf("accepted at %s, want %s", got, want)
		}
	})
}
