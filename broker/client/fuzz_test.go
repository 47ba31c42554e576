package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// FuzzFragments: what a broker sends tells the client the same however it is cut up, and makes it say the same.
func FuzzFragments(f *testing.F) {
	message := wire.AppendMessage(nil, wire.Message{Attempts: 3, ID: wire.ID([]byte("0000000000000001")), Body: []byte("hello")})
	good := slices.Concat(response(`{"msg_timeout":5000}`), response("OK"), message, response(wire.Heartbeat), response("OK"),
		refusal("E_FIN_FAILED FIN 0000000000000001 failed ID not in flight"), message, response("CLOSE_WAIT"))
	f.Add(good, []byte{})
	f.Add(good, []byte{3, 1, 40})
	f.Add(slices.Concat(good, []byte{0xff, 0xff, 0xff, 0xff}), []byte{7})
	f.Add(slices.Concat(good, refusal("E_BAD_TOPIC PUB"), message), []byte{5, 200})
	f.Add(slices.Concat(message, []byte{0, 0, 0, 4, 0, 0, 0, 9}), []byte{1, 2})
	f.Add(slices.Concat(response("OK"), []byte{0, 0, 16, 0, 0, 0}), []byte{1})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		if whole, pieces := hear(stream, []byte{0}), hear(stream, cuts); whole != pieces {
			t.Errorf("at once:\n%s\nin pieces:\n%s", whole, pieces)
		}
	})
}

// hear gives a client a stream in pieces as long as the cuts say, again and again, 0 for all that is left. It tells what came of it.
func hear(stream, cuts []byte) string {
	var log strings.Builder
	note := func(format string, args ...any) { fmt.Fprintf(&log, format+"\n", args...) }
	done := func(name string) func(time.Time, Result) {
		return func(_ time.Time, r Result) { note("%s %v", name, r) }
	}
	var c *Conn
	c = New(start, Options{MaxFrame: 2000}, Handler{
		Connected: func(time.Time) { note("connected") },
		Message: func(_ time.Time, m wire.Message) {
			note("%v", m)
			c.Finish(m.ID, done("FIN "+m.ID.String()))
		},
		Closed: func(_ time.Time, err error) { note("closed %v", err) },
	}, func() {})
	c.Publish("a", []byte("1"), done("PUB"))
	c.Touch(wire.ID([]byte("0000000000000002")), done("TOUCH"))
	c.Subscribe("a", "b", done("SUB"))
	c.Close(done("CLS"))
	c.Transmit(nil)

	var arrived []byte
	used := 0
	for i := 0; len(stream) > 0; i++ {
		n := 1
		if len(cuts) > 0 {
			n = int(cuts[i%len(cuts)])
		}
		if n == 0 || n > len(stream) {
			n = len(stream)
		}
		arrived, stream = append(arrived, stream[:n]...), stream[n:]
		consumed, err := c.Receive(start, arrived)
		used += consumed
		if arrived = slices.Clone(arrived[consumed:]); err != nil {
			note("error %v", err)
			break
		}
	}
	note("used %d, says %q", used, c.Transmit(nil))
	c.Disconnect(start)
	return log.String()
}
