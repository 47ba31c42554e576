// Package broker is nsqd without sockets: topics, channels and the sessions that speak for clients.
//
// It is told the time and the bytes, and gives bytes and the next deadline. It has no goroutine, no clock and no
// I/O; it may exclude but never waits.
//
//	b, err := broker.Open(now, broker.DefaultOptions(host), store.OS{Dir: path}, wake)
//	s := b.Connect(now, addr, wakeWriter) // a wire.Endpoint
//	n, err := s.Receive(now, bytes)
//	out := s.Transmit(nil)
//
// A topic is one log, in which each message stands once; a channel is a cursor into it and the exceptions to that cursor.
//
// The law: locks are taken in the order Broker.mu, topic.mu, then one of Session.mu, Broker.sessionsMu, Broker.dueMu or Broker.syncMu;
// never two topics at once. A session keeps a topic's lock over all commands of one read that need the same topic, and
// what they stirred up is delivered once, when the lock is given up. Nothing is waited for under a lock, and the wake functions
// are called outside of topic.mu, or must not mind.
package broker

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// What the broker's methods return when they refuse.
var (
	ErrTopicNotFound   = errors.New("topic not found")
	ErrChannelNotFound = errors.New("channel not found")
	ErrExiting         = errors.New("exiting")
	ErrDraining        = errors.New("draining")
)

// Why a session ends without having done wrong.
var (
	errChannelDeleted = errors.New("broker: the channel was deleted")
	errClosed         = errors.New("broker: closed")
	errLost           = errors.New("broker: a message is lost")
)

// A Broker holds topics and hands their messages to sessions. Safe from any goroutine.
type Broker struct {
	opts  Options
	fs    store.FS // nil: none
	wake  func()
	began time.Time // all ticks are nanoseconds since

	mu       sync.RWMutex
	topics   map[string]*topic
	births   store.Offset // no log begins below
	exiting  bool
	draining bool // as all topics
	warnings []string
	graves   []string // files of deleted topics

	dueMu sync.Mutex
	due   agenda // topics with timers

	syncing     sync.Mutex // held by Sync
	syncMu      sync.Mutex
	dirty       agenda        // topics to be synced
	metaDue     int64         // when the metadata is to be written
	metaWaiters []func(error) // who wait for that
	metaRested  int64         // before which it is not written again

	discover     bool          // topics that are made wait to be told of their channels; guarded by mu
	undiscovered atomic.Int64  // how many do
	renames      atomic.Uint64 // of topics and channels

	reserved atomic.Int64 // offset below which no later life begins a topic

	sessionsMu sync.Mutex
	sessions   map[uint64]*Session
	connected  uint64 // sessions so far
}

// Open makes a broker of what lies in fs, empty and in memory if that is nil. It calls wake, which must not block, when NextTimeout
// or NextSync may have become earlier.
func Open(now time.Time, opts Options, fs store.FS, wake func()) (*Broker, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	b := &Broker{
		opts: opts, fs: fs, wake: wake, began: now, metaDue: never,
		discover: opts.Discover, topics: map[string]*topic{}, sessions: map[uint64]*Session{},
		due:   agenda{entry: func(t *topic) *appointment { return &t.visit }},
		dirty: agenda{entry: func(t *topic) *appointment { return &t.syncing }},
	}
	if fs != nil {
		if err := b.load(now); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
	}
	return b, nil
}

// Warnings tells what was wrong with what lay in fs, a line each; nothing that could be kept was dropped.
func (b *Broker) Warnings() []string { return b.warnings }

func (b *Broker) warn(format string, args ...any) {
	b.warnings = append(b.warnings, fmt.Sprintf(format, args...))
}

// tick is the time since the broker began, in nanoseconds. No clock that is set moves it.
func (b *Broker) tick(now time.Time) int64 { return int64(now.Sub(b.began)) }

// time is the opposite of tick; of never it is the zero time.
func (b *Broker) time(tick int64) time.Time {
	if tick == never {
		return time.Time{}
	}
	return b.began.Add(time.Duration(tick))
}

// Options gives what the broker was made with.
func (b *Broker) Options() Options { return b.opts }

// NextTimeout is when HandleTimeout wants to be called; the zero time means never.
func (b *Broker) NextTimeout() time.Time {
	b.dueMu.Lock()
	defer b.dueMu.Unlock()
	return b.time(b.due.next())
}

// maxExpired is how many waits a call of HandleTimeout ends.
const maxExpired = 1024

// HandleTimeout queues again what was in flight for too long, and queues what was deferred until now. It visits only
// topics that asked for it. If that is too much for one call it does a part, and NextTimeout gives a time gone by.
func (b *Broker) HandleTimeout(now time.Time) {
	tick := b.tick(now)
	for left := maxExpired; left > 0; left-- {
		b.dueMu.Lock()
		t := b.due.take(tick)
		b.dueMu.Unlock()
		if t == nil {
			return
		}
		t.mu.Lock()
		t.scheduled, t.soonest = never, never
		if !t.deleted {
			left -= t.expire(now, left)
		}
		t.unlock(now, nil)
	}
}

// schedule has HandleTimeout visit t when due has come.
func (b *Broker) schedule(t *topic, due int64) {
	b.dueMu.Lock()
	defer b.dueMu.Unlock()
	if b.due.set(t, due) {
		b.wake()
	}
}

// unschedule calls off the visit to a topic that is gone.
func (b *Broker) unschedule(t *topic) {
	b.dueMu.Lock()
	defer b.dueMu.Unlock()
	b.due.drop(t)
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

// all gives the topics in order of their names.
func (b *Broker) all() []*topic {
	b.mu.RLock()
	defer b.mu.RUnlock()
	topics := make([]*topic, 0, len(b.topics))
	for _, name := range b.names() {
		topics = append(topics, b.topics[name])
	}
	return topics
}

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
		if b.topics[name] == nil && b.draining {
			b.mu.Unlock()
			return nil, ErrDraining
		}
		if b.topics[name] == nil {
			if err := b.create(now, name); err != nil {
				b.mu.Unlock()
				return nil, err
			}
		}
		b.mu.Unlock()
	}
}

// create makes a topic. Needs b.mu.
func (b *Broker) create(now time.Time, name string) (err error) {
	first := max(b.births, store.Offset(now.UnixMicro()))
	var j *store.Journal
	if b.fs != nil && !wire.IsEphemeral(name) {
		j = store.NewJournal(b.fs, name, uint64(first))
	}
	t := b.newTopic(name, j, first)
	fs, opts := b.fs, b.logOptions()
	if j == nil {
		fs, opts = store.NewMemory(), volatile
	}
	if t.log, _, err = store.Open(fs, name, nil, store.Past{First: first, Synced: first}, opts, nil, nil); err != nil {
		return err
	}
	b.topics[name] = t
	if j != nil {
		t.failure = t.snapshot(now) // if it fails it is tried again before anything is published
		t.wantSync(now)
		b.changed(t)
	}
	if b.discover {
		t.undiscover()
	}
	b.renamed()
	return nil
}

// newTopic makes a topic without a log. j is nil if nothing of it is to be kept.
func (b *Broker) newTopic(name string, j *store.Journal, first store.Offset) *topic {
	t := &topic{
		broker: b, name: name, journal: j, first: first, handed: first, durability: b.opts.durability(name),
		large: journalSize, scheduled: never, soonest: never, leftover: never, visit: appointment{never, -1}, syncing: appointment{never, -1},
	}
	return t
}

// logOptions are those of a log on the disk; volatile are those of one that ends with the process.
func (b *Broker) logOptions() store.Options {
	return store.Options{SegmentBytes: b.opts.MaxBytesPerFile}
}

var volatile = store.Options{SegmentBytes: 64 << 10, Volatile: true}

// discard takes a topic out, with all it holds. Needs b.mu and t.mu.
func (b *Broker) discard(now time.Time, t *topic) {
	for len(t.channels) > 0 {
		t.remove(t.channels[0])
	}
	t.empty()
	t.deleted, t.gone = true, true
	b.births = max(b.births, t.log.End()) + 1
	if t.journal != nil {
		b.births = max(b.births, store.Offset(t.journal.Number())+1)
		t.note(store.Entry{Op: store.Deleted, ID: t.log.End()})
		t.urgent = true
		t.record(now)
		b.graves = append(append(b.graves, t.log.Files()...), t.journal.Files()...)
		t.suffer(errors.Join(t.log.Close(), t.journal.Close()))
		b.changed(t)
	}
	delete(b.topics, t.name)
	b.unschedule(t)
	t.discovered()
	b.renamed()
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
	c.leave(now, s)
	if wire.IsEphemeral(c.name) && len(c.consumers) == 0 && !c.deleted && !t.deleted {
		t.remove(c)
		if wire.IsEphemeral(t.name) && len(t.channels) == 0 {
			b.discard(now, t)
		}
	}
}

// messageID makes a message's id: the node's ten bits, then the offset's 54, as sixteen digits. It is unique in a topic and
// on a node, also after a restart.
func (b *Broker) messageID(o store.Offset) (id wire.ID) {
	n := uint64(b.opts.NodeID)<<54 | uint64(o)&(1<<54-1)
	for i := 0; i < len(id); i += 2 {
		pair := &pairs[n>>56]
		id[i], id[i+1] = pair[0], pair[1]
		n <<= 8
	}
	return id
}

// parseID finds the offset in an id, which is not ok if it is not one of this node's.
func (b *Broker) parseID(id []byte) (o store.Offset, ok bool) {
	var n uint64
	var wrong byte
	for _, c := range id {
		digit := digits[c]
		wrong |= digit
		n = n<<4 | uint64(digit)
	}
	return store.Offset(n & (1<<54 - 1)), wrong < 16 && n>>54 == uint64(b.opts.NodeID)
}

// pairs are what bytes look like in an id.
var pairs = func() (all [256][2]byte) {
	for i := range all {
		hex.Encode(all[i][:], []byte{byte(i)})
	}
	return all
}()

// digits are what characters mean in an id; those above 15 mean nothing.
var digits = func() (all [256]byte) {
	for i := range all {
		all[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		all[c] = byte(i)
	}
	return all
}()
