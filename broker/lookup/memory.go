package lookup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// rememberTime is how long a producer that was loaded is handed out though it has not come back: nsqd tries every 15 s.
const rememberTime = time.Minute

// saved is what Save writes.
type saved struct {
	Topics    []savedTopic    `json:"topics"`
	Producers []savedProducer `json:"producers"`
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

// Changes grows with each change of what Save writes.
func (r *Registry) Changes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.edits
}

// Save writes all that is registered, as JSON for Load. It lets changes come between one part and the next, so that nobody waits for w, and holds
// little in memory: what it writes is from one moment if Changes says the same afterwards as before.
func (r *Registry) Save(w io.Writer) error {
	r.mu.Lock()
	names := slices.Sorted(maps.Keys(r.topics))
	producers := slices.Clone(r.producers)
	r.mu.Unlock()
	l := list{to: w, next: `{"topics":[`}
	for _, name := range names {
		if t := r.savedTopic(name); t != nil {
			l.add(t)
		}
	}
	l.begin(`],"producers":[`)
	for _, p := range producers {
		if s := r.savedProducer(p); s != nil {
			l.add(s)
		}
	}
	l.begin("]}\n")
	return l.end()
}

// A list writes JSON arrays, an element a line. An error stays.
type list struct {
	to   io.Writer
	next string // stands before what comes next
	err  error
}

// begin has text stand before the next element, or the end.
func (l *list) begin(text string) {
	if !strings.HasPrefix(l.next, ",") {
		text = l.next + text // the array that ends is empty
	}
	l.next = text
}

func (l *list) add(v any) {
	p, err := json.Marshal(v)
	if err == nil && l.err == nil {
		_, l.err = fmt.Fprintf(l.to, "%s\n%s", l.next, p)
	}
	l.err = cmp.Or(l.err, err)
	l.next = ","
}

func (l *list) end() error {
	if l.err == nil {
		_, l.err = io.WriteString(l.to, l.next)
	}
	return l.err
}

// savedTopic is what is saved of a topic; nil if there is none any more.
func (r *Registry) savedTopic(name string) *savedTopic {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics[name]
	if t == nil {
		return nil
	}
	return &savedTopic{Name: name, Channels: slices.Clone(t.names)}
}

// savedProducer is what is saved of a producer; nil if it is forgotten.
func (r *Registry) savedProducer(p *producer) *savedProducer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.gone {
		return nil
	}
	s := &savedProducer{Producer: p.Producer, Topics: []savedTopic{}}
	for _, g := range p.topics {
		s.Topics = append(s.Topics, g.saved())
	}
	return s
}

// saved is what is saved of a topic for one of its producers.
func (g *registration) saved() savedTopic {
	s := savedTopic{Name: g.topic.name}
	if !g.tombstoned.IsZero() {
		s.Tombstoned = g.tombstoned.UnixNano()
	}
	for _, name := range g.topic.names {
		if _, found := g.topic.channels[name].find(g.producer); found {
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
		if g := r.join(t, p); s.Tombstoned != 0 {
			g.tombstone(time.Unix(0, s.Tombstoned))
		}
	}
	for _, name := range s.Channels {
		if !wire.ValidName(name) {
			continue
		}
		if c := r.openChannel(t, name); p != nil {
			r.joinChannel(c, p)
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
