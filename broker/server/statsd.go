package server

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A statsdSnapshot is what statsd is told of.
type statsdSnapshot struct {
	topics []broker.TopicStats // sorted by name, as their channels
	memory httpapi.Memory
}

// statsdPrefix is what keys begin with: of a host and its port the dots and colons become underscores, as in nsqd.
func statsdPrefix(prefix, host string, port int) string {
	if prefix == "" {
		return ""
	}
	key := strings.NewReplacer(".", "_", ":", "_").Replace(net.JoinHostPort(host, strconv.Itoa(port)))
	prefix = strings.ReplaceAll(prefix, "%s", key)
	if !strings.HasSuffix(prefix, ".") {
		prefix += "."
	}
	return prefix
}

// A statsdText is lines for statsd.
type statsdText struct {
	strings.Builder
	prefix string // of each key
}

// count tells what a counter has grown by. That of a topic which was made anew meanwhile shrinks, as in nsqd.
func (t *statsdText) count(key string, now, last uint64) {
	fmt.Fprintf(t, "%s%s:%d|c\n", t.prefix, key, int64(now-last))
}

func (t *statsdText) gauge(key string, value int64) {
	fmt.Fprintf(t, "%s%s:%d|g\n", t.prefix, key, value)
}

func (t *statsdText) latency(key string, st broker.LatencyStats) {
	for _, p := range st.Percentiles {
		t.gauge(fmt.Sprintf("%s.e2e_processing_latency_%.0f", key, 100*p.Quantile), int64(p.Value))
	}
}

// lines says how things are, and what has happened since the snapshot before, a line each.
func (c *StatsdConfig) lines(prefix string, now, last statsdSnapshot) string {
	text := statsdText{prefix: prefix}
	for i := range now.topics {
		t := &now.topics[i]
		if c.ExcludeEphemeral && wire.IsEphemeral(t.Name) {
			continue
		}
		var before broker.TopicStats
		if i, found := slices.BinarySearchFunc(last.topics, t.Name, func(b broker.TopicStats, name string) int { return strings.Compare(b.Name, name) }); found {
			before = last.topics[i]
		}
		c.topicLines(&text, t, &before)
	}
	if c.MemStats {
		text.memory(now.memory, last.memory)
	}
	return text.String()
}

func (c *StatsdConfig) topicLines(text *statsdText, t, last *broker.TopicStats) {
	key := "topic." + t.Name
	text.count(key+".message_count", t.Messages, last.Messages)
	text.count(key+".message_bytes", t.MessageBytes, last.MessageBytes)
	text.gauge(key+".depth", t.Depth)
	text.gauge(key+".backend_depth", t.BackendDepth)
	text.latency(key, t.Latency)
	for i := range t.Channels {
		ch := &t.Channels[i]
		if c.ExcludeEphemeral && wire.IsEphemeral(ch.Name) {
			continue
		}
		var before broker.ChannelStats
		if i, found := slices.BinarySearchFunc(last.Channels, ch.Name, func(b broker.ChannelStats, name string) int { return strings.Compare(b.Name, name) }); found {
			before = last.Channels[i]
		}
		text.channel(key+".channel."+ch.Name, ch, &before)
	}
}

func (t *statsdText) channel(key string, c, last *broker.ChannelStats) {
	t.count(key+".message_count", c.Messages, last.Messages)
	t.gauge(key+".depth", c.Depth)
	t.gauge(key+".backend_depth", c.BackendDepth)
	t.gauge(key+".in_flight_count", int64(c.InFlight))
	t.gauge(key+".deferred_count", int64(c.Deferred))
	t.count(key+".requeue_count", c.Requeues, last.Requeues)
	t.count(key+".timeout_count", c.Timeouts, last.Timeouts)
	t.gauge(key+".clients", int64(len(c.Clients)))
	t.latency(key, c.Latency)
}

func (t *statsdText) memory(m, last httpapi.Memory) {
	t.gauge("mem.heap_objects", int64(m.HeapObjects))
	t.gauge("mem.heap_idle_bytes", int64(m.HeapIdle))
	t.gauge("mem.heap_in_use_bytes", int64(m.HeapInUse))
	t.gauge("mem.heap_released_bytes", int64(m.HeapReleased))
	t.gauge("mem.gc_pause_usec_100", int64(m.Pause100))
	t.gauge("mem.gc_pause_usec_99", int64(m.Pause99))
	t.gauge("mem.gc_pause_usec_95", int64(m.Pause95))
	t.gauge("mem.next_gc_bytes", int64(m.NextGC))
	t.count("mem.gc_runs", uint64(m.Collections), uint64(last.Collections))
}

// packets cuts text into pieces of so many bytes at most, between lines; a longer line is a piece of its own.
func packets(text string, size int) (all []string) {
	packet := 0 // bytes at the front of text
	for rest := text; len(rest) > 0; {
		line := strings.IndexByte(rest, '\n') + 1
		if packet > 0 && packet+line > size {
			all = append(all, text[:packet])
			text, packet = text[packet:], 0
		}
		packet += line
		rest = rest[line:]
	}
	if packet > 0 {
		all = append(all, text[:packet])
	}
	return all
}
