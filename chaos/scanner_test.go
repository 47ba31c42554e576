package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// commandsSaid and framesSaid are what a client and a broker say, and what is to be found in it.
func commandsSaid() (p []byte, want []string) {
	p = append(p, wire.Magic...)
	say := func(name string, body []byte, params ...string) {
		want = append(want, fmt.Sprint(name, " ", len(p)))
		p = wire.AppendCommand(p, name, params...)
		if body != nil {
			p = wire.AppendBody(p, body)
		}
	}
	say("IDENTIFY", []byte(`{"client_id":"PUB x\n"}`))
	say("AUTH", []byte("secret"))
	say("SUB", nil, "orders", "billing")
	say("RDY", nil, "5")
	say("PUB", []byte(strings.Repeat("FIN 0\n", 1000)), "orders")
	say("MPUB", nil, "orders")
	p = wire.AppendBodies(p, [][]byte{[]byte("CLS\n"), []byte("NOP\n")})
	say("DPUB", []byte{}, "orders", "1000")
	say("FIN", nil, "0123456789abcdef")
	say("REQ", nil, "0123456789abcdef", "0")
	say("TOUCH", nil, "0123456789abcdef")
	say("NOP", nil)
	say("CLS", nil)
	return p, want
}

func framesSaid() (p []byte, want []string) {
	say := func(what string, t wire.FrameType, data string) {
		want = append(want, fmt.Sprint(what, " ", len(p)))
		p = wire.AppendFrame(p, t, []byte(data))
	}
	say("OK", wire.FrameResponse, `{"max_rdy_count":2500}`)
	say("OK", wire.FrameResponse, "OK")
	say("heartbeat", wire.FrameResponse, wire.Heartbeat)
	say("error", wire.FrameError, "E_BAD_TOPIC PUB topic name \"x y\" is not valid")
	say("E_FIN_FAILED", wire.FrameError, "E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight")
	say("E_TOUCH_FAILED", wire.FrameError, "E_TOUCH_FAILED TOUCH")
	say("error", wire.FrameError, "")
	say("message", wire.FrameMessage, strings.Repeat("OK", 5000))
	say("message", wire.FrameMessage, "")
	say("OK", wire.FrameResponse, "")
	say("CLOSE_WAIT", wire.FrameResponse, "CLOSE_WAIT")
	return p, want
}

// TestScanner: what is said is found, each thing once and at its first byte, however the bytes are cut up.
func TestScanner(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, frames := range []bool{false, true} {
		p, want := commandsSaid()
		if frames {
			p, want = framesSaid()
		}
		for _, most := range []int{len(p), 1, 2, 3, 10, 100, 1000} {
			s := scanner{frames: frames}
			var got []string
			for rest := p; len(rest) > 0; {
				n := min(1+rng.IntN(most), len(rest))
				s.scan(rest[:n], func(what string, begin int64) { got = append(got, fmt.Sprint(what, " ", begin)) })
				rest = rest[n:]
			}
			if !slices.Equal(got, want) || s.mute || s.at != int64(len(p)) {
				t.Errorf("frames %v, up to %d bytes at a time: found %q, want %q; mute %v at %d of %d", frames, most, got, want, s.mute, s.at, len(p))
			}
			if cap(s.head) > 100 {
				t.Errorf("it keeps %d bytes", cap(s.head))
			}
		}
	}
}

// TestScannerOfGarbage: what is no V2 is not understood, from there on, and counted all the same.
func TestScannerOfGarbage(t *testing.T) {
	for _, c := range []struct {
		frames bool
		bytes  string
		found  int
	}{
		{false, "  V1\nPING\n", 0},
		{false, "GET / HTTP/1.1\r\n\r\nPUB x\n", 0},
		{false, "  V2NOP\n\x16\x03\x01\nNOP\n", 1},
		{false, "  V2NOP\nHELLO you\nNOP\n", 1},
		{false, "  V2PUB x\n\xff\xff\xff\xffNOP\n", 1},
		{false, "  V2SUB " + strings.Repeat("x", 20_000) + "\nNOP\n", 1},
		{false, "  V2NOP\n" + strings.Repeat("x", 20_000) + "\nNOP\n", 1},
		{true, "\x00\x00\x00\x06\x00\x00\x00\x00OK\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00OK", 1},
		{true, "\x00\x00\x00\x06\x00\x00\x00\x03OK\x00\x00\x00\x06\x00\x00\x00\x00OK", 0},
		{true, "\xff\xff\xff\xff\x00\x00\x00\x00OK", 0},
	} {
		s, found := scanner{frames: c.frames}, 0
		s.scan([]byte(c.bytes), func(string, int64) { found++ })
		if found != c.found || !s.mute || s.at != int64(len(c.bytes)) {
			t.Errorf("%.30q: found %d, want %d; mute %v at %d", c.bytes, found, c.found, s.mute, s.at)
		}
	}
}

// FuzzScanner: whatever comes, whole or in pieces, the same is found.
func FuzzScanner(f *testing.F) {
	commands, _ := commandsSaid()
	frames, _ := framesSaid()
	f.Add(commands, uint64(1), false)
	f.Add(frames, uint64(1), true)
	f.Fuzz(func(t *testing.T, p []byte, seed uint64, frames bool) {
		var whole, pieces []string
		a, b := scanner{frames: frames}, scanner{frames: frames}
		a.scan(p, func(what string, begin int64) { whole = append(whole, fmt.Sprint(what, begin)) })
		rng := rand.New(rand.NewPCG(seed, 0))
		for rest := p; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			b.scan(rest[:n], func(what string, begin int64) { pieces = append(pieces, fmt.Sprint(what, begin)) })
			rest = rest[n:]
		}
		if !slices.Equal(whole, pieces) || a.at != b.at || a.mute != b.mute {
			t.Errorf("whole %q, in pieces %q", whole, pieces)
		}
	})
}
