package server

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// startLookupd runs an nsqlookupd on loopback for the time of a test.
func startLookupd(t testing.TB, change func(*LookupdConfig)) *Lookupd {
	cfg := DefaultLookupdConfig()
	cfg.TCPAddress, cfg.HTTPAddress, cfg.BroadcastAddress = "127.0.0.1:0", "127.0.0.1:0", "lookup"
	if change != nil {
		change(&cfg)
	}
	d, err := StartLookupd(cfg)
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

// A registrant is an nsqd's end of a connection to nsqlookupd, which speaks bytes.
type registrant struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func newRegistrant(t testing.TB, conn net.Conn) *registrant {
	t.Cleanup(func() { _ = conn.Close() })
	return &registrant{t, conn, bufio.NewReader(conn)}
}

// approach connects and says nothing.
func approach(t testing.TB, d *Lookupd) *registrant {
	t.Helper()
	conn, err := net.Dial("tcp", d.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	return newRegistrant(t, conn)
}

// enrol is an nsqd of that name, with its ports, that has said who it is.
func enrol(t testing.TB, d *Lookupd, name string, tcp, http int) *registrant {
	t.Helper()
	r := approach(t, d)
	r.introduce(name, tcp, http)
	return r
}

// enrolInTLS is enrol, in TLS, or why there is none.
func enrolInTLS(t testing.TB, d *Lookupd, cfg *tls.Config) (*registrant, error) {
	conn, err := net.Dial("tcp", d.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	secure := tls.Client(conn, cfg)
	if err := secure.Handshake(); err != nil {
		return nil, err
	}
	r := newRegistrant(t, secure)
	if _, err := io.WriteString(secure, wire.MagicV1+"PING\n"); err != nil {
		return nil, err
	}
	if answer := r.next(); answer != "OK" {
		return nil, fmt.Errorf("answered %q", answer)
	}
	return r, nil
}

// introduce says who it is, and waits for the answer.
func (r *registrant) introduce(name string, tcp, http int) {
	r.t.Helper()
	r.say(wire.MagicV1)
	r.identify(fmt.Sprintf(`{"broadcast_address":%q,"hostname":%q,"tcp_port":%d,"http_port":%d,"version":"1.3.0"}`, name, name, tcp, http))
	if answer := r.next(); answer == "" || answer[0] != '{' {
		r.t.Fatalf("IDENTIFY is answered %q", answer)
	}
}

func (r *registrant) identify(body string) {
	r.t.Helper()
	r.say(string(wire.AppendBody([]byte("IDENTIFY\n"), []byte(body))))
}

func (r *registrant) say(data string) {
	r.t.Helper()
	if _, err := io.WriteString(r.conn, data); err != nil {
		r.t.Fatalf("say %.60q: %v", data, err)
	}
}

// next reads an answer, or how the connection ended.
func (r *registrant) next() string {
	var size [4]byte
	if _, err := io.ReadFull(r.in, size[:]); err != nil {
		return err.Error()
	}
	data := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r.in, data); err != nil {
		return err.Error()
	}
	return string(data)
}

// does has commands answered OK.
func (r *registrant) does(commands ...string) {
	r.t.Helper()
	for _, c := range commands {
		r.say(c + "\n")
		r.want("OK")
	}
}

func (r *registrant) want(answers ...string) {
	r.t.Helper()
	for _, want := range answers {
		if got := r.next(); got != want {
			r.t.Fatalf("got %.120q, want %.120q", got, want)
		}
	}
}
