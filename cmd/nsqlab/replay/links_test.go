package replay

import (
	"context"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// A said is one thing that an end says, as it says it and in words.
type said struct {
	p     []byte
	words string
}

func all(list []said) (p []byte, words string) {
	var texts []string
	for _, s := range list {
		p = append(p, s.p...)
		texts = append(texts, s.words)
	}
	return p, strings.Join(texts, "\n")
}

func talk(id wire.ID) (forth, back []said) {
	command := wire.AppendCommand
	body := []byte("a body that is none of this run")
	forth = []said{
		{[]byte(wire.Magic), "V2"},
		{wire.AppendBody(command(nil, "IDENTIFY"), []byte("{}")), "IDENTIFY"},
		{command(nil, "SUB", "orders", "billing"), "SUB orders billing"},
		{command(nil, "RDY", "10"), "RDY 10"},
		{wire.AppendBody(command(nil, "PUB", "orders"), body), "PUB orders (of no message of this run)"},
		{wire.AppendBody(command(nil, "DPUB", "orders", "100"), body), "DPUB orders 100 (of no message of this run)"},
		{wire.AppendBodies(command(nil, "MPUB", "orders"), [][]byte{body, body}), "MPUB orders (of no message of this run) (of no message of this run)"},
		{command(nil, "TOUCH", id.String()), "TOUCH (of no message of this run)"},
		{command(nil, "REQ", id.String(), "90"), "REQ (of no message of this run) after 90 ms"},
		{command(nil, "FIN", id.String()), "FIN (of no message of this run)"},
		{command(nil, "NOP"), "NOP"},
	}
	back = []said{
		{wire.AppendFrame(nil, wire.FrameResponse, []byte("OK")), "OK"},
		{wire.AppendFrame(nil, wire.FrameResponse, []byte(wire.Heartbeat)), "_heartbeat_"},
		{wire.AppendFrame(nil, wire.FrameError, []byte("E_BAD\x1b[31m")), "error E_BAD.[31m"},
		{wire.AppendMessage(nil, wire.Message{ID: id, Attempts: 3, Body: body}), "message (of no message of this run) attempt 3"},
		{wire.AppendFrame(nil, wire.FrameResponse, []byte(strings.Repeat("x", 200))), strings.Repeat("x", maxShownLine) + "..."},
	}
	return forth, back
}

// TestConversation: however the bytes are cut up, the same is heard.
func TestConversation(t *testing.T) {
	forth, back := talk(wire.ID{'0', '1'})
	for _, size := range []int{1, 2, 3, 7, 20, 64, 10_000} {
		k := &conversation{sent: map[wire.ID]uint64{}}
		hear := func(list []said, answer bool) {
			p, want := all(list)
			var heard []string
			for len(p) > 0 {
				n := min(size, len(p))
				for _, words := range k.hear(1, p[:n], answer) {
					if words != "a part of what follows" {
						heard = append(heard, words)
					}
				}
				p = p[n:]
			}
			if got := strings.Join(heard, "\n"); got != want {
				t.Errorf("in pieces of %d heard\n%s\nwant\n%s", size, got, want)
			}
		}
		hear(forth[:4], false)
		hear(back, true)
		hear(forth[4:], false)
		if len(k.sent) > 0 || len(k.forth) > 0 || len(k.back) > 0 {
			t.Errorf("in pieces of %d it keeps %+v", size, k)
		}
	}
}

// TestArrivals: turns, other protocols, and what is no protocol.
func TestArrivals(t *testing.T) {
	c := newConversations(1)
	hear := func(want string, conn uint64, answer bool, turn sim.Turn, data string) {
		t.Helper()
		a := sim.Arrival{From: "c", To: "b1", Conn: conn, Answer: answer, Turn: turn, Data: []byte(data)}
		if answer {
			a.From, a.To = a.To, a.From
		}
		if got := c.hear(a); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	hear("c > b1 (1): connects", 1, false, sim.Opening, "")
	hear("b1 > c (1): accepts", 1, true, sim.Opening, "")
	hear("c > b1 (1): V1; PING [9 bytes]", 1, false, sim.Bytes, "  V1PING\n")
	hear("b1 > c (1): OK [6 bytes]", 1, true, sim.Bytes, "\x00\x00\x00\x02OK")
	hear("c > b1 (1): IDENTIFY [15 bytes]", 1, false, sim.Bytes, "IDENTIFY\n\x00\x00\x00\x02{}")
	hear("c > b1 (1): says no more", 1, false, sim.Ending, "")
	hear("c > b1 (2): connects", 2, false, sim.Opening, "")
	hear("c > b1 (2): HTTP GET /lookup?topic=x HTTP/1.1 [34 bytes]", 2, false, sim.Bytes, "GET /lookup?topic=x HTTP/1.1\r\nA: b")
	hear("b1 > c (2): HTTP HTTP/1.1 200 OK [19 bytes]", 2, true, sim.Bytes, "HTTP/1.1 200 OK\r\n{}")
	hear("b1 > c (2): the connection is broken", 2, true, sim.Broken, "")
	hear("c > b1 (3): connects", 3, false, sim.Opening, "")
	hear("c > b1 (3): bytes that are no NSQ protocol [5 bytes]", 3, false, sim.Bytes, "hello")
	hear("c > b1 (3): bytes that are no NSQ protocol [4 bytes]", 3, false, sim.Bytes, "NOP\n")
	hear("c > b1 (4): bytes that are no NSQ protocol [1 bytes]", 4, false, sim.Bytes, "x")
	hear("b1 > c (1): OK [6 bytes]", 1, true, sim.Bytes, "\x00\x00\x00\x02OK") // it was on its way when the other end said no more
	many := strings.Repeat("NOP\n", maxParts+5)
	hear("c > b1 (5): connects", 5, false, sim.Opening, "")
	hear("c > b1 (5): V2"+strings.Repeat("; NOP", maxParts-1)+"; and 6 more [72 bytes]", 5, false, sim.Bytes, wire.Magic+many)
	hear("c > b1 (5): bytes that are no NSQ protocol [10 bytes]", 5, false, sim.Bytes, "PUB x\n\xff\xff\xff\xff")
}

// TestConversationsAreBounded: those that have ended are forgotten.
func TestConversationsAreBounded(t *testing.T) {
	c := newConversations(1)
	for conn := range uint64(10 * pruneConversations) {
		c.hear(sim.Arrival{Conn: conn, Turn: sim.Opening})
		c.hear(sim.Arrival{Conn: conn, Turn: sim.Ending})
	}
	if len(c.all) > 2*pruneConversations {
		t.Errorf("%d connections are kept", len(c.all))
	}
}

// never is a terminal at which nobody types, and at which ^C is pressed.
type never struct{ interrupt context.CancelFunc }

// Read implements io.Reader.
func (n never) Read([]byte) (int, error) {
	n.interrupt()
	select {}
}

func contextAt(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
