package broker

import (
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A new topic may have channels elsewhere that it does not know of yet, and that are not to miss its first messages. Until the broker has
// been told of them the topic hands over to the channels it has, and nobody waits; but beside the first of these it opens one more, the keeper,
// which nobody consumes or sees and which is owed what that one is. Each channel that comes while there is a keeper, and is not #ephemeral, is
// owed what the keeper is: all that was published since the topic was made. It is in the journal as any channel, so it outlives a crash.

// keeperName is that of keepers: no client can say it.
const keeperName = "#keeper"

// TopicNames are a topic and its channels.
type TopicNames struct {
	Topic    string
	Channels []string // sorted
}

// Discover says whether topics that are made from now on are to be told of their channels elsewhere. If not, those that wait for that
// need not wait any more.
func (b *Broker) Discover(now time.Time, on bool) {
	b.mu.Lock()
	b.discover = on
	b.mu.Unlock()
	if !on {
		for _, name := range b.Undiscovered() {
			b.Discovered(now, name, nil, true)
		}
	}
}

// Undiscovered are the topics that were not told yet of all their channels elsewhere, sorted. When there is one more the broker calls its wake function.
func (b *Broker) Undiscovered() (names []string) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.undiscovered.Load() == 0 {
		return nil
	}
	for _, name := range b.names() {
		t := b.topics[name]
		t.mu.Lock()
		if t.undiscovered {
			names = append(names, name)
		}
		t.mu.Unlock()
	}
	return names
}

// Discovered tells a topic of channels that it has elsewhere: those that it lacks are made. A name that is not valid, or #ephemeral, is passed
// over. all says that there are no others.
func (b *Broker) Discovered(now time.Time, name string, channels []string, all bool) {
	t := b.lock(name)
	if t == nil {
		return
	}
	defer t.unlock(now, nil)
	if !t.undiscovered {
		return
	}
	for _, c := range channels {
		if wire.ValidName(c) && !wire.IsEphemeral(c) {
			t.open(now, c)
		}
	}
	if !all {
		return
	}
	t.discovered()
	t.release()
}

// release lets the keeper go when all channels are known that are owed what it is: if there is none that is the next to come.
func (t *topic) release() {
	if t.keeper != nil && !t.undiscovered && len(t.visible()) > 0 {
		t.remove(t.keeper)
		t.keeper = nil
	}
}

// keeps says whether a channel that comes is owed what the keeper is. One that is #ephemeral comes and goes with its consumers, and would get anew
// what it had before.
func (t *topic) keeps(name string) bool {
	return t.keeper != nil && !(t.undiscovered && wire.IsEphemeral(name))
}

// undiscover has a topic wait to be told of its channels.
func (t *topic) undiscover() {
	t.undiscovered = true
	t.broker.undiscovered.Add(1)
}

// discovered ends that.
func (t *topic) discovered() {
	if t.undiscovered {
		t.undiscovered = false
		t.broker.undiscovered.Add(-1)
	}
}

// keep opens the keeper, beside the first channel. What is #ephemeral may miss messages anyway.
func (t *topic) keep() {
	if t.undiscovered && t.keeper == nil && !wire.IsEphemeral(t.name) {
		t.numbers++
		t.keeper = t.newChannel(keeperName, t.numbers, t.handed)
		t.keeper.note(store.Entry{Op: store.Opened, ID: t.handed, Name: keeperName})
	}
}

// follow has a new channel, which begins where the keeper does, be owed what that is.
func (c *channel) follow(now time.Time, keeper *channel) {
	t, tick := c.topic, c.topic.broker.tick(now)
	for _, g := range keeper.gaps {
		c.note(store.Entry{Op: store.Emptied, ID: g.from, To: g.to})
	}
	c.gaps = slices.Clone(keeper.gaps)
	keeper.ranges(func(from, to store.Offset) {
		_, err := t.log.OweRange(from, to, 1)
		t.suffer(err)
	})
	c.lag(keeper.behind)
	c.messages = keeper.messages
	for _, d := range keeper.window.all() {
		t.log.Owe(d.place, 1)
		own := c.newDelivery(d.offset, d.place)
		own.exception = true
		c.window.addApart(own)
		e := store.Entry{Op: store.Returned, ID: d.offset}
		if t.timers.waits(d) {
			c.wait(own, d.due)
			e.Due = max(now.UnixNano()+d.due-tick, 1)
		} else {
			c.again.push(own)
		}
		c.note(e)
	}
	c.stir()
}

// visible are the topic's channels but for the keeper.
func (t *topic) visible() []*channel {
	if t.keeper == nil {
		return t.channels
	}
	return slices.DeleteFunc(slices.Clone(t.channels), func(c *channel) bool { return c == t.keeper })
}

// Names are the topics with their channels, sorted, for others to be told; none while the broker drains. When they may have changed
// the broker calls its wake function, and Renames has grown.
func (b *Broker) Names() (all []TopicNames) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.draining {
		return nil
	}
	for _, name := range b.names() {
		all = append(all, b.topics[name].channelNames())
	}
	return all
}

// Renames is how often Names may have changed so far.
func (b *Broker) Renames() uint64 { return b.renames.Load() }

// renamed says that Names may have changed.
func (b *Broker) renamed() {
	b.renames.Add(1)
	b.wake()
}

func (t *topic) channelNames() TopicNames {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := TopicNames{Topic: t.name}
	for _, c := range t.visible() {
		n.Channels = append(n.Channels, c.name)
	}
	slices.Sort(n.Channels)
	return n
}
