package scenarios

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A holding is what a topic's own queue, or a channel, holds on a node.
type holding struct {
	place
	queued, inFlight, deferred int64
	pulse                      [5]uint64 // what changes whenever something moves there, besides what it holds
	clients                    []holder
}

// A place is a channel on a node, or a topic's own queue if it has no channel.
type place struct{ node, topic, channel string }

// A holder is a consumer as its broker has it.
type holder struct {
	name, address   string
	ready, inFlight int64
}

func (h *holding) total() int64 { return h.queued + h.inFlight + h.deferred }

// vitals are all that shows whether something moves in a holding.
func (h *holding) vitals() [8]uint64 {
	p := h.pulse
	return [8]uint64{uint64(h.queued), uint64(h.inFlight), uint64(h.deferred), p[0], p[1], p[2], p[3], p[4]}
}

// readStats reads what all queues of a node hold.
func readStats(node string, body []byte) (all []holding, err error) {
	var st struct {
		Topics []struct {
			Name     string `json:"topic_name"`
			Depth    int64  `json:"depth"`
			Messages uint64 `json:"message_count"`
			Channels []struct {
				Name     string `json:"channel_name"`
				Depth    int64  `json:"depth"`
				InFlight int64  `json:"in_flight_count"`
				Deferred int64  `json:"deferred_count"`
				Messages uint64 `json:"message_count"`
				Requeues uint64 `json:"requeue_count"`
				Timeouts uint64 `json:"timeout_count"`
				Clients  []struct {
					ID       string `json:"client_id"`
					Address  string `json:"remote_address"`
					Ready    int64  `json:"ready_count"`
					InFlight int64  `json:"in_flight_count"`
					Messages uint64 `json:"message_count"`
					Finished uint64 `json:"finish_count"`
				} `json:"clients"`
			} `json:"channels"`
		} `json:"topics"`
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return nil, fmt.Errorf("%s: /stats: %w", node, err)
	}
	for _, t := range st.Topics {
		all = append(all, holding{place: place{node: node, topic: t.Name}, queued: t.Depth, pulse: [5]uint64{t.Messages}})
		for _, c := range t.Channels {
			h := holding{place: place{node, t.Name, c.Name}, queued: c.Depth, inFlight: c.InFlight, deferred: c.Deferred}
			h.pulse = [5]uint64{c.Messages, c.Requeues, c.Timeouts}
			for _, k := range c.Clients {
				h.pulse[3] += k.Messages
				h.pulse[4] += k.Finished
				h.clients = append(h.clients, holder{k.ID, k.Address, k.Ready, k.InFlight})
			}
			all = append(all, h)
		}
	}
	return all, nil
}

// A watch follows what the brokers tell, to know since when nothing moves.
type watch struct {
	latest []holding // of the last time that all were asked
	moved  map[place]motion
	free   map[seat]time.Duration // consumers that can take a message: since when
}

type motion struct {
	vitals [8]uint64
	since  time.Duration
}

// A seat is a consumer's at a place, by its connection.
type seat struct {
	place
	name, address string
}

func newWatch() *watch { return &watch{moved: map[place]motion{}, free: map[seat]time.Duration{}} }

// look takes in what a node told of all its queues.
func (w *watch) look(now time.Duration, all []holding) {
	w.latest = append(w.latest, all...)
	for i := range all {
		h := &all[i]
		if m, ok := w.moved[h.place]; !ok || m.vitals != h.vitals() {
			w.moved[h.place] = motion{h.vitals(), now}
		}
		for _, k := range h.clients {
			s := seat{h.place, k.name, k.address}
			if _, ok := w.free[s]; k.ready <= k.inFlight {
				delete(w.free, s)
			} else if !ok {
				w.free[s] = now
			}
		}
	}
}

// held are the topics' queues and channels of those topics on a node that hold anything.
func (w *watch) held() (all []holding) {
	holds := map[place]bool{}
	for i := range w.latest {
		if h := &w.latest[i]; h.total() > 0 {
			holds[place{node: h.node, topic: h.topic}] = true
		}
	}
	for _, h := range w.latest {
		if holds[place{node: h.node, topic: h.topic}] {
			all = append(all, h)
		}
	}
	return all
}

// waits records who waits for whom: what the brokers hold and for whom, and which clients wait for an answer or a connection.
func (r *run) waits(w *watch) {
	for _, h := range w.held() {
		op := history.Op{Process: "lab", F: history.Wait, Node: h.node, Topic: h.topic, Channel: h.channel, Due: w.moved[h.place].since}
		op.Note, op.Count = history.Queued, h.queued
		if h.total() > 0 {
			r.record(op, history.OK)
		}
		if op.Note, op.Count = history.Deferred, h.deferred; h.deferred > 0 {
			r.record(op, history.OK)
		}
		for _, k := range h.clients {
			r.seated(op, k, w)
		}
	}
	for _, p := range r.producers {
		p.waits()
	}
	for _, c := range r.consumers {
		for _, s := range c.links {
			if s.conn != nil && !s.stands {
				r.record(history.Op{Process: s.name, F: history.Wait, Node: s.node, Conn: s.id, Due: s.dialled, Note: history.Connection}, history.OK)
			}
		}
	}
}

// seated records what a consumer holds, and what it could hold besides. op is about its place.
func (r *run) seated(op history.Op, k holder, w *watch) {
	at := place{op.Node, op.Topic, op.Channel}
	moved := op.Due
	op.Process = k.name
	s := r.subscriptionOf(k.name, at)
	if s != nil {
		op.Conn = s.id
	}
	if op.Note, op.Count = history.InFlight, k.inFlight; k.inFlight > 0 {
		op.Due, op.After = s.keeps(moved)
		r.record(op, history.OK)
	}
	since, free := w.free[seat{at, k.name, k.address}]
	if op.Note, op.Count = history.Free, k.ready-k.inFlight; free {
		op.Due, op.After = since, 0
		r.record(op, history.OK)
	}
}

// subscriptionOf is the one that stands of a client; nil if there is none.
func (r *run) subscriptionOf(name string, at place) *subscription {
	for _, c := range r.consumers {
		if c.name != name || c.line.Topic != at.topic || c.line.Channel != at.channel {
			continue
		}
		if i := slices.IndexFunc(c.links, func(s *subscription) bool { return s.node == at.node && s.stands }); i >= 0 {
			return c.links[i]
		}
	}
	return nil
}

// keeps is since when the client has the oldest message that it works on, and for how long it may keep one of them; if it works on none,
// since another time and for no longer.
func (s *subscription) keeps(other time.Duration) (since, yet time.Duration) {
	if s == nil || len(s.works) == 0 {
		return other, 0
	}
	now := s.run.cluster.Now()
	since = now
	for _, w := range s.works {
		since, yet = min(since, w.since), max(yet, w.until-now)
	}
	return since, yet
}

// waits records what a producer waits for.
func (p *producer) waits() {
	op := history.Op{Process: p.name, F: history.Wait, Node: p.node, Conn: p.id}
	if p.dials {
		op.Note, op.Due = history.Connection, p.dialled
		p.run.record(op, history.OK)
	}
	if n := len(p.waiting); n > 0 {
		first := p.waiting[0]
		op.Note, op.Due, op.Count, op.Topic, op.Msg = history.Answer, first.sent, int64(n), p.line.Topic, first.ops[0].Msg
		p.run.record(op, history.OK)
	}
}
