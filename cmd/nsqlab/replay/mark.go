package replay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// A Mark is a place in a run: behind all that happens up to a time, or behind an operation.
type Mark struct {
	At   time.Duration
	Line int // of the operation in the history's file, whose header is line 1; 0: the mark is a time
}

// ParseMark reads a time, "3.2s", or a line, "1234".
func ParseMark(s string) (Mark, error) {
	if n, err := strconv.Atoi(s); err == nil && n > 1 {
		return Mark{Line: n}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return Mark{}, fmt.Errorf("%q is no place in a run; want a time, such as 3.2s, or a line of the history, such as 1234 (from 2: the first is its header)", s)
	}
	return Mark{At: d}, nil
}

func (m Mark) String() string {
	if m.Line > 0 {
		return fmt.Sprintf("line %d", m.Line)
	}
	return m.At.String()
}

// A Target is what can be shown of a world: a node, a topic or a channel.
type Target struct {
	Node, Topic, Channel string // empty: any
}

// ParseTarget reads what is to be shown in a scenario: b1, orders, orders/billing, b1:orders or b1:orders/billing.
func ParseTarget(text string, s *scenarios.Scenario) (Target, error) {
	var t Target
	node, rest, both := strings.Cut(text, ":")
	switch {
	case both:
		t.Node = node
	case slices.ContainsFunc(s.Nodes(), func(n sim.Node) bool { return n.Name == text }):
		return Target{Node: text}, nil
	default:
		rest = text
	}
	if both && !slices.ContainsFunc(s.Nodes(), func(n sim.Node) bool { return n.Name == node }) {
		return t, fmt.Errorf("there is no node %q; there are %s", node, strings.Join(nodeNames(s), ", "))
	}
	t.Topic, t.Channel, _ = strings.Cut(rest, "/")
	topics, channels := queues(s)
	if !slices.Contains(topics, t.Topic) {
		return t, fmt.Errorf("%q is no node, topic or channel of the scenario; there are %s", text, strings.Join(slices.Concat(nodeNames(s), topics, channels), ", "))
	}
	if t.Channel != "" && !slices.Contains(channels, rest) {
		return t, fmt.Errorf("there is no channel %q in the scenario; there are %s", rest, strings.Join(channels, ", "))
	}
	return t, nil
}

// nodeNames lists the nodes of a scenario.
func nodeNames(s *scenarios.Scenario) (all []string) {
	for _, n := range s.Nodes() {
		all = append(all, n.Name)
	}
	return all
}

// queues lists the topics and the channels that a scenario names.
func queues(s *scenarios.Scenario) (topics, channels []string) {
	add := func(list *[]string, name string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, p := range s.Producers {
		add(&topics, p.Topic)
	}
	for _, c := range s.Consumers {
		add(&topics, c.Topic)
		add(&channels, c.Topic+"/"+c.Channel)
	}
	return topics, channels
}

// ParseMsg reads a message's number, "3-17".
func ParseMsg(s string) (uint64, error) {
	producer, number, ok := strings.Cut(s, "-")
	p, err1 := strconv.ParseUint(producer, 10, 24)
	n, err2 := strconv.ParseUint(number, 10, 40)
	if !ok || err1 != nil || err2 != nil || p == 0 || n == 0 {
		return 0, fmt.Errorf("%q is no message; want its producer's number and its own, such as 3-17", s)
	}
	return history.Msg(uint32(p), n), nil
}
