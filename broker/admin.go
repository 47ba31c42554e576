package broker

import (
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// Publish appends messages to a topic, all or none, each due after deferral if that is more than 0. The topic is made if it is
// not there; its name and the bodies' sizes are the caller's to check. done is called once, with nil when the topic's durability is
// reached: before Publish returns, or by a Sync. The error is ErrExiting, ErrDraining or the disk's.
func (b *Broker) Publish(now time.Time, name string, deferral time.Duration, bodies [][]byte, done func(error)) {
	t, err := b.open(now, name)
	if err != nil {
		done(err)
		return
	}
	if t.draining {
		t.unlock(now, nil)
		done(ErrDraining)
		return
	}
	for i, body := range bodies {
		t.publish(now, body, deferral, i > 0, i < len(bodies)-1)
	}
	t.asking = done
	t.unlock(now, nil)
}

// Settle calls done once, with nil when all that was done to a topic before is as safe as the topic's durability wants it, its deletion as well: before
// Settle returns, or by a Sync. The error is the disk's.
func (b *Broker) Settle(now time.Time, name string, done func(error)) {
	if t := b.lock(name); t != nil {
		t.asking = done
		t.unlock(now, nil)
		return
	}
	if b.fs == nil || wire.IsEphemeral(name) || b.opts.durability(name) != Fsync {
		done(nil)
		return
	}
	b.syncMu.Lock()
	defer b.syncMu.Unlock()
	b.metaWaiters = append(b.metaWaiters, done)
	b.metaDue = 0
	b.wake()
}

// CreateTopic makes a topic if it is not there; a broker that drains makes none.
func (b *Broker) CreateTopic(now time.Time, name string) error {
	t, err := b.open(now, name)
	if err == nil {
		t.unlock(now, nil)
	}
	return err
}

// DeleteTopic takes a topic out with its channels and messages, and ends the connections of its consumers.
func (b *Broker) DeleteTopic(now time.Time, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil {
		return ErrTopicNotFound
	}
	t.mu.Lock()
	b.discard(now, t)
	t.unlock(now, nil)
	return nil
}

// EmptyTopic drops what waits at the topic; its channels keep what they have.
func (b *Broker) EmptyTopic(now time.Time, name string) error {
	return b.withTopic(now, name, func(t *topic) error {
		t.empty()
		return nil
	})
}

// PauseTopic stops messages from passing to the channels, or lets them pass again. Publishing goes on.
func (b *Broker) PauseTopic(now time.Time, name string, paused bool) error {
	return b.withTopic(now, name, func(t *topic) error {
		t.pause(paused)
		return nil
	})
}

// CreateChannel makes a channel if it is not there. The topic must be.
func (b *Broker) CreateChannel(now time.Time, topicName, name string) error {
	return b.withTopic(now, topicName, func(t *topic) error {
		t.open(now, name)
		return nil
	})
}

// DeleteChannel takes a channel out with its messages, and ends the connections of its consumers. An ephemeral topic goes
// with its last channel.
func (b *Broker) DeleteChannel(now time.Time, topicName, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[topicName]
	if t == nil {
		return ErrTopicNotFound
	}
	t.mu.Lock()
	defer t.unlock(now, nil)
	c := t.channel(name)
	if c == nil {
		return ErrChannelNotFound
	}
	t.remove(c)
	if wire.IsEphemeral(t.name) && len(t.channels) == 0 {
		b.discard(now, t)
	}
	return nil
}

// EmptyChannel drops all that a channel holds, also what is in flight or deferred.
func (b *Broker) EmptyChannel(now time.Time, topicName, name string) error {
	return b.withChannel(now, topicName, name, (*channel).empty)
}

// PauseChannel stops messages from passing to consumers, or lets them pass again.
func (b *Broker) PauseChannel(now time.Time, topicName, name string, paused bool) error {
	return b.withChannel(now, topicName, name, func(c *channel) { c.pause(paused) })
}

func (b *Broker) withTopic(now time.Time, name string, f func(*topic) error) error {
	t := b.lock(name)
	if t == nil {
		return ErrTopicNotFound
	}
	defer t.unlock(now, nil)
	return f(t)
}

func (b *Broker) withChannel(now time.Time, topicName, name string, f func(*channel)) error {
	return b.withTopic(now, topicName, func(t *topic) error {
		c := t.channel(name)
		if c == nil {
			return ErrChannelNotFound
		}
		f(c)
		return nil
	})
}

// ValidName says whether a topic or a channel may have the name, as wire.ValidName does.
func ValidName(name string) bool { return wire.ValidName(name) }
