package chaos

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Said harms what clients and brokers say: a command or a frame, by its name and number. It reads the V2 protocol, from a connection's first
// byte; where that is encrypted or compressed, it understands and harms nothing.
var Said = Kind{
	Name:  "said",
	Usage: "a command of a client or a frame of a broker is lost, late or cut off, on connections that are in the clear",
	Params: []Param{
		{Name: "said", Type: End, Required: true, Usage: "whose connections: the broker's, or a load line's clients'"},
		{Name: "say", Type: Word, Required: true, Words: slices.Concat(commands, frames), Usage: "what: a client's command, or the kind of a broker's frame; OK is every answer of success but CLOSE_WAIT"},
		{Name: "to", Type: Word, Words: answered, Usage: "the command that an OK or an error answers; any, if left out"},
		{Name: "nth", Type: Count, Usage: "which one of all that are said since the fault came, on whichever of the connections; every one, if left out"},
		{Name: "do", Type: Word, Required: true, Words: []string{"drop", "delay", "cut"}, Usage: "drop: it and all behind it that way is lost, and nobody learns of it; " +
			"delay: it comes later, and all behind it; cut: the connection is reset in its place"},
		{Name: "by", Type: Duration, Usage: "do: delay: how much later"},
		{Name: "after", Type: Count, Usage: "do: drop and do: cut: so many of its bytes get through before (0)"},
	},
	Lingers: unnoticed,
	New:     newSaid,
}

// commands are what a client can say.
var commands = []string{"IDENTIFY", "SUB", "PUB", "MPUB", "DPUB", "RDY", "FIN", "REQ", "TOUCH", "CLS", "NOP"}

// frames are what a broker can say.
var frames = []string{"OK", "CLOSE_WAIT", "heartbeat", "error", "message"}

// answered are the commands that an OK or an error may answer.
var answered = []string{"IDENTIFY", "SUB", "PUB", "MPUB", "DPUB", "CLS", "FIN", "REQ", "TOUCH"}

func newSaid(a Args) (Fault, error) {
	s := &said{
		end: a.Names["said"], say: a.Names["say"], to: a.Names["to"], do: a.Names["do"],
		nth: a.Counts["nth"], after: a.Counts["after"], by: a.Durations["by"], talks: map[uint64]*talk{},
	}
	silent := s.to == "FIN" || s.to == "REQ" || s.to == "TOUCH"
	switch {
	case s.to != "" && s.say != "OK" && s.say != "error":
		return nil, errors.New("said: to: only an OK and an error answer a command")
	case silent && s.say == "OK":
		return nil, errors.New("said: to: " + s.to + " has no answer when it succeeds")
	case (s.do == "delay") != (s.by > 0):
		return nil, errors.New("said: by is how much later something is, and goes with do: delay; the two need each other")
	case s.do == "delay" && s.after > 0:
		return nil, errors.New("said: after goes with do: drop and do: cut")
	}
	return s, nil
}

// said is the fault of one run, and its rule in both directions.
type said struct {
	end, say, to, do string
	nth, after       int64
	by               time.Duration

	heal func() error // nil: it watches nothing

	mu    sync.Mutex
	talks map[uint64]*talk // by connection; guarded by mu
	on    bool             // guarded by mu
	heard int64            // what it is about, since it came; guarded by mu
}

// A talk is one connection.
type talk struct {
	client string   // the end that opened it
	asked  []string // commands without an answer
	ways   [2]*way  // from the client, and to it
}

// A way is one direction of it.
type way struct {
	scanner
	marks []mark
}

// A mark is where in a direction something happens: before the byte at an offset, or, if it is behind, behind the byte before that.
type mark struct {
	at     int64
	behind bool
}

// Prepare implements Preparer.
func (s *said) Prepare(c sim.Cluster) (err error) {
	s.heal, err = obstruct(c, both(s.end, ""), func() sim.Rule { return s })
	return err
}

// Inject implements Fault.
func (s *said) Inject(c sim.Cluster) (heal func() error, err error) {
	if s.heal == nil {
		if err := s.Prepare(c); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = true
	return s.heal, nil
}

// Judge implements sim.Rule.
func (s *said) Judge(_ time.Duration, _ *rand.Rand, c sim.Chunk) sim.Fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.talks[c.Conn]
	if c.Opening {
		if t == nil {
			s.talks[c.Conn] = &talk{client: c.From, ways: [2]*way{{}, {scanner: scanner{frames: true}}}}
		}
		return sim.Fate{}
	}
	if t == nil {
		return sim.Fate{} // older than the rule
	}
	if len(c.Data) == 0 {
		delete(s.talks, c.Conn) // what the other end may still say reaches nobody
		return sim.Fate{}
	}
	w := t.ways[0]
	if c.From != t.client {
		w = t.ways[1]
	}
	if seen := w.at - c.At; seen >= 0 && seen < int64(len(c.Data)) { // else it was held, and is judged anew
		w.scan(c.Data[seen:], func(what string, begin int64) { s.hear(t, w, c.At, what, begin) })
	}
	return s.fate(w, c)
}

// hear takes something that is said; begin is its first byte's offset, and from that of the first byte that can still be harmed.
func (s *said) hear(t *talk, w *way, from int64, what string, begin int64) {
	to := ""
	if w.frames {
		what, to = t.answer(what)
	} else if slices.Contains(answered, what) && what != "FIN" && what != "REQ" && what != "TOUCH" || what == "AUTH" {
		t.asked = append(t.asked, what)
	}
	if !s.on || what != s.say || s.to != "" && s.to != to {
		return
	}
	if s.heard++; s.nth > 0 && s.heard != s.nth {
		return
	}
	m := mark{at: max(begin+s.after, from)}
	m.behind = m.at > max(begin, from)
	w.marks = append(w.marks, m)
}

// answer gives a frame's kind, and the command that it answers: that which waits longest, but for the errors of those that wait for nothing.
func (t *talk) answer(frame string) (what, to string) {
	switch frame {
	case "heartbeat", "message":
		return frame, ""
	case "E_FIN_FAILED", "E_REQ_FAILED", "E_TOUCH_FAILED":
		return "error", frame[len("E_") : len(frame)-len("_FAILED")]
	}
	if len(t.asked) > 0 {
		to, t.asked = t.asked[0], t.asked[1:]
	}
	return frame, to
}

// fate is what becomes of a chunk: of the first of its marks.
func (s *said) fate(w *way, c sim.Chunk) sim.Fate {
	end := c.At + int64(len(c.Data))
	w.marks = slices.DeleteFunc(w.marks, func(m mark) bool { return m.at < c.At || m.behind && m.at == c.At })
	for _, m := range w.marks {
		if m.at > end || m.at == end && !m.behind {
			continue
		}
		switch first := int(m.at - c.At); s.do {
		case "drop":
			return sim.Fate{Lose: true, First: first}
		case "cut":
			return sim.Fate{Reset: true, First: first}
		default:
			return sim.Fate{Delay: s.by}
		}
	}
	return sim.Fate{}
}
