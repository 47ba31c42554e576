package client

import (
	"errors"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A Result is how far a command got.
type Result struct {
	Fate Fate
	Text string // the broker's words: its answer, or its error
}

// A Fate is a command's end.
type Fate int

// The fates. A client must never take Unknown for either of the others.
const (
	Done    Fate = iota // answered, or proved by the answer to a later command
	Refused             // it certainly did not happen: refused, or never sent
	Unknown             // it may have happened: the connection ended first, or the broker failed in the middle
)

var neverSent = Result{Refused, "never sent"}

// An entry is a command that was not yet answered or proved.
type entry struct {
	name   string
	silent bool // success has no answer
	id     wire.ID
	begin  uint64 // where it stands in all that was ever to be sent
	done   func(now time.Time, r Result)
}

// A queue is the commands whose fate is open, oldest first.
type queue struct {
	entries []entry
	head    int // the first that is open
}

func (q *queue) push(e entry) {
	if q.head > 32 && q.head > len(q.entries)/2 {
		n := copy(q.entries, q.entries[q.head:])
		clear(q.entries[n:])
		q.entries, q.head = q.entries[:n], 0
	}
	q.entries = append(q.entries, e)
}

// take moves the first entry that is meant to the end of dst, behind the silent ones before it, which it proves. What waits for an
// answer stays.
func (q *queue) take(dst []entry, meant func(*entry) bool) []entry {
	last := q.head
	for last < len(q.entries) && !meant(&q.entries[last]) {
		last++
	}
	if last == len(q.entries) {
		return dst
	}
	settled := func(i int) bool { return i == last || q.entries[i].silent }
	for i := q.head; i <= last; i++ {
		if settled(i) {
			dst = append(dst, q.entries[i])
		}
	}
	rest := last + 1
	for i := last; i >= q.head; i-- {
		if !settled(i) {
			rest--
			q.entries[rest] = q.entries[i]
		}
	}
	clear(q.entries[q.head:rest])
	if q.head = rest; rest == len(q.entries) {
		q.entries, q.head = q.entries[:0], 0
	}
	return dst
}

// all empties the queue.
func (q *queue) all() []entry {
	open := q.entries[q.head:]
	*q = queue{}
	return open
}

// answered settles the first command that waits for an answer, and proves the silent ones before it.
func (c *Conn) answered(now time.Time, text string) {
	c.settle(now, Result{Text: text}, (*entry).waits)
}

func (e *entry) waits() bool { return !e.silent }

// refused settles what an error is about. All errors but those of FIN, REQ and TOUCH end the connection.
func (c *Conn) refused(now time.Time, text string) error {
	code, rest, _ := strings.Cut(text, " ")
	switch code {
	case "E_FIN_FAILED", "E_REQ_FAILED", "E_TOUCH_FAILED":
		// Which of two equal commands it is about is not said. By taking the first, none is called done that is not proved.
		if words := strings.Fields(rest); len(words) > 1 { // FIN <id> failed …
			c.settle(now, Result{Refused, text}, func(e *entry) bool {
				return e.silent && e.name == words[0] && string(e.id[:]) == words[1]
			})
		}
		return nil
	case "E_BAD_TOPIC", "E_BAD_BODY", "E_BAD_MESSAGE", "E_BAD_CHANNEL", "E_SUB_FAILED":
		c.settle(now, Result{Refused, text}, (*entry).waits)
	}
	return errors.New(text)
}

// settle ends the first entry that is meant with r; the silent ones before it were carried out.
func (c *Conn) settle(now time.Time, r Result, meant func(*entry) bool) {
	c.mu.Lock()
	c.settled = c.open.take(c.settled[:0], meant)
	c.mu.Unlock()
	for i, e := range c.settled {
		switch {
		case e.done == nil:
		case i == len(c.settled)-1:
			e.done(now, r)
		default:
			e.done(now, Result{})
		}
	}
	clear(c.settled)
}

// Disconnect implements wire.Endpoint. Every command whose fate is open gets one: refused if it was never sent, else unknown.
func (c *Conn) Disconnect(now time.Time) {
	c.mu.Lock()
	c.gone, c.ended = true, now
	c.out = nil
	open, taken, failure := c.open.all(), c.taken, c.failure
	c.mu.Unlock()
	if c.handler.Closed != nil {
		c.handler.Closed(now, failure)
	}
	for _, e := range open {
		switch {
		case e.done == nil:
		case e.begin >= taken:
			e.done(now, neverSent)
		default:
			e.done(now, Result{Unknown, "the connection ended"})
		}
	}
}
