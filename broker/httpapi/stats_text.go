package httpapi

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"
)

// statsText writes a report for people, byte for byte as nsqd does.
func (d *nsqd) statsText(rep report) string {
	now := d.clock()
	var w strings.Builder
	fmt.Fprintf(&w, "nsqd v%s (built w/%s)\n", rep.Version, runtime.Version())
	fmt.Fprintf(&w, "start_time %s\n", d.info.Started.Format(time.RFC3339))
	fmt.Fprintf(&w, "uptime %s\n", now.Sub(d.info.Started))
	fmt.Fprintf(&w, "\nHealth: %s\n", rep.Health)
	if rep.Memory != nil {
		writeMemory(&w, *rep.Memory)
	}
	if len(rep.Topics) == 0 {
		w.WriteString("\nTopics: None\n")
	} else {
		w.WriteString("\nTopics:")
	}
	for _, t := range rep.Topics {
		writeTopic(&w, t, now)
	}
	if len(rep.Producers) == 0 {
		w.WriteString("\nProducers: None\n")
	} else {
		w.WriteString("\nProducers:\n")
	}
	for _, c := range rep.Producers {
		fmt.Fprintf(&w, "   %s\n", clientLine(c, now))
	}
	return w.String()
}

func writeMemory(w *strings.Builder, m Memory) {
	w.WriteString("\nMemory:\n")
	for _, e := range []struct {
		name  string
		value uint64
	}{
		{"heap_objects", m.HeapObjects},
		{"heap_idle_bytes", m.HeapIdle},
		{"heap_in_use_bytes", m.HeapInUse},
		{"heap_released_bytes", m.HeapReleased},
		{"gc_pause_usec_100", m.Pause100},
		{"gc_pause_usec_99", m.Pause99},
		{"gc_pause_usec_95", m.Pause95},
		{"next_gc_bytes", m.NextGC},
		{"gc_total_runs", uint64(m.Collections)},
	} {
		fmt.Fprintf(w, "   %-25s\t%d\n", e.name, e.value)
	}
}

// writeTopic writes a topic and its channels. At the end of each line stand the percentiles that were asked for.
func writeTopic(w *strings.Builder, t topicReport, now time.Time) {
	fmt.Fprintf(w, "\n%s[%-15s] depth: %-5d be-depth: %-5d msgs: %-8d e2e%%: %s\n",
		mark("   ", "*P ", t.Paused), t.Name, t.Depth, t.BackendDepth, t.Messages, percentiles(t.Latency))
	for _, c := range t.Channels {
		fmt.Fprintf(w, "%s[%-25s] depth: %-5d be-depth: %-5d inflt: %-4d def: %-4d re-q: %-5d timeout: %-5d msgs: %-8d e2e%%: %s\n",
			mark("      ", "   *P ", c.Paused), c.Name, c.Depth, c.BackendDepth, c.InFlight, c.Deferred, c.Requeues, c.Timeouts, c.Messages,
			percentiles(c.Latency))
		for _, client := range c.Clients {
			fmt.Fprintf(w, "        %s\n", clientLine(client, now))
		}
	}
}

// percentiles are the values alone, in the order they were asked for.
func percentiles(l latencyReport) string {
	words := make([]string, 0, len(l.Percentiles))
	for _, p := range l.Percentiles {
		words = append(words, short(p.Value))
	}
	return strings.Join(words, ", ")
}

// short writes a duration with one decimal, as nsqd does: a unit begins above 1 of it.
func short(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if d > unit.length {
			return fmt.Sprintf("%.1f%s", float64(d)/float64(unit.length), unit.name)
		}
	}
	return fmt.Sprintf("%.1fns", float64(d))
}

// mark begins the line of what may be paused.
func mark(running, paused string, isPaused bool) string {
	if isPaused {
		return paused
	}
	return running
}

// clientLine tells of a client: of one that published as a producer, also among the consumers, as in nsqd.
func clientLine(c clientReport, now time.Time) string {
	age := now.Sub(time.Unix(c.Connected, 0)).Truncate(time.Second)
	_, port, _ := net.SplitHostPort(c.RemoteAddress) // a unix socket has none
	id := fmt.Sprintf("%s:%s %s", c.Hostname, port, c.UserAgent)
	if len(c.Published) == 0 {
		return fmt.Sprintf("[%s %-21s] state: %d inflt: %-4d rdy: %-4d fin: %-8d re-q: %-8d msgs: %-8d connected: %s",
			c.Version, id, c.State, c.InFlight, c.Ready, c.Finished, c.Requeued, c.Messages, age)
	}
	var total uint64
	var topics []string
	for _, p := range c.Published {
		total += p.Count
		topics = append(topics, fmt.Sprintf("%s=%d", p.Topic, p.Count))
	}
	return fmt.Sprintf("[%s %-21s] msgs: %-8d topics: %s connected: %s", c.Version, id, total, strings.Join(topics, ","), age)
}
