package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/lookup"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// The times of a daemon's talks with nsqlookupds; see package server.
const (
	lookupRedial   = time.Second          // after a connection has ended
	lookupPatience = time.Second          // for one to come to be
	gatherNames    = 5 * time.Millisecond // in which names change, before they are told
)

// lookups are a broker's talks with nsqlookupds, over the links of the world: what package server has for a daemon.
type lookups struct {
	node   *node
	life   *life
	self   lookup.Self
	peers  []*lookupPeer
	names  lookup.Names
	seen   uint64 // the broker's Renames, when its names were taken last
	looks  bool   // it is about to look at the broker
	quests map[string]*lookup.Quest
}

// A lookupPeer is one nsqlookupd.
type lookupPeer struct {
	node  *node
	agent *lookup.Agent // of the connection that stands or is about to; nil: none
}

// newLookups begins them.
func newLookups(n *node, l *life) (*lookups, error) {
	all := &lookups{
		node: n, life: l, seen: l.broker.Renames(), quests: map[string]*lookup.Quest{},
		self: lookup.Self{BroadcastAddress: n.spec.Name, Hostname: n.spec.Name, HTTPPort: nsqdHTTPPort, TCPPort: nsqdTCPPort, Version: broker.Version},
	}
	for _, name := range n.spec.Lookupds {
		to := n.world.node(name)
		if to == nil || to.spec.Kind != Lookupd {
			return nil, fmt.Errorf("it is to register with %q, which is no nsqlookupd", name)
		}
		all.peers = append(all.peers, &lookupPeer{node: to})
	}
	all.names = all.brokerNames()
	for _, p := range all.peers {
		all.dial(p)
	}
	all.look()
	return all, nil
}

// soon calls f in d, if the broker lives then, and is not paused.
func (l *lookups) soon(d time.Duration, f func()) {
	l.node.after(d, func() { l.node.run(l.life, f) })
}

// wake has them look at the broker, if its names may have changed.
func (l *lookups) wake() {
	if l != nil && l.seen != l.life.broker.Renames() {
		l.stir()
	}
}

// stir has them look at the broker.
func (l *lookups) stir() {
	if !l.looks {
		l.looks = true
		l.soon(gatherNames, func() {
			l.looks = false
			l.look()
		})
	}
}

// look tells the nsqlookupds of the broker's names, and looks for the channels of its new topics.
func (l *lookups) look() {
	b := l.life.broker
	if now := b.Renames(); now != l.seen {
		l.seen = now
		l.names = l.brokerNames()
		for _, p := range l.peers {
			if p.agent != nil {
				p.agent.Want(l.node.now(), l.names)
			}
		}
	}
	for _, topic := range b.Undiscovered() {
		if l.quests[topic] == nil {
			l.quests[topic] = lookup.NewQuest(l.node.now())
			l.ask(topic)
		}
	}
}

func (l *lookups) brokerNames() (names lookup.Names) {
	for _, n := range l.life.broker.Names() {
		names = append(names, lookup.TopicNames(n))
	}
	return names
}

// connTo is a connection of the broker's to an nsqlookupd that is not begun.
func (l *lookups) connTo(p *lookupPeer) *conn {
	c := newConn(l.node.world, l.node.spec.Name, p.node)
	c.client.belong(l.node)
	c.client.life = l.life
	return c
}

// dial talks to an nsqlookupd until the connection ends, and then again.
func (l *lookups) dial(p *lookupPeer) {
	c := l.connTo(p)
	c.patience = lookupPatience
	l.node.world.connect(c, func(now time.Time, wake func()) wire.Endpoint {
		a, err := lookup.NewAgent(now, l.self, l.names, wake)
		if err != nil {
			panic(err) // a Self always marshals
		}
		p.agent = a
		return &lookupEnd{a, func() {
			p.agent = nil
			l.soon(lookupRedial, func() { l.dial(p) })
		}}
	})
}

// A lookupEnd is an agent that says when it is gone.
type lookupEnd struct {
	*lookup.Agent
	gone func()
}

// Disconnect implements wire.Endpoint.
func (e *lookupEnd) Disconnect(now time.Time) {
	e.Agent.Disconnect(now)
	e.gone()
}

// ask asks those for a topic's channels that have not answered, all at a time, and again until the quest is over.
func (l *lookups) ask(topic string) {
	q, w, b := l.quests[topic], l.node.world, l.life.broker
	left := q.Left(l.node.spec.Lookupds)
	waiting := len(left)
	for _, p := range l.peers {
		name := p.node.spec.Name
		if !slices.Contains(left, name) {
			continue
		}
		w.fetch(l.connTo(p), http.MethodGet, "/channels?topic="+url.QueryEscape(topic), func(status int, body []byte, err error) {
			var found struct {
				Channels []string `json:"channels"`
			}
			if err == nil && status == http.StatusOK && json.Unmarshal(body, &found) == nil {
				b.Discovered(l.node.now(), topic, found.Channels, false) // the others may take long
				q.Answer(name, found.Channels, p.agent != nil && p.agent.Gathered(l.node.now()))
			}
			if waiting--; waiting == 0 {
				l.asked(topic)
			}
		})
	}
}

// asked is the end of a round.
func (l *lookups) asked(topic string) {
	q, now := l.quests[topic], l.node.now()
	over := q.Over(now, l.node.spec.Lookupds)
	l.life.broker.Discovered(now, topic, q.Channels(), over)
	if !over {
		l.soon(lookup.AskAgain, func() { l.ask(topic) })
		return
	}
	delete(l.quests, topic)
	l.stir() // it may have been made anew meanwhile
}
