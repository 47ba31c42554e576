package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A book is what the operations so far say of the moment: the faults that are on, and where messages are. Of a broker it knows no more than
// the clients do.
type book struct {
	faults   []history.Op // that are on, as they were inflicted
	timeouts map[uint64]time.Duration
	held     map[place]*delivery
	deferred map[place]time.Duration // until when
	prune    int                     // of deferred, at which size
}

// A place is a message in a channel of a node; in its topic, if channel is empty: then it is deferred in all channels.
type place struct {
	node, topic, channel string
	msg                  uint64
}

// A delivery is a message that a consumer has.
type delivery struct {
	by      string
	conn    uint64
	attempt uint16
	since   time.Duration
	due     time.Duration // when it times out, as its consumer sees it
	said    string        // FIN or REQ, that is not proved
}

// pruneFrom is how many deferred messages a book has at least before it looks for those whose time has come.
const pruneFrom = 1000

func newBook() *book {
	return &book{timeouts: map[uint64]time.Duration{}, held: map[place]*delivery{}, deferred: map[place]time.Duration{}, prune: pruneFrom}
}

// observe takes in an operation.
func (b *book) observe(op history.Op) {
	if op.Process == history.Nemesis {
		b.fault(op)
		return
	}
	at := place{op.Node, op.Topic, op.Channel, op.Msg}
	switch op.F {
	case history.Publish:
		switch {
		case op.Type == history.Invoke && op.After > 0:
			b.postpone(at, op.Time, op.After)
		case op.Type == history.Fail:
			delete(b.deferred, at)
		}
	case history.Subscribe:
		b.timeouts[op.Conn] = op.After
	case history.Deliver:
		if op.Type == history.OK && op.Msg != 0 {
			delete(b.deferred, at)
			b.held[at] = &delivery{by: op.Process, conn: op.Conn, attempt: op.Attempt, since: op.Time, due: op.Time + b.timeouts[op.Conn]}
		}
	case history.Finish, history.Requeue, history.Touch:
		b.answer(at, op)
	case history.Disconnect:
		delete(b.timeouts, op.Conn)
		maps.DeleteFunc(b.held, func(_ place, d *delivery) bool { return d.conn == op.Conn })
	}
}

// fault takes in what a fault has come to.
func (b *book) fault(op history.Op) {
	same := func(f history.Op) bool { return f.F == op.F && f.Note == op.Note }
	switch op.Type {
	case history.Info:
		b.faults = append(b.faults, op)
	case history.OK, history.Fail:
		if i := slices.IndexFunc(b.faults, same); i >= 0 {
			b.faults = slices.Delete(b.faults, i, i+1)
		}
	}
}

// answer takes in what a consumer says of a message that it has.
func (b *book) answer(at place, op history.Op) {
	d := b.held[at]
	if d == nil || d.conn != op.Conn || d.attempt != op.Attempt {
		return
	}
	switch {
	case op.F == history.Touch:
		if op.Type == history.Info {
			d.due = op.Time + b.timeouts[op.Conn]
		}
	case op.Type != history.Info: // proved, or refused
		delete(b.held, at)
	default:
		d.said = strings.ToUpper(op.F)
		if op.F == history.Requeue && op.After > 0 {
			b.postpone(at, op.Time, op.After)
		}
	}
}

// postpone notes a message as deferred. Of most that were, nobody says that they are not any more.
func (b *book) postpone(at place, now, by time.Duration) {
	b.deferred[at] = now + by
	if len(b.deferred) >= b.prune {
		maps.DeleteFunc(b.deferred, func(_ place, until time.Duration) bool { return until <= now })
		b.prune = max(pruneFrom, 2*len(b.deferred))
	}
}

// inFlight lists what consumers have of a channel, in words, in order of the messages: what they work on, and what they have
// said FIN or REQ of without a proof.
func (b *book) inFlight(node, topic, channel string, now time.Duration) (open, said []string) {
	for _, at := range sorted(b.held) {
		if at.node != node || at.topic != topic || at.channel != channel {
			continue
		}
		d := b.held[at]
		if d.said != "" {
			said = append(said, d.said+" "+history.MsgString(at.msg))
			continue
		}
		words := fmt.Sprintf("%s at %s for %s", history.MsgString(at.msg), d.by, short(now-d.since))
		if d.attempt > 1 {
			words += fmt.Sprintf(", attempt %d", d.attempt)
		}
		if d.due <= now {
			words += fmt.Sprintf(", its timeout over for %s", short(now-d.due))
		}
		open = append(open, words)
	}
	return open, said
}

// waiting lists what is deferred in a channel, in words, in order of the messages.
func (b *book) waiting(node, topic, channel string, now time.Duration) (all []string) {
	for _, at := range sorted(b.deferred) {
		if at.node == node && at.topic == topic && (at.channel == channel || at.channel == "") && b.deferred[at] > now {
			all = append(all, fmt.Sprintf("%s until %s", history.MsgString(at.msg), moment(b.deferred[at])))
		}
	}
	return all
}

// sorted gives a map's places in order of their messages.
func sorted[V any](m map[place]V) []place {
	return slices.SortedFunc(maps.Keys(m), func(a, b place) int {
		switch {
		case a.msg != b.msg:
			return int(min(max(int64(a.msg)-int64(b.msg), -1), 1))
		case a.node != b.node:
			return strings.Compare(a.node, b.node)
		}
		return strings.Compare(a.topic+"/"+a.channel, b.topic+"/"+b.channel)
	})
}

// short is a duration to the microsecond, or to the millisecond if it is long.
func short(d time.Duration) string {
	if d >= time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}
