package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A foe is a hostile client.
type foe struct {
	*link
	ring *ring
}

func newLink(conn net.Conn) *link { return &link{conn, bufio.NewReaderSize(conn, 4<<10)} }

// skipTo reads frames up to the response that is wanted.
func (l *link) skipTo(want string) error {
	_ = l.SetReadDeadline(time.Now().Add(patience))
	for {
		f, err := l.next()
		if err != nil {
			return err
		}
		if f.Type == wire.FrameResponse && strings.HasPrefix(string(f.Data), want) {
			return nil
		}
		if f.Type == wire.FrameError {
			return errors.New(string(f.Data))
		}
	}
}

// dial connects a foe. If that fails so does the test.
func (r *ring) dial(address string) *foe {
	f := &foe{newLink(r.connect(address)), r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, f)
	return f
}

// closeAll ends the connections of all foes.
func (r *ring) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.all {
		f.vanish()
	}
	r.all = nil
}

// vanish resets the connection, which leaves nothing with the kernel.
func (f *foe) vanish() {
	conn := f.Conn
	for {
		switch c := conn.(type) {
		case *packed:
			conn = c.Conn
		case *tls.Conn:
			conn = c.NetConn()
		case *net.TCPConn:
			_ = c.SetLinger(0)
			_ = c.Close()
			return
		default:
			_ = c.Close()
			return
		}
	}
}

// say sends bytes, as far as they are taken.
func (f *foe) say(texts ...string) {
	_ = f.SetWriteDeadline(time.Now().Add(patience))
	for _, text := range texts {
		_, _ = io.WriteString(f, text)
	}
}

// want fails unless this response or this error comes next, heartbeats aside.
func (f *foe) want(text string) {
	f.ring.t.Helper()
	_ = f.SetReadDeadline(time.Now().Add(patience))
	for {
		frame, err := f.next()
		if err == nil && string(frame.Data) == wire.Heartbeat {
			continue
		}
		if err != nil || string(frame.Data) != text {
			f.ring.t.Errorf("got %.200q and %v, want %q", frame.Data, err, text)
		}
		return
	}
}

// wantLine is want for a line of HTTP.
func (f *foe) wantLine(text string) {
	f.ring.t.Helper()
	_ = f.SetReadDeadline(time.Now().Add(patience))
	if line, err := f.in.ReadString('\n'); strings.TrimSpace(line) != text {
		f.ring.t.Errorf("got %.200q and %v, want %q", line, err, text)
	}
}

// wantEnd fails unless the connection ends.
func (f *foe) wantEnd() {
	f.ring.t.Helper()
	_ = f.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, f.in); err != nil && strings.Contains(err.Error(), "timeout") {
		f.ring.t.Error("the connection does not end")
	}
}

// pub makes the bytes of a PUB.
func pub(topic, body string) string {
	return string(wire.AppendBody(wire.AppendCommand(nil, "PUB", topic), []byte(body)))
}

// identify makes the bytes of an IDENTIFY that asks for something.
func identify(ask string) string {
	return string(wire.AppendBody(wire.AppendCommand(nil, "IDENTIFY"), []byte(`{"feature_negotiation":true`+ask+`}`)))
}

// enter connects a foe and has it in the layers that it asks for.
func (r *ring) enter(ask string) *foe {
	f := r.dial(r.tcp)
	f.say(wire.Magic + identify(ask))
	err := f.skipTo("{")
	if err == nil && strings.Contains(ask, "tls") {
		conn := tls.Client(f.Conn, &tls.Config{InsecureSkipVerify: true})
		_ = conn.SetDeadline(time.Now().Add(patience))
		if err = conn.Handshake(); err == nil {
			f.link = newLink(conn)
			err = f.skipTo("OK")
		}
	}
	if err == nil && (strings.Contains(ask, "snappy") || strings.Contains(ask, "deflate")) {
		p := &packed{Conn: f.Conn}
		if p.snappy = strings.Contains(ask, "snappy"); p.snappy {
			p.r = s2.NewReader(f.in, s2.ReaderMaxBlockSize(64<<10))
		} else {
			p.r = flate.NewReader(f.in)
		}
		f.link = newLink(p)
		err = f.skipTo("OK")
	}
	if err != nil {
		r.t.Errorf("with %s: %v", ask, err)
	}
	return f
}

// A packed connection compresses each write for itself, so that it takes no memory between.
type packed struct {
	net.Conn
	r      io.Reader
	snappy bool
}

func (p *packed) Read(b []byte) (int, error) { return p.r.Read(b) }

func (p *packed) Write(b []byte) (n int, err error) {
	var w interface {
		io.Writer
		Flush() error
	}
	if p.snappy {
		w = s2.NewWriter(p.Conn, s2.WriterSnappyCompat(), s2.WriterConcurrency(1), s2.WriterBlockSize(64<<10))
	} else if w, err = flate.NewWriter(p.Conn, 1); err != nil {
		return 0, err
	}
	if _, err = w.Write(b); err != nil {
		return 0, err
	}
	return len(b), w.Flush()
}
