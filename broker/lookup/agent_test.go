package lookup

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var self = Self{BroadcastAddress: "a", Hostname: "a", HTTPPort: 4151, TCPPort: 4150, Version: "1.3.0"}

// A pair is an agent and a session that talk to each other.
type pair struct {
	a *Agent
	s *Session
}

func newPair(t *testing.T, now time.Time, r *Registry, names Names) *pair {
	a, err := NewAgent(now, self, names, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return &pair{a, r.Connect(now, "a:5000", func() {})}
}

// talk carries bytes both ways until nobody has anything to say.
func (p *pair) talk(now time.Time) error {
	for {
		asked, answered := p.a.Transmit(nil), []byte(nil)
		if len(asked) > 0 {
			if n, err := p.s.Receive(now, asked); err != nil || n != len(asked) {
				return fmt.Errorf("%d bytes of %q: %w", n, asked, err)
			}
		}
		if answered = p.s.Transmit(nil); len(asked)+len(answered) == 0 {
			return nil
		}
		if n, err := p.a.Receive(now, answered); len(answered) > 0 && (err != nil || n != len(answered)) {
			return fmt.Errorf("%d bytes of %q: %w", n, answered, err)
		}
	}
}

// registered is what a registry has of the only producer.
func registered(r *Registry) (names Names) {
	for _, node := range r.Nodes(began) {
		for _, topic := range node.Topics {
			t := TopicNames{Topic: topic}
			for _, c := range r.topics[topic].names {
				if len(r.topics[topic].channels[c].producers) > 0 {
					t.Channels = append(t.Channels, c)
				}
			}
			names = append(names, t)
		}
	}
	return names
}

// What an agent was told to register is registered, whatever was before, and after each new connection as well.
func TestAgentRegistersWhatIsWanted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() (names Names) {
		for _, topic := range []string{"a", "b", "c", "d#ephemeral"} {
			if rng.IntN(2) == 0 {
				continue
			}
			n := TopicNames{Topic: topic}
			for _, c := range []string{"x", "y", "z#ephemeral"} {
				if rng.IntN(2) == 0 {
					n.Channels = append(n.Channels, c)
				}
			}
			names = append(names, n)
		}
		return names
	}
	r := NewRegistry(DefaultOptions())
	want := draw()
	p := newPair(t, began, r, want)
	for i := range 2000 {
		if err := p.talk(began); err != nil {
			t.Fatal(err)
		}
		if got := registered(r); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("round %d: %v is registered, want %v", i, got, want)
		}
		want = draw()
		if i%10 == 0 {
			p.s.Disconnect(began)
			p.a.Disconnect(began)
			p = newPair(t, began, r, want)
			continue
		}
		p.a.Want(began, want)
	}
}

func TestAgentGathered(t *testing.T) {
	p := newPair(t, began, NewRegistry(DefaultOptions()), nil)
	late := began.Add(time.Hour)
	if p.a.Gathered(late) {
		t.Error("it has gathered all, and has not answered")
	}
	if err := p.talk(began); err != nil {
		t.Fatal(err)
	}
	if p.a.Gathered(began.Add(gatherTime-1)) || !p.a.Gathered(began.Add(gatherTime)) {
		t.Error("it has not gathered all after gatherTime, but at another time")
	}
}

func TestAgentPings(t *testing.T) {
	r := NewRegistry(DefaultOptions())
	p := newPair(t, began, r, nil)
	if err := p.talk(began); err != nil {
		t.Fatal(err)
	}
	if id, ok := p.a.Peer(); !ok || id.Version != "" {
		t.Errorf("%+v, %t", id, ok)
	}
	now := began
	for range 100 {
		next := p.a.NextTimeout()
		if next.Sub(now) != 15*time.Second {
			t.Fatalf("the next timeout is after %s", next.Sub(now))
		}
		now = next
		if err := p.a.HandleTimeout(now); err != nil {
			t.Fatal(err)
		}
		if err := p.talk(now); err != nil {
			t.Fatal(err)
		}
		if len(r.Nodes(now)) != 1 {
			t.Fatal("the producer is taken for dead")
		}
	}
}

// An agent whose command is not answered, or answered wrongly, is over.
func TestAgentEnds(t *testing.T) {
	fresh := func() *Agent {
		a, err := NewAgent(began, self, Names{{Topic: "t"}}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := fresh()
	if next := a.NextTimeout(); next.Sub(began) != answerTime {
		t.Errorf("it waits %s", next.Sub(began))
	}
	if err := a.HandleTimeout(began.Add(answerTime - 1)); err != nil {
		t.Error(err)
	}
	if err := a.HandleTimeout(began.Add(answerTime)); err == nil || !strings.Contains(err.Error(), "IDENTIFY is not answered") {
		t.Error(err)
	}
	for _, c := range []struct{ answers, want string }{
		{"E_INVALID", "IDENTIFY is answered E_INVALID"},
		{"not JSON", "IDENTIFY is answered"},
		{"{}|E_BAD_TOPIC x", "REGISTER is answered E_BAD_TOPIC x"},
		{"{}|OK|OK", "an answer to nothing"},
		{"", "closed"},
	} {
		var p []byte
		for answer := range strings.SplitSeq(c.answers, "|") {
			if c.answers != "" {
				p = wire.AppendAnswer(p, answer)
			}
		}
		if _, err := fresh().Receive(began, p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.answers, err)
		}
	}
	for _, size := range []string{"\xff\xff\xff\xff", "\x7f\xff\xff\xff"} {
		if _, err := fresh().Receive(began, []byte(size)); err == nil {
			t.Errorf("an answer of %x bytes is taken", size)
		}
	}
}

// FuzzSession: however the bytes are cut up they are answered as the whole is; nothing is kept of a session that is gone, and no more than a command waits.
func FuzzSession(f *testing.F) {
	identify := string(wire.AppendBody([]byte("IDENTIFY\n"), []byte(`{"broadcast_address":"a","tcp_port":1,"http_port":2,"version":"x"}`)))
	for _, s := range []string{
		"", "PING\n", identify + "REGISTER t c\nUNREGISTER t c\nUNREGISTER t\n", "IDENTIFY\n\xff\xff\xff\xff", "IDENTIFY\n\x00\x01\x00\x00",
		identify + identify, "  REGISTER  t\r\n", strings.Repeat("x", wire.MaxLine+1), "WHAT\n", identify + "REGISTER t#ephemeral c#ephemeral\n",
	} {
		f.Add([]byte(s), uint16(3))
	}
	f.Fuzz(func(t *testing.T, said []byte, step uint16) {
		said = append([]byte(wire.MagicV1), said...)
		play := func(step int) (string, Names) {
			r := NewRegistry(DefaultOptions())
			s := r.Connect(began, "a:1", func() {})
			var in, out []byte
			var err error
			for piece := range slices.Chunk(said, step) {
				in = append(in, piece...)
				var n int
				if n, err = s.Receive(began, in); err != nil {
					break
				}
				if in = in[n:]; len(in) > wire.MaxLine+4+maxIdentity {
					t.Fatalf("%d bytes wait", len(in))
				}
				out = append(out, s.Transmit(nil)...)
			}
			if err == nil {
				_, err = s.Receive(began, nil)
			}
			out = append(out, s.Transmit(nil)...)
			names := registered(r)
			s.Disconnect(began)
			if len(r.producers) > 0 || len(registered(r)) > 0 {
				t.Fatal("a producer is left")
			}
			return fmt.Sprintf("%q %v", out, err), names
		}
		whole, names := play(len(said))
		pieces, same := play(int(step)%len(said) + 1)
		if whole != pieces || fmt.Sprint(names) != fmt.Sprint(same) {
			t.Fatalf("the whole: %s, %v\npieces: %s, %v", whole, names, pieces, same)
		}
	})
}

// FuzzAgent: whatever comes from an nsqlookupd, the agent takes it or ends.
func FuzzAgent(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}\x00\x00\x00\x02OK"))
	f.Add([]byte("\x00\x00\x00\x02OK"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, p []byte) {
		a, err := NewAgent(began, self, Names{{Topic: "t", Channels: []string{"c"}}}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := a.Receive(began, p); n > len(p) {
			t.Fatalf("%d bytes of %d", n, len(p))
		}
	})
}

// FuzzLoad: whatever was saved is loaded or refused, and what was loaded can be saved.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"producers":[{"broadcast_address":"a","tcp_port":1,"topics":[{"name":"t","channels":["c"],"tombstoned_at":1}]}],"topics":[{"name":"t"},{"name":"/"}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, p []byte) {
		r := NewRegistry(DefaultOptions())
		if r.Load(began, p) != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := r.Save(&once); err != nil {
			t.Fatal(err)
		}
		again := NewRegistry(DefaultOptions())
		if err := again.Load(began, once.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := again.Save(&twice); err != nil || twice.String() != once.String() {
			t.Fatalf("%s, then %s, %v", &once, &twice, err)
		}
	})
}
