package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// handshakeTime bounds a TLS handshake, and the sending of what comes before it.
const handshakeTime = 5 * time.Second

// An outside is what a driver can do for an endpoint besides moving bytes. The zero outside can compress.
type outside struct {
	tls       *tls.Config                     // of this end, which is the server; nil: none
	client    *tls.Config                     // with which this end begins, as the client; nil: it does not
	entry     *entry                          // connections may begin with TLS; nil: all begin with what the endpoint speaks
	authorize func(wire.Question) wire.Answer // asks the auth servers; nil: there are none
}

// An entry lets a peer begin with TLS instead of asking for it: its first byte tells.
type entry struct {
	refusal []byte // what a peer is sent that does not; nil: it need not
}

// handshakeRecord is the first byte of TLS.
const handshakeRecord = 0x16

var (
	errNoTLS       = errors.New("no TLS here")
	errNoAuthority = errors.New("no auth servers here")
	errPlain       = errors.New("the peer does not use TLS, which it must")
	errImpatient   = errors.New("the peer sent too much before it was answered")
)

// knock begins with TLS as the client, if it is to, before anything is sent. Needs the turn then.
func (d *driver) knock() {
	if d.outside.client == nil {
		return
	}
	if _, err := d.secure(d.source); err != nil {
		_ = d.end(broken, err)
	}
	<-d.turn
}

// enter has a connection begin with TLS, if its first byte says so. It says whether what has come is the endpoint's.
func (d *driver) enter() bool {
	e := d.outside.entry
	if e == nil || d.in.used == 0 {
		return true
	}
	d.outside.entry = nil
	if d.in.waits()[0] == handshakeRecord {
		if answer, ended := d.provide(wire.Need{Kind: wire.NeedTLS}); answer.Err != nil && !ended {
			_ = d.end(broken, answer.Err)
		}
		return false
	}
	if e.refusal == nil {
		return true
	}
	d.turn <- struct{}{}
	d.out = bytes.Clone(e.refusal)
	d.rest = d.out
	<-d.turn
	_ = d.end(mistaken, errPlain)
	return false
}

// meet sees to what the endpoint needs, and says whether there was anything. What goes wrong ends the reading.
func (d *driver) meet() (met bool) {
	if d.needer == nil {
		return false
	}
	for need := d.needer.Need(); need.Kind != wire.NoNeed && d.over == nil; need = d.needer.Need() {
		met = true
		if need.Kind == wire.NeedTime {
			d.bide()
			continue
		}
		answer, ended := d.provide(need)
		if ended {
			return true
		}
		d.now = time.Now()
		if err := d.needer.Answer(d.now, answer); err != nil {
			_ = d.end(mistaken, err)
		}
	}
	return met
}

// bide lets time pass for an endpoint that takes nothing for a while; what comes meanwhile is put aside.
func (d *driver) bide() {
	room := make([]byte, idleBuffer)
	n, _ := d.await(room) // an error is noted
	if d.stash = append(d.stash, room[:n]...); len(d.stash) > maxAhead {
		_ = d.end(broken, errImpatient)
	}
}

// provide does what the endpoint needs. ended says that the connection is over.
func (d *driver) provide(need wire.Need) (answer wire.Answer, ended bool) {
	if need.Kind == wire.NeedAuthority {
		if d.outside.authorize == nil {
			return wire.Answer{Err: errNoAuthority}, false
		}
		return d.outside.authorize(need.Question), false
	}
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	for d.take() { // the old layers' last
		if err := d.send(d.now, handshakeTime/2); err != nil {
			_ = d.end(broken, err)
			return answer, true
		}
	}
	answer.TLS, answer.Err = d.change(need)
	return answer, false
}

// change has the connection go on in one more layer. What the peer sent behind its request is in that layer already. Needs the turn.
func (d *driver) change(need wire.Need) (state wire.TLSState, err error) {
	ahead := d.in.waits()
	source := d.source
	if len(ahead) > 0 {
		source = io.MultiReader(bytes.NewReader(bytes.Clone(ahead)), source)
		d.in.consume(len(ahead))
	}
	if need.Kind == wire.NeedTLS {
		return d.secure(source)
	}
	if d.layers == nil {
		s := &sink{}
		d.layers = &layers{top: s, sink: s}
	}
	if need.Kind == wire.NeedSnappy {
		d.layers.snappy()
		d.source = unsnappy(source)
		return state, nil
	}
	d.source = flate.NewReader(source)
	return state, d.layers.deflate(need.Level)
}

// secure shakes hands, on a stack that is gone afterwards as those of the greetings are.
func (d *driver) secure(source io.Reader) (state wire.TLSState, err error) {
	if d.outside.tls == nil && d.outside.client == nil || d.layers != nil {
		return state, errNoTLS
	}
	by := time.Now().Add(handshakeTime)
	if err := d.conn.SetDeadline(by); err != nil {
		return state, err
	}
	d.writeBy = by
	s := &splice{Conn: d.conn, source: source}
	conn := tls.Server(s, d.outside.tls)
	if d.outside.client != nil {
		conn = tls.Client(s, d.outside.client)
	}
	d.shaking = true
	aside(func() { err = conn.Handshake() })
	d.shaking = false
	d.rearm()
	if err != nil {
		return state, fmt.Errorf("TLS handshake: %w", err)
	}
	s.sink = &sink{}
	d.layers = &layers{top: conn, secure: conn, sink: s.sink}
	d.source = conn
	return tlsState(conn.ConnectionState()), nil
}

// tlsState is what the session is told of a TLS connection.
func tlsState(c tls.ConnectionState) wire.TLSState {
	state := wire.TLSState{
		Version: c.Version, CipherSuite: c.CipherSuite, Protocol: c.NegotiatedProtocol,
		Mutual: true, // as crypto/tls has it since long
	}
	if len(c.PeerCertificates) > 0 {
		state.CommonName = c.PeerCertificates[0].Subject.CommonName
	}
	return state
}
