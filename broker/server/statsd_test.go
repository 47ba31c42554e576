package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/httpapi"
)

// The lines that statsd is told, of two intervals: names stand as they are, counters are what came since, those of a topic that was
// made anew fall once, and what is #ephemeral can be left out.
func TestStatsdLines(t *testing.T) {
	latency := broker.LatencyStats{Count: 3, Percentiles: []broker.Percentile{
		{Quantile: 1, Value: 3 * time.Second}, {Quantile: 0.999, Value: 2 * time.Second}, {Quantile: 0.5, Value: time.Millisecond},
	}}
	first := statsdSnapshot{
		topics: []broker.TopicStats{
			{Name: "anew", Messages: 100, MessageBytes: 5000},
			{Name: "gone", Messages: 1},
			{Name: "orders.v2", Messages: 10, MessageBytes: 1000, Depth: 3, BackendDepth: 2, Latency: latency, Channels: []broker.ChannelStats{
				{Name: "audit#ephemeral", Messages: 4},
				{Name: "billing", Messages: 7, Depth: 1, BackendDepth: 1, InFlight: 2, Deferred: 3, Requeues: 4, Timeouts: 5, Latency: latency},
			}},
			{Name: "t#ephemeral", Messages: 1},
		},
		memory: httpapi.Memory{HeapObjects: 1, HeapIdle: 2, HeapInUse: 3, HeapReleased: 4, Pause100: 5, Pause99: 6, Pause95: 7, NextGC: 8, Collections: 9},
	}
	second := statsdSnapshot{
		topics: []broker.TopicStats{
			{Name: "anew", Messages: 1, MessageBytes: 50},
			{Name: "new", Messages: 2, MessageBytes: 8},
			{Name: "orders.v2", Messages: 15, MessageBytes: 1500, Channels: []broker.ChannelStats{
				{Name: "billing", Messages: 8, Requeues: 4, Timeouts: 6, Clients: make([]broker.ClientStats, 2)},
			}},
		},
		memory: httpapi.Memory{Collections: 11},
	}
	all := StatsdConfig{MemStats: true}
	some := StatsdConfig{ExcludeEphemeral: true}
	golden(t, "statsd.txt", "the first interval:\n"+all.lines("nsq.", first, statsdSnapshot{})+
		"\nthe second:\n"+all.lines("nsq.", second, first)+
		"\nthe first without memory and what is ephemeral:\n"+some.lines("", first, statsdSnapshot{}))
}

func TestStatsdPrefix(t *testing.T) {
	for _, c := range []struct {
		prefix, host string
		port         int
		want         string
	}{
		{"nsq.%s", "b1.example.com", 4151, "nsq.b1_example_com_4151."},
		{"nsq.%s.", "10.0.0.1", 4151, "nsq.10_0_0_1_4151."},
		{"%s.%s", "h", 0, "h_0.h_0."},
		{"a.b", "h", 1, "a.b."},
		{"nsq.%s", "::1", 4151, "nsq.[__1]_4151."},
		{"", "h", 1, ""},
	} {
		if got := statsdPrefix(c.prefix, c.host, c.port); got != c.want {
			t.Errorf("%q of %s:%d is %q, want %q", c.prefix, c.host, c.port, got, c.want)
		}
	}
}

// A packet holds as many whole lines as it can; a line that is longer than a packet is one.
func TestStatsdPackets(t *testing.T) {
	for _, c := range []struct {
		text string
		size int
		want []string
	}{
		{"", 10, nil},
		{"a:1\nb:2\nc:3\n", 8, []string{"a:1\nb:2\n", "c:3\n"}},
		{"a:1\nb:2\nc:3\n", 9, []string{"a:1\nb:2\n", "c:3\n"}},
		{"a:1\nb:2\nc:3\n", 7, []string{"a:1\n", "b:2\n", "c:3\n"}},
		{"a:1\nb:2\nc:3\n", 1, []string{"a:1\n", "b:2\n", "c:3\n"}},
		{"a:1\nlong:2345678\nc:3\n", 8, []string{"a:1\n", "long:2345678\n", "c:3\n"}},
		{"a:1\nb:2\n", 100, []string{"a:1\nb:2\n"}},
	} {
		if got := packets(c.text, c.size); !slices.Equal(got, c.want) {
			t.Errorf("%q in packets of %d: %q, want %q", c.text, c.size, got, c.want)
		}
	}
}

// Packets go evenly over the time; one that cannot be sent keeps no other back, and the end keeps all back.
func TestStatsdSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var sent []string
		send := func(p string) error {
			sent = append(sent, fmt.Sprint(p, " ", time.Since(began)))
			if p == "b" {
				return errors.New("refused")
			}
			return nil
		}
		if err := spread(t.Context(), []string{"a", "b", "c", "d"}, 59*time.Second, send); err == nil || err.Error() != "refused" {
			t.Error(err)
		}
		if want := []string{"a 0s", "b 14.75s", "c 29.5s", "d 44.25s"}; !slices.Equal(sent, want) {
			t.Errorf("sent %q, want %q", sent, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began, sent = time.Now(), nil
		if err := spread(ctx, []string{"a", "c", "d", "e"}, 59*time.Second, send); err != nil {
			t.Error(err)
		}
		if want := []string{"a 0s", "c 14.75s"}; !slices.Equal(sent, want) || time.Since(began) != 20*time.Second {
			t.Errorf("sent %q until %v, want %q until the end", sent, time.Since(began), want)
		}
	})
}

// newStatsd stands in for statsd.
func newStatsd(t *testing.T) net.PacketConn {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patienceOfTests)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A daemon tells statsd by UDP, again and again, in packets of the size asked for.
func TestStatsd(t *testing.T) {
	statsd := newStatsd(t)
	d := startNsqd(t, func(c *Config) {
		c.BroadcastAddress, c.BroadcastHTTPPort = "b1.example", 99
		c.Statsd.Address, c.Statsd.Interval, c.Statsd.PacketSize = statsd.LocalAddr().String(), 20*time.Millisecond, 100
	})
	post(t, d, "/topic/create?topic=t", "")
	post(t, d, "/channel/create?topic=t&channel=c", "")
	post(t, d, "/pub?topic=t", "hello")
	wanted := []string{
		"nsq.b1_example_99.topic.t.message_count:1|c", "nsq.b1_example_99.topic.t.message_count:0|c", // then, and after it
		"nsq.b1_example_99.topic.t.channel.c.depth:1|g", "nsq.b1_example_99.mem.gc_runs:0|c",
	}
	packet := make([]byte, 1<<16)
	for len(wanted) > 0 {
		n, _, err := statsd.ReadFrom(packet)
		if err != nil {
			t.Fatalf("%v: never told %q", err, wanted)
		}
		text := string(packet[:n])
		if n > 100 || !strings.HasSuffix(text, "\n") {
			t.Fatalf("a packet of %d bytes: %q", n, text)
		}
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) == wanted[0] {
				wanted = wanted[1:]
			}
			if len(wanted) == 0 {
				break
			}
		}
	}
}

// The daemon's end does not wait for what is still to be told, nor does statsd's address that is wrong end the daemon.
func TestStatsdEnds(t *testing.T) {
	statsd := newStatsd(t)
	d := startNsqd(t, func(c *Config) {
		c.Statsd.Address, c.Statsd.Interval, c.Statsd.PacketSize = statsd.LocalAddr().String(), time.Hour, 1
	})
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	var out lockedBuffer
	d = startNsqd(t, func(c *Config) {
		c.Statsd.Address, c.Statsd.Interval = "no such host:8125", time.Millisecond
		c.Log = WriteLog(&out, "", Error)
	})
	await(t, "logged", func() bool { return strings.Contains(out.text(), "ERROR: STATSD: ") })
	if got := get(t, d, "/ping"); got != "OK" {
		t.Errorf("ping: %q", got)
	}
}

// What cannot be done is refused at the start.
func TestStatsdOptions(t *testing.T) {
	for _, c := range []struct {
		change func(*StatsdConfig)
		want   string
	}{
		{func(s *StatsdConfig) { s.Interval = 0 }, "--statsd-interval must be more than 0"},
		{func(s *StatsdConfig) { s.PacketSize = 0 }, "--statsd-udp-packet-size must be more than 0"},
	} {
		cfg := DefaultConfig()
		cfg.TCPAddress, cfg.HTTPAddress, cfg.Statsd.Address = "127.0.0.1:0", "", "127.0.0.1:8125"
		c.change(&cfg.Statsd)
		if d, err := Start(cfg); err == nil {
			t.Errorf("%s: it starts", c.want)
			_ = d.Stop()
		} else if err.Error() != c.want {
			t.Errorf("%q, want %q", err, c.want)
		}
	}
}
