package broker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// withPercentiles asks for some, of a window of ten minutes.
func withPercentiles(o *broker.Options) { o.LatencyPercentiles = broker.Percentiles{1, 0.5} }

// latency gives what StatsAt tells of the topic t and of one of its channels.
func (n *node) latency(channel string) (topic, one broker.LatencyStats) {
	n.t.Helper()
	t := n.b.StatsAt(n.now).Topics[0]
	for _, c := range t.Channels {
		if c.Name == channel {
			one = c.Latency
		}
	}
	return t.Latency, one
}

// wantLatency checks what is told of a count and of the percentiles 1 and 0.5.
func (n *node) wantLatency(got broker.LatencyStats, count uint64, longest, median time.Duration) {
	n.t.Helper()
	near := func(got, want time.Duration) bool { return (got - want).Abs() <= want/100 }
	if p := got.Percentiles; got.Count != count || len(p) != 2 || p[0].Quantile != 1 || p[1].Quantile != 0.5 ||
		!near(p[0].Value, longest) || !near(p[1].Value, median) {
		n.t.Fatalf("%+v, want %d: %v, %v", got, count, longest, median)
	}
}

// FINs alone feed the percentiles, with the time from publication; a topic's are of all its channels' FINs.
func TestLatencyPercentiles(t *testing.T) {
	n := newNode(t, withPercentiles)
	n.must(n.b.CreateTopic(n.now, "t"))
	if topic, _ := n.latency("a"); topic.Percentiles != nil || topic.Count != 0 {
		t.Fatalf("a topic without channels tells %+v", topic)
	}
	a, b := n.subscribe("t/a", 10), n.subscribe("t/b", 10)
	n.pub("t", "1", "2", "3")
	a.want("1", "2", "3")
	b.want("1", "2", "3")
	topic, one := n.latency("a")
	n.wantLatency(topic, 0, 0, 0)
	n.wantLatency(one, 0, 0, 0)

	n.pass(time.Second)
	a.fin("1", "2")
	n.pass(3 * time.Second)
	a.req("3", 0)
	b.fin("1")
	n.pass(time.Minute) // and 3 times out in b, as 2 does
	_, one = n.latency("a")
	n.wantLatency(one, 2, time.Second, time.Second)
	_, one = n.latency("b")
	n.wantLatency(one, 1, 4*time.Second, 4*time.Second)
	topic, _ = n.latency("b")
	n.wantLatency(topic, 3, 4*time.Second, time.Second)
	a.got()
	a.fin("3")
	_, one = n.latency("a")
	n.wantLatency(one, 3, 64*time.Second, time.Second)
	if st := n.channel("t/a"); st.Latency.Percentiles != nil {
		t.Errorf("Stats, which does not know the time, tells %+v", st.Latency)
	}
}

// What was finished more than a window ago is forgotten, and what was in the last half of it is not.
func TestLatencyWindow(t *testing.T) {
	n := newNode(t, withPercentiles)
	c := n.subscribe("t/c", 10)
	finish := func(after time.Duration) {
		n.pub("t", "x")
		c.want("x")
		n.pass(after)
		c.fin("x")
	}
	finish(time.Second)
	n.pass(5 * time.Minute) // half of it
	finish(2 * time.Second)
	_, one := n.latency("c")
	n.wantLatency(one, 2, 2*time.Second, time.Second)
	n.pass(5 * time.Minute)
	_, one = n.latency("c")
	n.wantLatency(one, 1, 2*time.Second, 2*time.Second)
	finish(3 * time.Second)
	n.pass(time.Hour)
	_, one = n.latency("c")
	n.wantLatency(one, 0, 0, 0)
	finish(4 * time.Second)
	_, one = n.latency("c")
	n.wantLatency(one, 1, 4*time.Second, 4*time.Second)
}

// counted gives how many a histogram has counted up to each bound that has some, longest last.
func counted(h broker.Histogram) (all []time.Duration) {
	for i, n := range h.Counts {
		for range n {
			all = append(all, broker.Bound(i))
		}
	}
	return all
}

// The histograms of a channel: of first deliveries, those of deferred messages from their due times, and of FINs, from publication.
func TestHistograms(t *testing.T) {
	n := newNode(t, nil)
	n.must(n.b.CreateTopic(n.now, "t"))
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.pub("t", "1", "2")
	n.dpub("t", 10*time.Second, "late")
	n.pass(time.Millisecond)
	c := n.subscribe("t/c", 10)
	c.want("1", "2")
	n.pass(time.Second)
	c.fin("1")
	c.req("2", 0)
	c.want("2#2")
	n.pass(9*time.Second + 2*time.Millisecond) // late is handed over 3 ms after its time
	c.want("late")
	c.fin("late")
	st := n.channel("t/c")
	ms, s := broker.Bound(6), broker.Bound(16) // 1.024 ms, 1.048576 s
	if got, want := counted(st.Delivery), []time.Duration{ms, ms, 4 * ms}; !slices.Equal(got, want) {
		t.Errorf("deliveries took up to %v, want %v", got, want)
	}
	if got, want := counted(st.EndToEnd), []time.Duration{s, 16 * s}; !slices.Equal(got, want) {
		t.Errorf("messages took up to %v, want %v", got, want)
	}
	if got, want := st.EndToEnd.Sum, 1.001+10.003; got < want-1e-6 || got > want+1e-6 || st.EndToEnd.Count() != 2 {
		t.Errorf("%d of %v s, want %v", st.EndToEnd.Count(), got, want)
	}
	n.now = n.now.Add(-time.Hour) // a clock that is set back
	n.pub("t", "3")
	c.want("3")
	n.now = n.now.Add(-time.Hour)
	c.fin("3")
	if got := n.channel("t/c").EndToEnd; got.Counts[0] != 1 || got.Sum != st.EndToEnd.Sum {
		t.Errorf("%+v", got)
	}
}

// TestHistogramBounds: a bound counts what is as long as it, and the last counter what is longer than all.
func TestHistogramBounds(t *testing.T) {
	for i := range broker.Bounds {
		var h broker.Histogram
		h.Add(broker.Bound(i), 3)
		h.Add(broker.Bound(i)+1, 2)
		if h.Counts[i] != 3 || h.Counts[i+1] != 2 || h.Count() != 5 {
			t.Errorf("bound %d: %v", i, h.Counts)
		}
	}
	var h broker.Histogram
	h.Add(0, 1)
	h.Add(-time.Second, 1)
	h.Add(1<<62, 1)
	if h.Counts[0] != 2 || h.Counts[broker.Bounds] != 1 {
		t.Error(h.Counts)
	}
}

// The commands whose OK a Transmit gives are told with the time at which they were read, also those that waited for a sync.
func TestAnswered(t *testing.T) {
	command := "PUB t\n\x00\x00\x00\x01x"
	for _, c := range []struct {
		name   string
		change func(*broker.Options)
		sync   bool
	}{{"os", nil, false}, {"fsync", byFsync, true}} {
		n := newNode(t, c.change)
		p := n.connect()
		began := n.now
		p.say("%s%sNOP\n", command, command)
		n.now = n.now.Add(time.Second)
		p.say("MPUB t\n\x00\x00\x00\x12\x00\x00\x00\x02\x00\x00\x00\x01x\x00\x00\x00\x03xyz%s", command)
		n.now = n.now.Add(time.Second)
		if c.sync {
			if p.s.Transmit(nil); len(slices.Collect(p.s.Answered())) > 0 {
				t.Errorf("%s: answered before the sync", c.name)
			}
			n.sync()
		}
		want := []broker.Answered{{Commands: 2, Read: began}, {Commands: 2, Read: began.Add(time.Second)}}
		if out := p.s.Transmit(nil); len(out) != 4*len(wire.AppendFrame(nil, wire.FrameResponse, []byte("OK"))) {
			t.Fatalf("%s: %q", c.name, out)
		}
		if got := slices.Collect(p.s.Answered()); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
		if p.s.Transmit(nil); len(slices.Collect(p.s.Answered())) > 0 {
			t.Errorf("%s: told twice", c.name)
		}
		if p.try("PUB t\n\xff\xff\xff\xff") == nil {
			t.Fatal("not refused")
		}
		if p.s.Transmit(nil); len(slices.Collect(p.s.Answered())) > 0 {
			t.Errorf("%s: a refusal is told", c.name)
		}
	}
}
