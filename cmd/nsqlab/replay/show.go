package replay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/sim"
)

// A stats is what is shown of a broker's /stats.
type stats struct {
	Health string `json:"health"`
	Topics []struct {
		queue
		Name     string    `json:"topic_name"`
		Channels []channel `json:"channels"`
	} `json:"topics"`
	Producers []member `json:"producers"`
}

// A queue is a topic's or a channel's.
type queue struct {
	Depth    int64  `json:"depth"`
	Backend  int64  `json:"backend_depth"`
	Messages uint64 `json:"message_count"`
	Paused   bool   `json:"paused"`
}

type channel struct {
	queue
	Name     string   `json:"channel_name"`
	InFlight int      `json:"in_flight_count"`
	Deferred int      `json:"deferred_count"`
	Requeues uint64   `json:"requeue_count"`
	Timeouts uint64   `json:"timeout_count"`
	Clients  []member `json:"clients"`
}

// A member is a client.
type member struct {
	ID       string `json:"client_id"`
	State    int    `json:"state"`
	Ready    int64  `json:"ready_count"`
	InFlight int    `json:"in_flight_count"`
	Messages uint64 `json:"message_count"`
	Finished uint64 `json:"finish_count"`
	Requeued uint64 `json:"requeue_count"`

	Published []struct {
		Topic string `json:"topic"`
		Count uint64 `json:"count"`
	} `json:"pub_counts"`
}

// maxShown bounds the messages of a list.
const maxShown = 20

// show prints the state of what was asked for, as it is now.
func (p *player) show(targets []Target) {
	p.print("--- at %s, behind line %d\n", moment(p.now), p.line)
	p.showFaults()
	for _, t := range targets {
		for _, n := range p.source.Scenario.Nodes() {
			if t.Node != "" && t.Node != n.Name {
				continue
			}
			if n.Kind == sim.Lookupd {
				p.showLookupd(n.Name, t)
			} else {
				p.showBroker(n.Name, t)
			}
		}
	}
	p.print("---\n")
}

func (p *player) showFaults() {
	if len(p.book.faults) == 0 {
		p.print("no fault is on\n")
	}
	for _, f := range p.book.faults {
		p.print("fault since %s: %s\n", moment(f.Time), f.Note)
	}
}

// showBroker prints what a broker has of a target.
func (p *player) showBroker(node string, t Target) {
	var st stats
	if !p.ask(node, "/stats?format=json&include_mem=false", &st) {
		return
	}
	if t.Topic == "" {
		p.print("%s: health %s\n", node, st.Health)
		for _, m := range st.Producers {
			for _, n := range m.Published {
				p.print("    %s: %d published to %s\n", m.ID, n.Count, n.Topic)
			}
		}
	}
	found := false
	for _, topic := range st.Topics {
		if t.Topic != "" && t.Topic != topic.Name {
			continue
		}
		found = true
		if t.Channel == "" {
			p.print("%s %s: %s\n", node, topic.Name, topic.queue.words("published"))
		}
		for _, c := range topic.Channels {
			if t.Channel == "" || t.Channel == c.Name {
				p.showChannel(node, topic.Name, c)
			}
		}
	}
	if !found && t.Topic != "" {
		p.print("%s has no topic %s\n", node, t.Topic)
	}
}

// words tell of a queue; messages are all there ever were in it.
func (q queue) words(messages string) string {
	words := fmt.Sprintf("depth %d", q.Depth)
	if q.Backend > 0 {
		words += fmt.Sprintf(" (%d on disk)", q.Backend)
	}
	words += fmt.Sprintf(", %d %s", q.Messages, messages)
	if q.Paused {
		words += ", PAUSED"
	}
	return words
}

func (p *player) showChannel(node, topic string, c channel) {
	p.print("%s %s/%s: %s; %d in flight, %d deferred, %d requeued, %d timed out\n",
		node, topic, c.Name, c.queue.words("came"), c.InFlight, c.Deferred, c.Requeues, c.Timeouts)
	for _, m := range c.Clients {
		closing := ""
		if m.State == 4 {
			closing = ", closing"
		}
		p.print("    %s: RDY %d, %d in flight, %d sent, %d finished, %d requeued%s\n", m.ID, m.Ready, m.InFlight, m.Messages, m.Finished, m.Requeued, closing)
	}
	open, said := p.book.inFlight(node, topic, c.Name, p.now)
	p.list("clients have", open)
	p.list("clients have said, unproved", said)
	p.list("clients await", p.book.waiting(node, topic, c.Name, p.now))
}

// list prints the first of a list of messages.
func (p *player) list(title string, all []string) {
	if len(all) == 0 {
		return
	}
	more := ""
	if n := len(all) - maxShown; n > 0 {
		all, more = all[:maxShown], fmt.Sprintf("; and %d more", n)
	}
	p.print("    %s: %s%s\n", title, strings.Join(all, "; "), more)
}

// showLookupd prints what an nsqlookupd knows of a target.
func (p *player) showLookupd(node string, t Target) {
	var known map[string][]struct {
		Node string `json:"broadcast_address"`
	}
	if !p.ask(node, "/debug", &known) {
		return
	}
	var lines []string
	for key, producers := range known { // sorted below
		kind, rest, _ := strings.Cut(key, ":")
		topic, channel, _ := strings.Cut(rest, ":")
		if kind == "client" && t.Topic != "" || t.Topic != "" && t.Topic != topic || t.Channel != "" && t.Channel != channel {
			continue
		}
		var names []string
		for _, n := range producers {
			names = append(names, n.Node)
		}
		slices.Sort(names)
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s: %s", strings.TrimRight(key, ":"), strings.Join(names, " ")), " "))
	}
	if len(lines) == 0 {
		lines = append(lines, "nothing")
	}
	slices.Sort(lines)
	p.print("%s knows\n", node)
	for _, l := range lines {
		p.print("    %s\n", l)
	}
}

// ask looks into a node; it says if there is nothing to see.
func (p *player) ask(node, path string, into any) bool {
	status, body, err := p.world.Look(node, path)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		p.print("%s: %s\n", node, strings.TrimPrefix(err.Error(), "sim: "))
		return false
	}
	return true
}
