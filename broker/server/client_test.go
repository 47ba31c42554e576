package server

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A peer is a client that speaks bytes and waits for the answers.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	ids  []wire.ID // of the messages received
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{t: t, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

// say sends bytes as they are.
func (p *peer) say(data ...string) {
	p.t.Helper()
	for _, d := range data {
		if _, err := io.WriteString(p.conn, d); err != nil {
			p.t.Fatalf("say %.60q: %v", d, err)
		}
	}
}

// pub makes the bytes of a PUB.
func pub(topic, body string) string {
	return string(wire.AppendBody(wire.AppendCommand(nil, "PUB", topic), []byte(body)))
}

// identify makes the bytes of an IDENTIFY.
func identify(body string) string {
	return string(wire.AppendBody(wire.AppendCommand(nil, "IDENTIFY"), []byte(body)))
}

// next reads a frame as text: "OK", "_heartbeat_", "error E_…", "message <attempts> <body>", or how the connection ended.
func (p *peer) next() string {
	var head [8]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		return err.Error()
	}
	data := make([]byte, binary.BigEndian.Uint32(head[:])-4)
	if _, err := io.ReadFull(p.in, data); err != nil {
		return err.Error()
	}
	switch wire.FrameType(binary.BigEndian.Uint32(head[4:])) {
	case wire.FrameError:
		return "error " + string(data)
	case wire.FrameMessage:
		m, err := wire.ParseMessage(data)
		if err != nil {
			return err.Error()
		}
		p.ids = append(p.ids, m.ID)
		return fmt.Sprintf("message %d %s", m.Attempts, m.Body)
	}
	return string(data)
}

// want fails unless the next frames are these.
func (p *peer) want(frames ...string) {
	p.t.Helper()
	for _, want := range frames {
		if got := p.next(); got != want {
			p.t.Fatalf("got %.80q, want %.80q", got, want)
		}
	}
}

// fin makes the FIN of the oldest message received that was not finished.
func (p *peer) fin() string {
	id := p.ids[0]
	p.ids = p.ids[1:]
	return "FIN " + id.String() + "\n"
}

// finAll makes the FINs of all messages received that were not finished.
func (p *peer) finAll() (all string) {
	for len(p.ids) > 0 {
		all += p.fin()
	}
	return all
}

func newBroker(t testing.TB, change func(*broker.Options)) *broker.Broker {
	opts := broker.DefaultOptions("test")
	if change != nil {
		change(&opts)
	}
	b, err := broker.Open(time.Now(), opts, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A drive is a Drive that runs.
type drive struct {
	done     chan struct{} // closed at its end
	err      error         // then
	timeouts int           // how many it served
}

// drivePipe has Drive serve a session of b at the other end of a pipe.
func drivePipe(t testing.TB, b *broker.Broker) (*peer, *drive) {
	near, far := net.Pipe()
	return newPeer(t, near), startDrive(far, b)
}

// driveTCP is drivePipe over a loopback connection.
func driveTCP(t testing.TB, b *broker.Broker) (*peer, *drive) {
	near, far := dialTCP(t)
	return newPeer(t, near), startDrive(far, b)
}

func dialTCP(t testing.TB) (near, far net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func startDrive(conn net.Conn, b *broker.Broker) *drive {
	return outside{}.start(conn, func(now time.Time, wake func()) wire.Endpoint {
		return b.Connect(now, "10.0.0.1:1234", wake)
	})
}

// startEndpoint has Drive run an endpoint, and sees to it that it keeps the contract.
func startEndpoint(conn net.Conn, open func(time.Time, func()) wire.Endpoint) *drive {
	return outside{}.start(conn, open)
}

// start is startEndpoint for one that has needs.
func (o outside) start(conn net.Conn, open func(time.Time, func()) wire.Endpoint) *drive {
	d := &drive{done: make(chan struct{})}
	go func() {
		defer close(d.done)
		var s strict
		d.err = o.drive(conn, func(now time.Time, wake func()) wire.Endpoint {
			s.Endpoint = open(now, wake)
			return &s
		})
		if !s.gone.Load() {
			panic("Disconnect was not called")
		}
		d.timeouts = s.timeouts
	}()
	return d
}

// A strict endpoint is another that panics when it is not called as wire.Endpoint has it.
type strict struct {
	wire.Endpoint
	busy     atomic.Bool // in a call that no other may overlap
	gone     atomic.Bool // Disconnect was called
	ended    bool        // so was Receive with nothing
	timeouts int
}

// enter begins a call that no other may overlap.
func (s *strict) enter() (leave func()) {
	s.check()
	if s.busy.Swap(true) {
		panic("two calls at a time")
	}
	return func() { s.busy.Store(false) }
}

func (s *strict) check() {
	if s.gone.Load() {
		panic("a call after Disconnect")
	}
}

func (s *strict) Receive(now time.Time, p []byte) (int, error) {
	defer s.enter()()
	if s.ended {
		panic("Receive after the end of the stream")
	}
	s.ended = len(p) == 0
	return s.Endpoint.Receive(now, p)
}

func (s *strict) HandleTimeout(now time.Time) error {
	defer s.enter()()
	s.timeouts++
	return s.Endpoint.HandleTimeout(now)
}

func (s *strict) Disconnect(now time.Time) {
	defer s.enter()()
	s.gone.Store(true)
	s.Endpoint.Disconnect(now)
}

func (s *strict) Need() wire.Need {
	defer s.enter()()
	if n, ok := s.Endpoint.(wire.Needer); ok {
		return n.Need()
	}
	return wire.Need{}
}

func (s *strict) Answer(now time.Time, a wire.Answer) error {
	defer s.enter()()
	return s.Endpoint.(wire.Needer).Answer(now, a)
}

func (s *strict) Transmit(spare []byte) []byte {
	s.check()
	return s.Endpoint.Transmit(spare)
}

func (s *strict) NextTimeout() time.Time {
	s.check()
	return s.Endpoint.NextTimeout()
}

// end waits for the end and gives its error.
func (d *drive) end() error {
	<-d.done
	return d.err
}

// A served daemon is any.
type served interface {
	TCPAddr() string
	HTTPAddr() string
}

// startNsqd runs a daemon on loopback for the time of a test.
func startNsqd(t testing.TB, change func(*Config)) *Nsqd {
	cfg := DefaultConfig()
	cfg.TCPAddress, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	d, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// patienceOfTests is how long something may take that is to come at once.
const patienceOfTests = 20 * time.Second

// await waits until something is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patienceOfTests); !so(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never %s", what)
		}
	}
}

// addresses are those of the connected clients.
func addresses(d *Nsqd) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for conn := range d.conns {
		all = append(all, conn.RemoteAddr().String())
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
