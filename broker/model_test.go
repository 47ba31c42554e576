package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A model is one topic as plain lists: what the broker must be seen to do, with no thought of speed.
type model struct {
	t        *rapid.T
	b        *Broker
	now      time.Time
	limit    int  // of ephemeral queues
	requeues bool // what a client holds that leaves
	made     int  // messages so far
	paused   bool
	waiting  []*modelMessage // at the topic
	channels []*modelChannel
	clients  []*modelClient // connected
	ids      []wire.ID      // ever seen
}

type modelMessage struct {
	body      string
	number    int
	published time.Time
	due       time.Time // of a deferred one
	id        string    // once seen
}

type modelChannel struct {
	name     string
	paused   bool
	messages uint64
	requeues uint64
	timeouts uint64
	held     []*modelDelivery // all that is not finished
}

// A modelDelivery waits in the queue, unless it has a client or is deferred.
type modelDelivery struct {
	message   *modelMessage
	attempts  int
	client    *modelClient
	delivered time.Time
	due       time.Time
	deferred  bool
}

type modelClient struct {
	name     string
	s        *Session
	channel  *modelChannel // nil before SUB
	ready    int
	timeout  time.Duration
	closing  bool
	answers  []string // errors and responses since the last look
	received uint64
}

func (d *modelDelivery) queued() bool { return d.client == nil && !d.deferred }

func (c *modelChannel) count(f func(*modelDelivery) bool) (n int) {
	for _, d := range c.held {
		if f(d) {
			n++
		}
	}
	return n
}

func (c *modelChannel) inFlight(client *modelClient) int {
	return c.count(func(d *modelDelivery) bool { return d.client != nil && (client == nil || d.client == client) })
}

func (m *model) consumers(c *modelChannel) (list []*modelClient) {
	for _, client := range m.clients {
		if client.channel == c {
			list = append(list, client)
		}
	}
	return list
}

// room is how many messages the consumers of a channel can take now.
func (m *model) room(c *modelChannel) (n int) {
	if c.paused {
		return 0
	}
	for _, client := range m.consumers(c) {
		if !client.closing {
			n += max(0, client.ready-c.inFlight(client))
		}
	}
	return n
}

// put queues a delivery, or drops it if the channel is ephemeral, full and without a consumer that can take it.
func (m *model) put(c *modelChannel, d *modelDelivery) {
	c.held = slices.DeleteFunc(c.held, func(other *modelDelivery) bool { return other == d })
	// What is queued already and can be delivered is as good as gone.
	queued := max(0, c.count((*modelDelivery).queued)-m.room(c))
	free := m.room(c) > c.count((*modelDelivery).queued)
	if strings.HasSuffix(c.name, wire.Ephemeral) && !free && queued >= m.limit {
		return
	}
	d.client, d.deferred = nil, false
	c.held = append(c.held, d)
}

// handOver moves what waits at the topic to the channels.
func (m *model) handOver() {
	if m.paused || len(m.channels) == 0 {
		return
	}
	for _, message := range m.waiting {
		for _, c := range m.channels {
			c.messages++
			d := &modelDelivery{message: message}
			if message.due.IsZero() {
				m.put(c, d)
			} else {
				d.deferred, d.due = true, message.due
				c.held = append(c.held, d)
			}
		}
	}
	m.waiting = nil
}

// expire ends the waits that are over, the oldest first.
func (m *model) expire() {
	for _, c := range m.channels {
		var over []*modelDelivery
		for _, d := range c.held {
			if !d.queued() && !d.due.After(m.now) {
				over = append(over, d)
			}
		}
		slices.SortStableFunc(over, func(a, b *modelDelivery) int {
			return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.message.number, b.message.number))
		})
		for _, d := range over {
			if d.client != nil {
				c.timeouts++
			}
			d.client = nil
			m.put(c, d)
		}
	}
}

// next is when the first wait ends; zero if there is none.
func (m *model) next() (first time.Time) {
	for _, c := range m.channels {
		for _, d := range c.held {
			if !d.queued() && (first.IsZero() || d.due.Before(first)) {
				first = d.due
			}
		}
	}
	return first
}

// deliver checks a message that a client got, and puts it in flight.
func (m *model) deliver(client *modelClient, got wire.Message) {
	c := client.channel
	if c == nil {
		m.t.Fatalf("%s got %.20q without SUB", client.name, got.Body)
	}
	at := slices.IndexFunc(c.held, func(d *modelDelivery) bool { return d.message.body == string(got.Body) })
	if at < 0 {
		m.t.Fatalf("%s got %.20q, which its channel does not hold", client.name, got.Body)
	}
	d := c.held[at]
	switch {
	case !d.queued():
		m.t.Fatalf("%s got %.20q too early", client.name, got.Body)
	case c.paused:
		m.t.Fatalf("%s got %.20q on a paused channel", client.name, got.Body)
	case client.closing || c.inFlight(client) >= client.ready:
		m.t.Fatalf("%s got %.20q beyond its RDY %d", client.name, got.Body, client.ready)
	case int(got.Attempts) != d.attempts+1:
		m.t.Fatalf("%s got %.20q as attempt %d, want %d", client.name, got.Body, got.Attempts, d.attempts+1)
	case got.Timestamp != d.message.published.UnixNano():
		m.t.Fatalf("%s got %.20q with the time %d", client.name, got.Body, got.Timestamp)
	case d.message.id != "" && d.message.id != got.ID.String():
		m.t.Fatalf("%.20q has the ids %s and %s", got.Body, d.message.id, got.ID)
	}
	if d.message.id == "" {
		d.message.id = got.ID.String()
		if slices.Contains(m.ids, got.ID) {
			m.t.Fatalf("%.20q has the id %s of another", got.Body, got.ID)
		}
		m.ids = append(m.ids, got.ID)
	}
	client.received++
	d.attempts++
	d.client, d.delivered, d.due = client, m.now, m.now.Add(client.timeout)
}

// check compares all that can be seen.
func (m *model) check() {
	for _, c := range m.channels {
		if n := c.count((*modelDelivery).queued); n > 0 && m.room(c) > 0 {
			m.t.Fatalf("%s: %d messages wait for consumers with room for %d", c.name, n, m.room(c))
		}
	}
	if first, next := m.next(), m.b.NextTimeout(); !first.IsZero() && (next.IsZero() || next.After(first)) {
		m.t.Fatalf("a wait ends at %v, the broker asks for %v", first, next)
	}
	for _, t := range m.b.topics {
		behind := 0
		for _, c := range t.channels {
			if c.behind > 0 {
				behind++
			}
		}
		if t.lagging != behind || len(t.blind) > 0 {
			m.t.Fatalf("%d channels are said to be behind and %d to be blind, %d are behind", t.lagging, len(t.blind), behind)
		}
	}
	if got, want := describe(m.b.Stats()), m.describe(); got != want {
		m.t.Fatalf("the broker says\n%s\nthe model says\n%s", got, want)
	}
}

func describe(st Stats) string {
	var lines []string
	for _, t := range st.Topics {
		lines = append(lines, fmt.Sprintf("%s: %d paused=%v", t.Name, t.Depth, t.Paused))
		for _, c := range t.Channels {
			lines = append(lines, fmt.Sprintf("%s: depth=%d in-flight=%d deferred=%d messages=%d requeues=%d timeouts=%d paused=%v",
				c.Name, c.Depth, c.InFlight, c.Deferred, c.Messages, c.Requeues, c.Timeouts, c.Paused))
			for _, s := range c.Clients {
				lines = append(lines, fmt.Sprintf("%s: ready=%d in-flight=%d messages=%d", s.RemoteAddress,
					s.Ready, s.InFlight, s.Messages))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (m *model) describe() string {
	lines := []string{fmt.Sprintf("t: %d paused=%v", len(m.waiting), m.paused)}
	sorted := slices.SortedFunc(slices.Values(m.channels), func(a, b *modelChannel) int { return strings.Compare(a.name, b.name) })
	for _, c := range sorted {
		lines = append(lines, fmt.Sprintf("%s: depth=%d in-flight=%d deferred=%d messages=%d requeues=%d timeouts=%d paused=%v", c.name,
			c.count((*modelDelivery).queued), c.inFlight(nil), c.count(func(d *modelDelivery) bool { return d.deferred }),
			c.messages, c.requeues, c.timeouts, c.paused))
		for _, client := range m.consumers(c) {
			lines = append(lines, fmt.Sprintf("%s: ready=%d in-flight=%d messages=%d", client.name,
				client.ready, c.inFlight(client), client.received))
		}
	}
	return strings.Join(lines, "\n")
}
