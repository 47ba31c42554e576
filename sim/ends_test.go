package sim

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// A mess is endpoints that talk, leave and come back while everything happens to their links and nodes.
type mess struct {
	t   *testing.T
	w   *World
	rng *rand.Rand
	all []*fake
}

// TestEachEndIsToldOnce: whatever happens, every endpoint is disconnected once, and not called after that.
func TestEachEndIsToldOnce(t *testing.T) {
	for seed := range uint64(20) {
		w, err := NewWorld(seed, []Node{{Name: "b1"}, {Name: "b2"}}, DefaultLinks)
		must(t, err)
		m := &mess{t: t, w: w, rng: w.Rand("mess")}
		for range 200 {
			w.At(time.Duration(m.rng.Int64N(int64(10*time.Second))), m.dial)
			w.At(time.Duration(m.rng.Int64N(int64(10*time.Second))), m.harm)
		}
		w.Run(15 * time.Second)
		served := m.spoke()
		for i := range m.all {
			if i%2 == 0 && m.all[i].gone == 0 {
				m.all[i].hangUp()
			}
		}
		w.Run(3 * time.Minute) // the brokers give the others up
		m.wantNoSessions(seed)
		must(t, w.Close())
		for i, f := range m.all {
			if f.gone != 1 || f.after > 0 {
				t.Errorf("seed %d: client %d was disconnected %d times, and called %d times after", seed, i, f.gone, f.after)
			}
		}
		if served < 50 || len(m.all) < 200 {
			t.Errorf("seed %d: %d clients, of which %d could send", seed, len(m.all), served)
		}
	}
}

// wantNoSessions checks that no broker believes that it has a client. A client, which is a fake and has no heartbeats, may believe that it has a
// broker if it could not learn the contrary.
func (m *mess) wantNoSessions(seed uint64) {
	open := 0
	for _, c := range m.w.conns {
		if c.server.there || !c.server.way.lost {
			open++
		}
	}
	for _, n := range m.w.nodes {
		st := n.life.broker.Stats()
		clients := len(st.Producers)
		for _, t := range st.Topics {
			for _, c := range t.Channels {
				clients += len(c.Clients)
			}
		}
		if clients > 0 || open > 0 {
			m.t.Errorf("seed %d: %s has %d clients, and %d connections are open", seed, n.spec.Name, clients, open)
		}
	}
}

// spoke counts the clients that could send something.
func (m *mess) spoke() (n int) {
	for _, f := range m.all {
		if f.taken > 0 {
			n++
		}
	}
	return n
}

// words are what clients of a mess say: right and wrong.
var words = []string{"NOP\n", "SUB orders billing\n", "RDY 5\n", "PUB orders\n\x00\x00\x00\x01x", strings.Repeat("x", 100_000)}

// dial connects one more client, which speaks now and then and may hang up.
func (m *mess) dial() {
	f := dial(m.t, m.w, "c", m.w.Nodes()[m.rng.IntN(2)])
	m.all = append(m.all, f)
	f.say("  V2")
	for range m.rng.IntN(20) {
		m.w.At(m.w.now+time.Duration(m.rng.Int64N(int64(3*time.Second))), func() {
			if f.gone == 0 {
				f.say(words[m.rng.IntN(len(words))])
			}
		})
	}
	if m.rng.IntN(2) == 0 {
		m.w.At(m.w.now+time.Duration(m.rng.Int64N(int64(3*time.Second))), func() {
			if f.gone == 0 {
				f.hangUp()
			}
		})
	}
}

// harm does something, and undoes it soon.
func (m *mess) harm() {
	node := m.w.Nodes()[m.rng.IntN(2)]
	lasts := time.Duration(m.rng.Int64N(int64(time.Second)))
	switch m.rng.IntN(4) {
	case 0:
		if m.w.Kill(node) == nil {
			m.w.At(m.w.now+lasts, func() { must(m.t, m.w.Start(node)) })
		}
	case 1:
		if m.w.Pause(node) == nil {
			m.w.At(m.w.now+lasts, func() { _ = m.w.Resume(node) }) // it may have been killed meanwhile
		}
	default:
		ends := []string{"c", "b1", "b2", ""}
		remove, err := m.w.AddRule(ends[m.rng.IntN(4)], ends[m.rng.IntN(4)], trouble(m.rng.IntN(troubles)))
		must(m.t, err)
		m.w.At(m.w.now+lasts, remove)
	}
}
