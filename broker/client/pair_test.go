package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

var start = time.Unix(1_000_000, 0)

// A pair is a client and the session that a broker has for it, with nothing between them but the test.
type pair struct {
	t       *testing.T
	now     time.Time
	broker  *broker.Broker
	session *broker.Session
	conn    *Conn
	log     []string  // what the client and the test were told
	ids     []wire.ID // of the messages that came
	woken   int       // calls of the client's wake

	forBroker, forClient []byte // on the way, or not consumed
	over                 bool   // the client's end is gone
	left                 bool   // the broker's is
}

func newPair(t *testing.T, opts Options) *pair {
	p := &pair{t: t, now: start}
	settings := broker.DefaultOptions("b1")
	settings.MsgTimeout = 10 * time.Second
	b, err := broker.Open(time.Now(), settings, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	p.broker = b
	p.session = b.Connect(p.now, "client:1", func() {})
	p.conn = New(p.now, opts, p.handler(), func() { p.woken++ })
	return p
}

func (p *pair) handler() Handler {
	return Handler{
		Connected: func(time.Time) { p.note("connected") },
		Message: func(_ time.Time, m wire.Message) {
			p.ids = append(p.ids, m.ID)
			p.note("message %s attempt %d", m.Body, m.Attempts)
		},
		Closed: func(_ time.Time, err error) { p.note("closed: %v", err) },
	}
}

func (p *pair) note(format string, args ...any) { p.log = append(p.log, fmt.Sprintf(format, args...)) }

// done notes a command's fate under a name.
func (p *pair) done(name string) func(time.Time, Result) {
	return func(_ time.Time, r Result) {
		p.note("%s", strings.TrimSpace(fmt.Sprintf("%s %s %s", name, []string{"done", "refused", "unknown"}[r.Fate], r.Text)))
	}
}

// send carries what the client has to say to the broker's end.
func (p *pair) send() {
	if p.forBroker = append(p.forBroker, p.conn.Transmit(nil)...); p.left || len(p.forBroker) == 0 {
		return
	}
	n, err := p.session.Receive(p.now, p.forBroker)
	p.forBroker = p.forBroker[n:]
	if err != nil {
		p.note("the broker closes")
		p.left = true
	}
}

// fetch carries what the broker's end has to say to the client.
func (p *pair) fetch() {
	p.forClient = append(p.forClient, p.session.Transmit(nil)...)
	p.give(nil)
}

// give hands the client some bytes as if the broker had sent them.
func (p *pair) give(b []byte) {
	p.t.Helper()
	if p.forClient = append(p.forClient, b...); p.over || len(p.forClient) == 0 {
		return
	}
	n, err := p.conn.Receive(p.now, p.forClient)
	p.forClient = p.forClient[n:]
	if err != nil {
		p.note("the client closes: %v", err)
		p.disconnect()
	}
}

func (p *pair) disconnect() {
	p.over = true
	p.conn.Disconnect(p.now)
}

// talk lets both speak until neither has anything to say.
func (p *pair) talk() {
	for range 3 {
		p.send()
		p.fetch()
	}
}

// want checks what was noted since the last time.
func (p *pair) want(lines ...string) {
	p.t.Helper()
	if !slices.Equal(p.log, lines) {
		p.t.Errorf("told:\n  %s\nwant:\n  %s", strings.Join(p.log, "\n  "), strings.Join(lines, "\n  "))
	}
	p.log = nil
}

// consumer is a pair that has subscribed and got so many messages of one byte: a, b, c …
func consumer(t *testing.T, messages int) *pair {
	p := newPair(t, Options{})
	p.conn.Subscribe("orders", "billing", nil)
	p.conn.Ready(messages)
	for i := range messages {
		p.conn.Publish("orders", []byte{'a' + byte(i)}, nil)
	}
	p.talk()
	if len(p.ids) != messages {
		t.Fatalf("%d messages came, want %d: %q", len(p.ids), messages, p.log)
	}
	p.log = nil
	return p
}

// response is a frame that the broker could have sent.
func response(text string) []byte { return wire.AppendFrame(nil, wire.FrameResponse, []byte(text)) }

func refusal(text string) []byte { return wire.AppendFrame(nil, wire.FrameError, []byte(text)) }
