package broker

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// upset does what clients do not see coming.
func (m *model) upset(t *rapid.T) {
	switch rapid.SampledFrom([]string{"pause", "pause", "leave", "leave", "empty", "delete"}).Draw(t, "what") {
	case "pause":
		m.pause(t)
	case "leave":
		m.leave(t)
	case "empty":
		m.empty(t)
	case "delete":
		m.delete(t)
	}
}

func (m *model) pause(t *rapid.T) {
	paused := rapid.Bool().Draw(t, "paused")
	var err error
	if len(m.channels) == 0 || rapid.Bool().Draw(t, "topic") {
		m.paused = paused
		m.handOver()
		err = m.b.PauseTopic(m.now, "t", paused)
	} else {
		c := m.channel(t)
		c.paused = paused
		err = m.b.PauseChannel(m.now, "t", c.name, paused)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) empty(t *rapid.T) {
	if len(m.channels) == 0 || rapid.Bool().Draw(t, "topic") {
		m.waiting = nil
		if err := m.b.EmptyTopic(m.now, "t"); err != nil {
			t.Fatal(err)
		}
		return
	}
	c := m.channel(t)
	c.held = nil
	if err := m.b.EmptyChannel(m.now, "t", c.name); err != nil {
		t.Fatal(err)
	}
}

// leave closes a client's connection, or says CLS first.
func (m *model) leave(t *rapid.T) {
	client := m.client(t)
	if !client.closing && rapid.Bool().Draw(t, "CLS") {
		client.closing, client.ready = true, 0
		m.say(client, "CLS\n", "CLOSE_WAIT")
		return
	}
	m.part(client)
}

func (m *model) part(client *modelClient) {
	m.clients = slices.DeleteFunc(m.clients, func(other *modelClient) bool { return other == client })
	if m.requeues {
		m.giveBack(client)
	}
	client.s.Disconnect(m.now)
	if c := client.channel; strings.HasSuffix(c.name, wire.Ephemeral) && len(m.consumers(c)) == 0 {
		m.forget(c)
	}
}

// giveBack requeues what a client holds, the oldest first.
func (m *model) giveBack(client *modelClient) {
	c := client.channel
	var all []*modelDelivery
	for _, d := range c.held {
		if d.client == client {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *modelDelivery) int { return cmp.Compare(a.message.number, b.message.number) })
	for _, d := range all {
		c.requeues++
		m.put(c, d)
	}
}

func (m *model) forget(c *modelChannel) {
	m.channels = slices.DeleteFunc(m.channels, func(other *modelChannel) bool { return other == c })
}

// delete takes a channel or the topic away, and makes the topic anew at once.
func (m *model) delete(t *rapid.T) {
	gone := m.channels
	if len(gone) > 0 && rapid.IntRange(0, 4).Draw(t, "topic") > 0 {
		gone = []*modelChannel{m.channel(t)}
		if err := m.b.DeleteChannel(m.now, "t", gone[0].name); err != nil {
			t.Fatal(err)
		}
	} else {
		if err := m.b.DeleteTopic(m.now, "t"); err != nil {
			t.Fatal(err)
		}
		if err := m.b.CreateTopic(m.now, "t"); err != nil {
			t.Fatal(err)
		}
		m.waiting, m.paused = nil, false
	}
	for _, c := range slices.Clone(gone) {
		m.forget(c)
		for _, client := range m.consumers(c) {
			if client.s.HandleTimeout(m.now) == nil {
				t.Fatalf("%s goes on without its channel", client.name)
			}
			m.part(client)
		}
	}
}

// drain finishes everything, and then nothing may be left.
func (m *model) drain() {
	if err := m.b.PauseTopic(m.now, "t", false); err != nil {
		m.t.Fatal(err)
	}
	m.paused = false
	m.handOver()
	m.join("a")
	for _, c := range m.channels {
		c.paused = false
		if err := m.b.PauseChannel(m.now, "t", c.name, false); err != nil {
			m.t.Fatal(err)
		}
		client := m.join(c.name)
		client.ready = 2500
		m.say(client, "RDY 2500\n")
	}
	for range 4 {
		m.settle()
		for _, c := range m.channels {
			for _, d := range slices.Clone(c.held) {
				if client := d.client; client != nil && slices.Contains(m.clients, client) {
					c.held = slices.DeleteFunc(c.held, func(other *modelDelivery) bool { return other == d })
					m.say(client, "FIN "+d.message.id+"\n")
				}
			}
		}
		m.settle()
		m.until(m.now.Add(time.Minute))
	}
	topic := m.b.topics["t"]
	left := topic.timers.count() + int(topic.log.Owed()) + int(topic.waiting)
	for _, c := range topic.channels {
		left += c.window.len() + c.again.len() + int(c.behind) + len(c.gaps)
	}
	if left > 0 {
		m.t.Fatalf("something is left: %+v", topic)
	}
}
