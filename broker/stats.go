package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Stats are a snapshot of topics and clients, as /stats tells them.
type Stats struct {
	Topics    []TopicStats  // sorted by name
	Producers []ClientStats // those that have published, in order of connection
}

// TopicStats are of one topic. Depths are in messages.
type TopicStats struct {
	Name         string
	Channels     []ChannelStats // sorted by name
	Depth        int64          // of the topic's own queue: what has not been handed to the channels
	BackendDepth int64          // those of them that are on disk
	LostBytes    int64          // of its log, that could not be read since it was opened
	Messages     uint64
	MessageBytes uint64
	Paused       bool
	Latency      LatencyStats // of all channels in one; only of StatsAt
}

// ChannelStats are of one channel.
type ChannelStats struct {
	Name  string
	Depth int64 // waiting for a consumer

	BackendDepth int64 // those of them that are on disk

	InFlight int
	Deferred int
	Messages uint64 // handed over by the topic, the deferred included
	Requeues uint64
	Timeouts uint64
	Clients  []ClientStats
	Paused   bool

	LocalityCounts              // of what was sent, redeliveries included
	Delivery       Histogram    // of the time from publication, or from the end of its deferral, to a message's first delivery
	EndToEnd       Histogram    // of the time from publication to FIN, deferrals included
	Latency        LatencyStats // only of StatsAt
}

// ClientStats are of one client.
type ClientStats struct {
	ClientID       string
	Hostname       string
	UserAgent      string
	RemoteAddress  string
	State          int // 0 init, 3 subscribed, 4 closing
	Ready          int64
	InFlight       int64
	Messages       uint64 // sent to it
	Finished       uint64
	Requeued       uint64
	Connected      time.Time
	SampleRate     int32
	TopologyRegion string
	TopologyZone   string
	Published      []PubCount

	Authed          bool // an auth server lets it do something
	AuthIdentity    string
	AuthIdentityURL string

	LocalityCounts // of Messages: it is all in one of them

	Secure  bool          // in TLS
	TLS     wire.TLSState // if it is
	Snappy  bool
	Deflate bool
	Number  uint64 // of its connection, which no other has had
}

// PubCount is how many messages a client has published to a topic.
type PubCount struct {
	Topic string
	Count uint64
}

// Stats takes a snapshot, topic by topic. It tells no percentiles of latency.
func (b *Broker) Stats() Stats { return b.snapshot((*topic).stats) }

// StatsAt is Stats with the percentiles of the latency window that ends at now.
func (b *Broker) StatsAt(now time.Time) Stats {
	tick := b.tick(now)
	return b.snapshot(func(t *topic) TopicStats {
		st := t.stats()
		t.addLatency(tick, &st)
		return st
	})
}

// snapshot gathers what is told of each topic, and the producers.
func (b *Broker) snapshot(tell func(*topic) TopicStats) Stats {
	var st Stats
	for _, t := range b.all() {
		st.Topics = append(st.Topics, tell(t))
	}
	for _, s := range b.list() {
		if c := s.stats(); len(c.Published) > 0 {
			st.Producers = append(st.Producers, c)
		}
	}
	return st
}

// Health is OK, or NOK and what is wrong with the disk; what was lost on it in the past is told of behind OK.
func (b *Broker) Health() string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var lost []string
	for _, name := range b.names() {
		t := b.topics[name]
		t.mu.Lock()
		err := cmp.Or(t.failure, t.syncError)
		for _, c := range t.blind {
			err = cmp.Or(err, c.unread)
		}
		for _, r := range t.lost {
			lost = append(lost, fmt.Sprintf("%s from %d to %d", name, r.From, r.To))
		}
		t.mu.Unlock()
		if err != nil {
			return fmt.Sprintf("NOK - topic %s: %s", name, err)
		}
	}
	if len(lost) > 0 {
		return "OK, but offsets were lost: " + strings.Join(lost, ", ")
	}
	return "OK"
}

func (t *topic) stats() TopicStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := TopicStats{Name: t.name, Depth: t.waiting, BackendDepth: t.onDisk(t.waiting), Messages: t.messages, MessageBytes: t.bytes, Paused: t.paused}
	for _, r := range t.lost {
		st.LostBytes += int64(r.To - r.From)
	}
	if len(t.visible()) == 0 && t.keeper != nil {
		st.Depth += t.keeper.depth() // it waits for the first channel that is seen
	}
	for _, c := range t.visible() {
		st.Channels = append(st.Channels, c.stats(t.onDisk(c.behind)))
	}
	slices.SortFunc(st.Channels, func(a, b ChannelStats) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return st
}

// onDisk is how many of the last so many messages are written.
func (t *topic) onDisk(messages int64) int64 {
	if t.journal == nil {
		return 0
	}
	_, unwritten := t.log.Gathered()
	return max(messages-unwritten, 0)
}

func (c *channel) stats(onDisk int64) ChannelStats {
	st := ChannelStats{
		Name: c.name, Depth: c.depth(), BackendDepth: onDisk, InFlight: c.inFlight, Deferred: c.deferred,
		Messages: c.messages, Requeues: c.requeues, Timeouts: c.timeouts, Paused: c.paused, LocalityCounts: c.left,
		Delivery: c.delivery, EndToEnd: c.endToEnd,
	}
	for _, s := range c.consumers {
		client := s.identityStats()
		s.consumption(&client)
		st.add(s.locality, s.received)
		st.Clients = append(st.Clients, client)
	}
	return st
}

// stats are the whole of a client; no topic's lock may be held.
func (s *Session) stats() ClientStats {
	st := s.identityStats()
	s.mu.Lock()
	c := s.channel
	s.mu.Unlock()
	if c != nil {
		c.topic.mu.Lock()
		defer c.topic.mu.Unlock()
		s.consumption(&st)
	}
	return st
}

// identityStats are what a client is, and what it published.
func (s *Session) identityStats() ClientStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ClientStats{
		ClientID: s.client.ClientID, Hostname: s.client.Hostname, UserAgent: s.client.UserAgent,
		RemoteAddress: s.client.remote, State: int(s.client.state), Connected: s.client.connected,
		TopologyRegion: s.client.TopologyRegion, TopologyZone: s.client.TopologyZone,
		Published: slices.Clone(s.counts), Number: s.number,
		Authed: s.client.authed, AuthIdentity: s.client.authIdentity, AuthIdentityURL: s.client.authIdentityURL,
		Secure: s.client.secure, TLS: s.client.tls, Snappy: s.client.snappy, Deflate: s.client.deflate,
	}
}

// consumption adds what a client has consumed. Needs the lock of the channel's topic.
func (s *Session) consumption(st *ClientStats) {
	st.Ready, st.InFlight, st.Messages = s.ready, s.inFlight, s.received
	st.Finished, st.Requeued, st.SampleRate = s.finished, s.requeued, s.sampleRate
	st.add(s.locality, s.received)
}
