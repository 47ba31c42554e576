package server

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
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

func newBroker(t testing.TB, change func(*broker.Options)) *broker.Broker {
	opts := broker.DefaultOptions("test")
	if change != nil {
		change(&opts)
	}
	b, err := broker.New(opts, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A drive is a Drive that runs.
type drive struct {
	done chan struct{} // closed at its end
	err  error         // then
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
	return startEndpoint(conn, func(now time.Time, wake func()) wire.Endpoint {
		return b.Connect(now, "10.0.0.1:1234", wake)
	})
}

func startEndpoint(conn net.Conn, open func(time.Time, func()) wire.Endpoint) *drive {
	d := &drive{done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.err = Drive(conn, open)
	}()
	return d
}

// end waits for the end and gives its error.
func (d *drive) end() error {
	<-d.done
	return d.err
}
