// Package lookup is nsqlookupd without sockets, and nsqd's end of the talk with it.
//
//	r := lookup.NewRegistry(lookup.DefaultOptions())
//	s := r.Connect(now, addr, wake) // a wire.Endpoint that speaks V1 for one nsqd
//	found, ok := r.Lookup(now, "orders")
//
//	a := lookup.NewAgent(identity, wake) // nsqd's end, for one nsqlookupd
//	a.Want(names)                        // what is to be registered there
//
// A Registry knows which producer (an nsqd) has which topics and channels, and remembers topics and channels that nobody has
// any more, unless they are #ephemeral. It is told the time, and has no goroutine, no clock and no I/O.
//
// The law: one lock, Registry.mu, guards all that is registered; a session has one of its own for what it sends, taken last.
package lookup

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Options are a Registry's settings, under upstream's names.
type Options struct {
	InactiveProducerTimeout time.Duration // a producer that was silent for so long is not handed out
	TombstoneLifetime       time.Duration // how long a tombstone hides a producer
	Identity                Identity      // what IDENTIFY is answered
}

// DefaultOptions are upstream's defaults.
func DefaultOptions() Options {
	return Options{InactiveProducerTimeout: 5 * time.Minute, TombstoneLifetime: 45 * time.Second}
}

// Identity is what nsqlookupd tells of itself, its keys in upstream's order.
type Identity struct {
	BroadcastAddress string `json:"broadcast_address"`
	Hostname         string `json:"hostname"`
	HTTPPort         int    `json:"http_port"`
	TCPPort          int    `json:"tcp_port"`
	Version          string `json:"version"`
}

// A Producer is an nsqd as it tells of itself, its keys in upstream's order. RemoteAddress is its name: one connection is one producer.
type Producer struct {
	RemoteAddress    string `json:"remote_address"`
	Hostname         string `json:"hostname"`
	BroadcastAddress string `json:"broadcast_address"`
	TCPPort          int    `json:"tcp_port"`
	HTTPPort         int    `json:"http_port"`
	Version          string `json:"version"`
	TopologyZone     string `json:"topology_zone"`
	TopologyRegion   string `json:"topology_region"`
}

// A Registry is who has what. Safe from any goroutine.
type Registry struct {
	opts Options

	mu        sync.Mutex
	topics    map[string]*topic
	producers []*producer           // in order of IDENTIFY
	count     uint64                // producers so far
	changes   uint64                // of what Lookup and Names tell, so far
	edits     uint64                // of what Save gives, so far
	watchers  map[string][]*watcher // by topic
	watching  int                   // how many they are
}

// A topic is what is known under its name. Guarded by Registry.mu, as all below.
type topic struct {
	name      string
	producers []*registration // in order of their numbers
	channels  map[string]*channel
	names     []string // of channels, sorted
	changed   uint64   // Registry.changes when it changed last
}

type channel struct {
	producers []*producer // in order of their numbers
}

// A registration is a producer of a topic.
type registration struct {
	topic      *topic
	producer   *producer
	tombstoned time.Time // zero: it is not
}

// A producer is an nsqd that has said who it is.
type producer struct {
	Producer
	number     uint64
	heard      time.Time
	remembered bool            // it was loaded, and has no session
	gone       bool            // it is forgotten
	topics     []*registration // in order of the topics' names
	tombstoned time.Time       // when one of them was last; zero: none was
}

// NewRegistry makes one that knows nothing.
func NewRegistry(opts Options) *Registry {
	return &Registry{opts: opts, topics: map[string]*topic{}, watchers: map[string][]*watcher{}}
}

// identify takes up a producer.
func (r *Registry) identify(now time.Time, id Producer) *producer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.supersede(now, id)
	return r.newProducer(now, id)
}

// newProducer adds a producer. Needs r.mu.
func (r *Registry) newProducer(heard time.Time, id Producer) *producer {
	r.count++
	r.edits++
	p := &producer{Producer: id, number: r.count, heard: heard}
	r.producers = append(r.producers, p)
	return p
}

// ping notes that a producer lives.
func (r *Registry) ping(now time.Time, p *producer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silent(now, p) {
		for _, g := range p.topics {
			r.touch(g.topic) // it is handed out again
		}
	}
	p.heard = now
}

// register notes that a producer has a topic and, unless it is "", a channel of it. What is tombstoned stays so.
func (r *Registry) register(p *producer, name, channelName string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.openTopic(name)
	r.join(t, p)
	if channelName != "" {
		r.joinChannel(r.openChannel(t, channelName), p)
	}
}

// join adds a producer to a topic, and gives its registration. Needs r.mu.
func (r *Registry) join(t *topic, p *producer) *registration {
	i, found := t.find(p)
	if !found {
		g := &registration{topic: t, producer: p}
		t.producers = slices.Insert(t.producers, i, g)
		at, _ := p.find(t.name)
		p.topics = slices.Insert(p.topics, at, g)
		r.touch(t)
	}
	return t.producers[i]
}

// joinChannel adds a producer to a channel. Needs r.mu.
func (r *Registry) joinChannel(c *channel, p *producer) {
	if i, found := c.find(p); !found {
		c.producers = slices.Insert(c.producers, i, p)
		r.edits++
	}
}

// unregister takes a producer's channel away or, if that is "", all it has of the topic. What is #ephemeral goes with its last producer.
func (r *Registry) unregister(p *producer, name, channelName string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics[name]
	if t == nil {
		return
	}
	if channelName != "" {
		r.leaveChannel(t, channelName, p, true)
		return
	}
	for _, c := range slices.Clone(t.names) {
		r.leaveChannel(t, c, p, true)
	}
	r.leaveTopic(t, p)
	if len(t.producers) == 0 && wire.IsEphemeral(name) {
		r.drop(t)
	}
}

// disconnect takes a producer out of everything. The keys stay, as in nsqlookupd.
func (r *Registry) disconnect(p *producer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(p)
}

// forget is disconnect. Needs r.mu.
func (r *Registry) forget(p *producer) {
	for _, g := range slices.Clone(p.topics) {
		for _, c := range g.topic.names {
			r.leaveChannel(g.topic, c, p, false)
		}
		r.leaveTopic(g.topic, p)
	}
	p.gone = true
	r.edits++
	r.producers = slices.DeleteFunc(r.producers, func(other *producer) bool { return other == p })
}

// leaveChannel takes a producer out of a channel. Needs r.mu.
func (r *Registry) leaveChannel(t *topic, name string, p *producer, ends bool) {
	c := t.channels[name]
	if c == nil {
		return
	}
	if i, found := c.find(p); found {
		c.producers = slices.Delete(c.producers, i, i+1)
		r.edits++
	}
	if ends && len(c.producers) == 0 && wire.IsEphemeral(name) {
		r.dropChannel(t, name)
	}
}

// dropChannel forgets a channel. Needs r.mu.
func (r *Registry) dropChannel(t *topic, name string) {
	delete(t.channels, name)
	i, _ := slices.BinarySearch(t.names, name)
	t.names = slices.Delete(t.names, i, i+1)
	r.touch(t)
}

// leaveTopic takes a producer out of a topic, but not out of its channels. Needs r.mu.
func (r *Registry) leaveTopic(t *topic, p *producer) {
	if i, found := t.find(p); found {
		t.producers = slices.Delete(t.producers, i, i+1)
		p.leave(t)
		r.touch(t)
	}
}

// leave forgets that the producer has a topic. Needs Registry.mu.
func (p *producer) leave(t *topic) {
	if i, found := p.find(t.name); found {
		p.topics = slices.Delete(p.topics, i, i+1)
	}
}

// drop forgets a topic. Needs r.mu.
func (r *Registry) drop(t *topic) {
	for _, g := range t.producers {
		g.producer.leave(t)
	}
	delete(r.topics, t.name)
	r.touch(t)
}

// CreateTopic notes that there is a topic, without a producer.
func (r *Registry) CreateTopic(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.openTopic(name)
}

// CreateChannel notes that there is a channel, and its topic.
func (r *Registry) CreateChannel(topicName, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.openChannel(r.openTopic(topicName), name)
}

// DeleteTopic forgets a topic, with its channels and who has them.
func (r *Registry) DeleteTopic(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.topics[name]; t != nil {
		r.drop(t)
	}
}

// DeleteChannel forgets a channel, and says whether it was known.
func (r *Registry) DeleteChannel(topicName, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics[topicName]
	if t == nil || t.channels[name] == nil {
		return false
	}
	r.dropChannel(t, name)
	return true
}

// Tombstone hides the producers of a topic at a node, broadcast_address:http_port, until the tombstone's life is over.
func (r *Registry) Tombstone(now time.Time, name, node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics[name]
	if t == nil {
		return
	}
	for _, g := range t.producers {
		if g.producer.node() == node {
			g.tombstone(now)
			r.touch(t)
		}
	}
}

// tombstone hides it from then on. Needs Registry.mu.
func (g *registration) tombstone(at time.Time) {
	g.tombstoned = at
	if at.After(g.producer.tombstoned) {
		g.producer.tombstoned = at
	}
}

// openTopic finds a topic, or makes it. Needs r.mu.
func (r *Registry) openTopic(name string) *topic {
	t := r.topics[name]
	if t == nil {
		t = &topic{name: name, channels: map[string]*channel{}}
		r.topics[name] = t
		r.touch(t)
	}
	return t
}

// openChannel finds a channel, or makes it. Needs r.mu.
func (r *Registry) openChannel(t *topic, name string) *channel {
	c := t.channels[name]
	if c == nil {
		c = &channel{}
		t.channels[name] = c
		i, _ := slices.BinarySearch(t.names, name)
		t.names = slices.Insert(t.names, i, name)
		r.touch(t)
	}
	return c
}

// find gives the place of a producer among the topic's, or where it would stand.
func (t *topic) find(p *producer) (int, bool) {
	return slices.BinarySearchFunc(t.producers, p.number, func(g *registration, n uint64) int { return cmp.Compare(g.producer.number, n) })
}

// find gives the place of a topic among the producer's, or where it would stand.
func (p *producer) find(name string) (int, bool) {
	return slices.BinarySearchFunc(p.topics, name, func(g *registration, name string) int { return cmp.Compare(g.topic.name, name) })
}

func (c *channel) find(p *producer) (int, bool) {
	return slices.BinarySearchFunc(c.producers, p.number, func(q *producer, n uint64) int { return cmp.Compare(q.number, n) })
}

// hidden says whether a registration is not handed out for its tombstone.
func (r *Registry) hidden(now time.Time, g *registration) bool {
	return r.fresh(now, g.tombstoned)
}

// fresh says whether a tombstone of then still hides.
func (r *Registry) fresh(now, then time.Time) bool {
	return !then.IsZero() && now.Sub(then) < r.opts.TombstoneLifetime
}

// silent says whether a producer is not handed out for its silence.
func (r *Registry) silent(now time.Time, p *producer) bool {
	return now.Sub(p.heard) > r.opts.InactiveProducerTimeout
}

// node is how an operator names a producer.
func (p *producer) node() string { return fmt.Sprintf("%s:%d", p.BroadcastAddress, p.HTTPPort) }
