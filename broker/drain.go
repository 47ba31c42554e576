package broker

import (
	"cmp"
	"slices"
)

// Drain has the broker take nothing new, or again take it: while it drains, publications and new topics are refused with ErrDraining, and
// consumers empty what is there. They may open channels of the topics that stand: without its first channel a topic cannot be
// emptied, and a further one begins behind what the others have. It is forgotten with the process.
func (b *Broker) Drain(draining bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = draining
	b.renamed()
	for _, name := range b.names() {
		t := b.topics[name]
		t.mu.Lock()
		t.draining = draining
		t.mu.Unlock()
	}
}

// Draining says whether the broker drains.
func (b *Broker) Draining() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.draining
}

// A Holding is what waits at a topic, or what one of its channels has not finished.
type Holding struct {
	Topic, Channel string // Channel is empty for what waits at the topic
	Messages       int64  // also those in flight and deferred
	Stuck          string // why no consumer gets any of it; empty if one does, or could if it were ready
}

// Holdings are where messages are, the most first. While the broker drains none grows, but for what moves from a topic to its channels.
func (b *Broker) Holdings() (all []Holding) {
	for _, t := range b.all() {
		all = t.holdings(all)
	}
	slices.SortStableFunc(all, func(a, b Holding) int { return cmp.Compare(b.Messages, a.Messages) })
	return all
}

// Held is how many messages the broker holds: those that wait at a topic, and those that a channel has not finished, each once a channel.
func (b *Broker) Held() (n int64) {
	for _, h := range b.Holdings() {
		n += h.Messages
	}
	return n
}

// holdings adds what the topic and its channels hold.
func (t *topic) holdings(all []Holding) []Holding {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting > 0 {
		all = append(all, Holding{Topic: t.name, Messages: t.waiting, Stuck: t.stuck()})
	}
	for _, c := range t.visible() {
		if n := c.depth() + int64(c.inFlight) + int64(c.deferred); n > 0 {
			all = append(all, Holding{Topic: t.name, Channel: c.name, Messages: n, Stuck: c.stuck()})
		}
	}
	return all
}

func (t *topic) stuck() string {
	switch {
	case len(t.channels) == 0:
		return "no channel"
	case t.paused:
		return "paused"
	}
	return ""
}

func (c *channel) stuck() string {
	switch {
	case c.paused:
		return "paused"
	case len(c.consumers) == 0:
		return "no consumer"
	}
	return ""
}
