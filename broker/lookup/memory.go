package lookup

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// rememberTime is how long a producer that was loaded is handed out though it has not come back: nsqd tries every 15 s.
const rememberTime = time.Minute

// saved is what Save writes.
type saved struct {
	Producers []savedProducer `json:"producers"`
	Topics    []savedTopic    `json:"topics"`
}

type savedProducer struct {
	Producer
	Topics []savedTopic `json:"topics"`
}

type savedTopic struct {
	Name       string   `json:"name"`
	Channels   []string `json:"channels"`
	Tombstoned int64    `json:"tombstoned_at,omitempty"` // ns since the Unix epoch
}

// Changes grows with each change of what Save would write but for who was heard when.
func (r *Registry) Changes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// Save gives all that is registered, as JSON for Load.
func (r *Registry) Save() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := saved{Producers: []savedProducer{}, Topics: []savedTopic{}}
	for _, name := range slices.Sorted(maps.Keys(r.topics)) {
		s.Topics = append(s.Topics, savedTopic{Name: name, Channels: r.topics[name].channelNames()})
	}
	for _, p := range r.producers {
		sp := savedProducer{Producer: p.Producer}
		for _, name := range slices.Sorted(maps.Keys(p.topics)) {
			sp.Topics = append(sp.Topics, r.saveTopic(p, r.topics[name]))
		}
		s.Producers = append(s.Producers, sp)
	}
	return json.Marshal(s)
}

// saveTopic is what is saved of a topic for one of its producers.
func (r *Registry) saveTopic(p *producer, t *topic) savedTopic {
	s := savedTopic{Name: t.name}
	i, _ := t.find(p)
	if at := t.producers[i].tombstoned; !at.IsZero() {
		s.Tombstoned = at.UnixNano()
	}
	for _, name := range t.channelNames() {
		if _, found := t.channels[name].find(p); found {
			s.Channels = append(s.Channels, name)
		}
	}
	return s
}

// Load takes up what Save gave, into a registry that knows nothing. Producers are handed out for a minute, in which each that comes back takes the
// place of what was loaded of it. Names that are not valid are left out.
func (r *Registry) Load(now time.Time, p []byte) error {
	var s saved
	if err := json.Unmarshal(p, &s); err != nil {
		return fmt.Errorf("lookup: saved registrations: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range s.Topics {
		r.loadTopic(t, nil)
	}
	for _, sp := range s.Producers {
		if sp.BroadcastAddress == "" || sp.TCPPort == 0 {
			continue
		}
		p := r.newProducer(now.Add(rememberTime-r.opts.InactiveProducerTimeout), sp.Producer)
		p.remembered = true
		for _, t := range sp.Topics {
			r.loadTopic(t, p)
		}
	}
	return nil
}

// loadTopic takes up a topic and, unless p is nil, that p has it. Needs r.mu.
func (r *Registry) loadTopic(s savedTopic, p *producer) {
	if !wire.ValidName(s.Name) {
		return
	}
	t := r.openTopic(s.Name)
	if p != nil {
		r.join(t, p)
		if i, _ := t.find(p); s.Tombstoned != 0 {
			t.producers[i].tombstoned = time.Unix(0, s.Tombstoned)
		}
	}
	for _, name := range s.Channels {
		if !wire.ValidName(name) {
			continue
		}
		if c := r.openChannel(t, name); p != nil {
			c.join(p)
		}
	}
}

// supersede forgets what was loaded of a producer that has come back, and of those that have not come back in time. Needs r.mu.
func (r *Registry) supersede(now time.Time, back Producer) {
	for _, p := range slices.Clone(r.producers) {
		same := p.BroadcastAddress == back.BroadcastAddress && p.TCPPort == back.TCPPort
		if p.remembered && (same || r.silent(now, p)) {
			r.forget(p)
		}
	}
}
