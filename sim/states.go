package sim

import (
	"path"
	"time"

	"github.com/nsqlab/nsqlab/broker"
)

// A NodeState is one thing that a node can be in the middle of.
type NodeState struct {
	Name  string
	Usage string // in a sentence
	is    func(*sight) bool
}

// idle is the state of a node that is in none but those that say nothing of what it does.
const idle = "idle"

// fresh is how long a node counts as just started.
const fresh = time.Second

// NodeStates are all the states there are, so that one that never occurred can be told of; the points of Points are among them.
var NodeStates = append([]NodeState{
	{"down", "it is not running", func(s *sight) bool { return s.life == nil }},
	{"paused", "its process is stopped, and it is not down", func(s *sight) bool { return s.paused }},
	{"starting", "it was started less than a second ago, and not for the first time", (*sight).starting},
	{"clock-wrong", "its clock is wrong", func(s *sight) bool { return len(s.clock.skews) > 0 }},
	{"disk-harmed", "something is wrong with its disk", func(s *sight) bool { return len(s.disk.faults) > 0 }},
	{"syncing", "it waits for its disk to sync", func(s *sight) bool { return s.life != nil && s.life.syncer != nil && s.life.syncer.busy }},
	{"unsynced", "messages are written to a log and not synced", func(s *sight) bool { return s.disk.unsynced("*.log") }},
	{"unsynced-journal", "what has happened to messages, such as FINs, is written to a journal and not synced", func(s *sight) bool { return s.disk.unsynced("*.journal") }},
	{"rolled", "a new file is there, such as a log's next segment, and the folder is not synced", func(s *sight) bool { return s.disk.undone(DiskCreate) }},
	{"renamed", "a file has a new name, and the folder is not synced", func(s *sight) bool { return s.disk.undone(DiskRename) }},
	{"removed", "a file was removed, and the folder is not synced", func(s *sight) bool { return s.disk.undone(DiskRemove) }},
	{"receiving", "bytes have arrived of a client's that it has not taken", func(s *sight) bool { return s.receiving }},
	{"unanswered", "a publication was taken and has no answer", func(s *sight) bool { return s.unanswered }},
	{"answering", "an answer is on its way to a client that publishes", func(s *sight) bool { return s.answering }},
	{"sending", "bytes are on their way to a client that consumes", func(s *sight) bool { return s.sending }},
	{"connecting", "a connection to it or from it is about to be made", func(s *sight) bool { return s.connecting }},
	{"in-flight", "consumers hold messages of it", func(s *sight) bool { return s.inFlight > 0 }},
	{"deferred", "messages wait for their time", func(s *sight) bool { return s.deferred > 0 }},
	{"backlog", "messages wait for a consumer", func(s *sight) bool { return s.backlog > 0 }},
	{"no-channel", "a topic holds messages and has no channel", func(s *sight) bool { return s.noChannel }},
	{"no-consumer", "a channel has no consumer", func(s *sight) bool { return s.noConsumer }},
	{"channel-paused", "a topic or a channel is paused", func(s *sight) bool { return s.halted }},
	{"asking", "it does not know yet what channels nsqlookupds have for a new topic", func(s *sight) bool { return s.asking }},
	{"unregistered", "it has no connection to an nsqlookupd that it knows", func(s *sight) bool { return s.unregistered }},
	{idle, "it runs, and is in the middle of nothing", nil},
}, pointStates()...)

// pointStates are the states of being at a point.
func pointStates() (all []NodeState) {
	for _, u := range PointUsages {
		all = append(all, NodeState{string(u.Point), u.Usage, func(s *sight) bool { return s.at == u.Point }})
	}
	return all
}

// A sight is what is seen of a node at a moment.
type sight struct {
	*node
	holdings
	receiving, unanswered, answering, sending, connecting, unregistered bool
	registered                                                          int // with so many nsqlookupds
}

// holdings are what a broker says of itself.
type holdings struct {
	inFlight, deferred, backlog           int64
	noChannel, noConsumer, halted, asking bool
}

// States implements Observer. Nobody is asked about a node of no such name.
func (w *World) States(name string) []string {
	n := w.node(name)
	if n == nil {
		return nil
	}
	s := &sight{node: n, holdings: n.held}
	if n.at == "" {
		s.holdings = n.holds()
	}
	for _, c := range w.conns {
		s.look(c)
	}
	s.unregistered = n.life != nil && s.registered < len(n.spec.Lookupds)
	var all []string
	for _, state := range NodeStates {
		switch {
		case state.is != nil && state.is(s), state.is == nil && len(all) == 0:
			all = append(all, state.Name)
		}
	}
	return all
}

// look sees what a connection of the node's is in the middle of.
func (s *sight) look(c *conn) {
	if c.client.node != s.node && c.server.node != s.node {
		return
	}
	s.connecting = s.connecting || !c.client.stands || !c.server.stands
	if _, ok := c.client.endpoint.(*lookupEnd); ok && c.client.node == s.node && c.client.stands {
		s.registered++
	}
	if c.server.node != s.node || s.spec.Kind != Broker {
		return
	}
	s.receiving = s.receiving || len(c.server.inbox) > 0 || c.client.way.landed.has(payload)
	s.unanswered = s.unanswered || c.server.owes
	if way := &c.server.way; way.flight.has(payload) || len(way.held) > 0 {
		s.answering = s.answering || c.server.publishes
		s.sending = s.sending || !c.server.publishes
	}
}

// holds asks the broker, which must not be in the middle of a call.
func (n *node) holds() (h holdings) {
	if n.life == nil || n.life.broker == nil {
		return h
	}
	for _, t := range n.life.broker.Stats().Topics {
		h.backlog += t.Depth
		h.halted = h.halted || t.Paused
		h.noChannel = h.noChannel || (len(t.Channels) == 0 && t.Depth > 0)
		for _, c := range t.Channels {
			h.add(c)
		}
	}
	h.asking = len(n.life.broker.Undiscovered()) > 0
	return h
}

func (h *holdings) add(c broker.ChannelStats) {
	h.inFlight += int64(c.InFlight)
	h.deferred += int64(c.Deferred)
	h.backlog += c.Depth
	h.halted = h.halted || c.Paused
	h.noConsumer = h.noConsumer || len(c.Clients) == 0
}

func (s *sight) starting() bool {
	return s.life != nil && s.lives > 1 && s.world.now-s.life.began < fresh
}

// unsynced says whether a file whose name matches has bytes that a power cut may take.
func (d *Disk) unsynced(pattern string) bool {
	for name, i := range d.names { // any will do
		if ok, err := path.Match(pattern, name); ok && err == nil && (i.synced < len(i.data) || len(i.forgotten) > 0) {
			return true
		}
	}
	return false
}

// undone says whether a power cut may undo an operation on names.
func (d *Disk) undone(op DiskOp) bool {
	for _, o := range d.journal {
		if o.op == op {
			return true
		}
	}
	return false
}

// has says whether a parcel of a kind is among them.
func (q *parcels) has(k kind) bool {
	for _, p := range q.items[q.head:] {
		if p.kind == k {
			return true
		}
	}
	return false
}
