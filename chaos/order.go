package chaos

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// An Order is a fault that a broker is told to do to itself, by its HTTP API, and that it answers in its time.
type Order interface {
	Fault
	// Give is Inject that calls told before each request and with what became of it. The fault is on with the first that is Done. heal has the broker
	// undo it, asks again while that does not answer, and then calls healed with what another fault's heal gives. When all faults are healed it is to be called once more:
	// one that came meanwhile may have taken the broker back to what it was told before.
	Give(c sim.Cluster, told func(Told)) (heal func(healed func(error)), err error)
}

// A Told is a request of an Order.
type Told struct {
	Undo           bool
	Topic, Channel string // Channel is empty if it is about the topic
	Answer         Answer
	Err            error // why it has none, or why nothing was done
}

// An Answer is what became of a request.
type Answer int

// The answers to a request.
const (
	Asked      Answer = iota // it is about to be sent
	Done                     // it was carried out
	Absent                   // there is no such topic or channel
	Unanswered               // it may have been carried out, or may still be while the broker lives
)

const (
	askAgain = 100 * time.Millisecond // after a request in vain
	patience = 5 * time.Minute        // with a broker that does not answer
)

// halt is the Order that pauses a topic or a channel.
type halt struct{ node, topic, channel string }

// Inject implements Fault. What it gives does not wait for the broker, neither to begin nor to end.
func (h halt) Inject(c sim.Cluster) (heal func() error, err error) {
	undo, err := h.Give(c, func(Told) {})
	return func() error { undo(func(error) {}); return nil }, err
}

// Give implements Order.
func (h halt) Give(c sim.Cluster, told func(Told)) (heal func(healed func(error)), err error) {
	t := &halting{halt: h, c: c, told: told}
	t.pause()
	return t.heal, nil
}

// A halting is such an Order as it is carried out. It asks for one thing at a time.
type halting struct {
	halt
	c     sim.Cluster
	told  func(Told)
	open  bool        // there is a request without an answer
	on    bool        // it was done once
	heals func(error) // who waits for the healing; nil: nobody
	until time.Duration
	over  bool
}

// pause has the broker pause, until it has or the fault is over.
func (t *halting) pause() {
	if t.open || t.on || t.over {
		return
	}
	t.ask(false, func(a Answer, _ error) {
		t.on = t.on || a == Done
		switch {
		case t.over:
			t.resume()
		case !t.on:
			t.c.At(t.c.Now()+askAgain, t.pause)
		}
	})
}

// heal has the broker go on.
func (t *halting) heal(healed func(error)) {
	t.over, t.heals, t.until = true, healed, t.c.Now()+patience
	if !t.open {
		t.resume()
	}
}

// resume asks the broker to go on, until it does or has nothing that could be paused.
func (t *halting) resume() {
	if t.open {
		return
	}
	t.ask(true, func(a Answer, err error) {
		switch {
		case a == Unanswered && t.c.Now() < t.until:
			t.c.At(t.c.Now()+askAgain, t.resume)
			return
		case a == Unanswered:
		case t.on:
			err = nil
		default:
			err = ErrHitNothing
		}
		t.heals(err)
	})
}

// ask sends a request.
func (t *halting) ask(undo bool, answered func(Answer, error)) {
	what, about := "pause", Told{Undo: undo, Topic: t.topic, Channel: t.channel}
	if undo {
		what = "unpause"
	}
	path := "/topic/" + what + "?topic=" + url.QueryEscape(t.topic)
	if t.channel != "" {
		path = "/channel/" + what + "?topic=" + url.QueryEscape(t.topic) + "&channel=" + url.QueryEscape(t.channel)
	}
	t.open = true
	t.told(about)
	t.c.Request(t.node, http.MethodPost, path, func(status int, _ []byte, err error) {
		t.open = false
		switch about.Answer, about.Err = Unanswered, err; {
		case err != nil:
		case status == http.StatusOK:
			about.Answer = Done
		case status == http.StatusNotFound:
			about.Answer, about.Err = Absent, errAbsent
		default:
			about.Err = fmt.Errorf("chaos: %s answers %s with status %d", t.node, path, status)
		}
		t.told(about)
		answered(about.Answer, about.Err)
	})
}

var errAbsent = errors.New("chaos: there is no such topic or channel")
