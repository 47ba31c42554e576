// Package broker is nsqd without sockets: topics, channels and the sessions that speak for clients.
//
// It is told the time and the bytes, and gives bytes and the next deadline. It has no goroutine, no clock and no
// I/O; it may exclude but never waits.
//
//	b, err := broker.Open(broker.DefaultOptions(host), store.OS{Dir: path}, wake)
//	s := b.Connect(now, addr, wakeWriter) // a wire.Endpoint
//	n, err := s.Receive(now, bytes)
//	out := s.Transmit(nil)
//
// A topic is one log, in which each message stands once; a channel is a cursor into it and the exceptions to that cursor.
//
// The law: locks are taken in the order Broker.mu, topic.mu, then one of Session.mu, Broker.sessionsMu or Broker.dueMu;
// never two topics at once. A session keeps a topic's lock over all commands of one read that need the same topic, and
// what they stirred up is delivered once, when the lock is given up. Nothing is waited for under a lock, and the wake functions
// are called outside of topic.mu, or must not mind.
package broker

import (
	"container/heap"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// What the broker's methods return when they refuse.
var (
	ErrTopicNotFound   = errors.New("topic not found")
	ErrChannelNotFound = errors.New("channel not found")
	ErrExiting         = errors.New("exiting")
)

// Why a session ends without having done wrong.
var (
	errChannelDeleted = errors.New("broker: the channel was deleted")
	errClosed         = errors.New("broker: closed")
)

// A Broker holds topics and hands their messages to sessions. Safe from any goroutine.
type Broker struct {
	opts Options
	wake func()

	mu      sync.RWMutex
	topics  map[string]*topic
	births  Offset // no log begins below
	exiting bool

	dueMu sync.Mutex
	due   dueTopics

	sessionsMu sync.Mutex
	sessions   map[uint64]*Session
	connected  uint64 // sessions so far
}

// Open makes a broker of what lies in fs, empty and in memory if that is nil. It calls wake, which must not block, when NextTimeout
// or NextSync may have become earlier.
func Open(opts Options, fs store.FS, wake func()) (*Broker, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return &Broker{opts: opts, wake: wake, topics: map[string]*topic{}, sessions: map[uint64]*Session{}}, nil
}

// Options gives what the broker was made with.
func (b *Broker) Options() Options { return b.opts }

// Warnings tells what was wrong with what lay in fs, a line each; nothing that could be kept was dropped.
func (b *Broker) Warnings() []string { return nil }

// NextSync is when Sync wants to be called; the zero time means never, a time gone by at once.
func (b *Broker) NextSync() time.Time { return time.Time{} }

// Sync makes what was written last through a power cut, tells those who wait for it, and tidies the folder. It takes as long as the disk takes, without a
// lock; two calls do not run at a time. Its error is for the log: who lost something by it was told.
func (b *Broker) Sync(now time.Time) error { return nil }

// Save writes and syncs all that is left, when the broker is closed and all sessions have ended.
func (b *Broker) Save(now time.Time) error { return nil }

// NextTimeout is when HandleTimeout wants to be called; the zero time means never.
func (b *Broker) NextTimeout() time.Time {
	b.dueMu.Lock()
	defer b.dueMu.Unlock()
	if len(b.due) == 0 {
		return time.Time{}
	}
	return b.due[0].due
}

// HandleTimeout queues again what was in flight for too long, and queues what was deferred until now. It visits only
// topics that asked for it.
func (b *Broker) HandleTimeout(now time.Time) {
	for {
		b.dueMu.Lock()
		if len(b.due) == 0 || b.due[0].due.After(now) {
			b.dueMu.Unlock()
			return
		}
		t := heap.Pop(&b.due).(*topic)
		b.dueMu.Unlock()

		t.mu.Lock()
		t.scheduled = time.Time{}
		if !t.deleted {
			t.expire(now)
		}
		t.unlock(now, nil)
	}
}

// schedule has HandleTimeout visit t when due has come.
func (b *Broker) schedule(t *topic, due time.Time) {
	b.dueMu.Lock()
	defer b.dueMu.Unlock()
	t.due = due
	if t.index < 0 {
		heap.Push(&b.due, t)
	} else {
		heap.Fix(&b.due, t.index)
	}
	if b.due[0] == t {
		b.wake()
	}
}

// unschedule calls off the visit to a topic that is gone.
func (b *Broker) unschedule(t *topic) {
	b.dueMu.Lock()
	defer b.dueMu.Unlock()
	if t.index >= 0 {
		heap.Remove(&b.due, t.index)
	}
}

// Close ends all sessions; publishing fails from now on, and no timer fires.
func (b *Broker) Close(now time.Time) {
	b.mu.Lock()
	b.exiting = true
	for _, name := range b.names() {
		t := b.topics[name]
		t.mu.Lock()
		t.deleted = true
		t.unlock(now, nil)
		b.unschedule(t)
	}
	b.mu.Unlock()
	for _, s := range b.list() {
		s.doom(errClosed)
		s.wake()
	}
}

// names lists the topics in order. Needs b.mu.
func (b *Broker) names() []string { return slices.Sorted(maps.Keys(b.topics)) }

// list gives the sessions in order of connection.
func (b *Broker) list() []*Session {
	b.sessionsMu.Lock()
	defer b.sessionsMu.Unlock()
	all := make([]*Session, 0, len(b.sessions))
	for _, n := range slices.Sorted(maps.Keys(b.sessions)) {
		all = append(all, b.sessions[n])
	}
	return all
}

// lock finds a topic that stands and locks it; nil if there is none, or if the broker closes.
func (b *Broker) lock(name string) *topic {
	for {
		b.mu.RLock()
		t, exiting := b.topics[name], b.exiting
		b.mu.RUnlock()
		if t == nil || exiting {
			return nil
		}
		t.mu.Lock()
		if !t.deleted {
			return t
		}
		t.mu.Unlock()
	}
}

// open finds a topic, or makes it, and locks it.
func (b *Broker) open(now time.Time, name string) (*topic, error) {
	for {
		if t := b.lock(name); t != nil {
			return t, nil
		}
		b.mu.Lock()
		if b.exiting {
			b.mu.Unlock()
			return nil, ErrExiting
		}
		if b.topics[name] == nil {
			first := max(b.births, Offset(now.UnixMicro()))
			b.topics[name] = &topic{broker: b, name: name, log: newLog(now, first), index: -1}
		}
		b.mu.Unlock()
	}
}

// discard takes a topic out, with all it holds. Needs b.mu and t.mu.
func (b *Broker) discard(t *topic) {
	for len(t.channels) > 0 {
		t.remove(t.channels[0])
	}
	t.log.forget()
	t.deleted = true
	b.births = max(b.births, t.log.next)
	delete(b.topics, t.name)
	b.unschedule(t)
}

// depart takes a consumer out of its channel; an ephemeral channel goes with its last consumer, and an ephemeral topic
// with its last channel.
func (b *Broker) depart(now time.Time, s *Session) {
	c := s.channel
	t := c.topic
	b.mu.Lock()
	defer b.mu.Unlock()
	t.mu.Lock()
	defer t.unlock(now, s)
	c.leave(s)
	if wire.IsEphemeral(c.name) && len(c.consumers) == 0 && !c.deleted && !t.deleted {
		t.remove(c)
		if wire.IsEphemeral(t.name) && len(t.channels) == 0 {
			b.discard(t)
		}
	}
}

// messageID makes a message's id: the node's ten bits, then the offset's 54, as sixteen digits. It is unique in a topic and
// on a node, also after a restart.
func (b *Broker) messageID(o Offset) (id wire.ID) {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(b.opts.NodeID)<<54|uint64(o)&(1<<54-1))
	hex.Encode(id[:], raw[:])
	return id
}

// parseID finds the offset in an id, which is not ok if it is not one of this node's.
func (b *Broker) parseID(id []byte) (o Offset, ok bool) {
	var n uint64
	for _, digit := range id {
		switch {
		case '0' <= digit && digit <= '9':
			n = n<<4 | uint64(digit-'0')
		case 'a' <= digit && digit <= 'f':
			n = n<<4 | uint64(digit-'a'+10)
		default:
			return 0, false
		}
	}
	return Offset(n & (1<<54 - 1)), n>>54 == uint64(b.opts.NodeID)
}

// dueTopics are the topics that have timers, the first due at the root.
type dueTopics []*topic

func (h dueTopics) Len() int           { return len(h) }
func (h dueTopics) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueTopics) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *dueTopics) Push(x any) {
	t := x.(*topic)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *dueTopics) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = -1
	return t
}
