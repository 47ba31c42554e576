package lookup

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Found is who has a topic, as /lookup tells it.
type Found struct {
	Channels  []string   `json:"channels"`
	Producers []Producer `json:"producers"`
}

// Lookup gives the channels of a topic and the producers that are handed out: not those that are tombstoned or silent. ok
// is false if the topic is not known. index grows with each change of what Lookup gives.
func (r *Registry) Lookup(now time.Time, name string) (found Found, index uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics[name]
	if t == nil {
		return found, 0, false
	}
	found = Found{Channels: append([]string{}, t.names...), Producers: make([]Producer, 0, len(t.producers))}
	for _, g := range t.producers {
		if !r.hidden(now, g) && !r.silent(now, g.producer) {
			found.Producers = append(found.Producers, g.producer.Producer)
		}
	}
	return found, t.changed, true
}

// Topics gives the names of all topics, sorted.
func (r *Registry) Topics() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, slices.Sorted(maps.Keys(r.topics))...)
}

// Channels gives the names of a topic's channels, sorted; none if the topic is not known.
func (r *Registry) Channels(name string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.topics[name]; t != nil {
		return append([]string{}, t.names...)
	}
	return []string{}
}

// A Node is a producer with its topics, as /nodes tells it: Tombstones and Topics are parallel.
type Node struct {
	Producer
	Tombstones []bool   `json:"tombstones"`
	Topics     []string `json:"topics"`
}

// Nodes gives the producers that are not silent, in order of IDENTIFY.
func (r *Registry) Nodes(now time.Time) []Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	nodes := make([]Node, 0, len(r.producers))
	for _, p := range r.producers {
		if r.silent(now, p) {
			continue
		}
		n := Node{Producer: p.Producer, Tombstones: make([]bool, len(p.topics)), Topics: make([]string, len(p.topics))}
		for i, g := range p.topics {
			n.Tombstones[i], n.Topics[i] = r.hidden(now, g), g.topic.name
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// An Entry is a producer in one registration, as /debug tells it. Times are nanoseconds since the Unix epoch, and of the zero time what upstream has.
type Entry struct {
	ID               string `json:"id"`
	Hostname         string `json:"hostname"`
	BroadcastAddress string `json:"broadcast_address"`
	TCPPort          int    `json:"tcp_port"`
	HTTPPort         int    `json:"http_port"`
	Version          string `json:"version"`
	TopologyZone     string `json:"topology_zone"`
	TopologyRegion   string `json:"topology_region"`
	LastUpdate       int64  `json:"last_update"`
	Tombstoned       bool   `json:"tombstoned"`
	TombstonedAt     int64  `json:"tombstoned_at"`
}

// Entries gives all there is under category:key:subkey, but for what has no producer.
func (r *Registry) Entries() map[string][]Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string][]Entry{}
	add := func(key string, g *registration) {
		all[key] = append(all[key], entry(g))
	}
	for _, p := range r.producers {
		add("client::", &registration{producer: p})
	}
	for name, t := range r.topics {
		for _, g := range t.producers {
			add(fmt.Sprintf("topic:%s:", name), g)
		}
		for channelName, c := range t.channels {
			for _, p := range c.producers {
				add(fmt.Sprintf("channel:%s:%s", name, channelName), &registration{producer: p})
			}
		}
	}
	return all
}

func entry(g *registration) Entry {
	p := g.producer
	return Entry{
		ID: p.RemoteAddress, Hostname: p.Hostname, BroadcastAddress: p.BroadcastAddress, TCPPort: p.TCPPort, HTTPPort: p.HTTPPort,
		Version: p.Version, TopologyZone: p.TopologyZone, TopologyRegion: p.TopologyRegion,
		LastUpdate: p.heard.UnixNano(), Tombstoned: !g.tombstoned.IsZero(), TombstonedAt: g.tombstoned.UnixNano(),
	}
}

// Figures are how much there is.
type Figures struct {
	Topics        int
	Channels      int
	Registrations int // of producers, for topics and for channels
	Live          int // producers that are handed out for all their topics
	Silent        int // producers that are handed out for none, for their silence
	Tombstoned    int // the other producers: a tombstone hides them for some
	Watching      int // who wait for a change
}

// Figures counts.
func (r *Registry) Figures(now time.Time) Figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := Figures{Topics: len(r.topics), Watching: r.watching}
	for _, t := range r.topics {
		f.Channels += len(t.channels)
		f.Registrations += len(t.producers)
		for _, c := range t.channels {
			f.Registrations += len(c.producers)
		}
	}
	for _, p := range r.producers {
		switch {
		case r.silent(now, p):
			f.Silent++
		case r.fresh(now, p.tombstoned) && slices.ContainsFunc(p.topics, func(g *registration) bool { return r.hidden(now, g) }):
			f.Tombstoned++
		default:
			f.Live++
		}
	}
	return f
}
