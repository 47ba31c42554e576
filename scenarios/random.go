package scenarios

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A draw is a word of a file that a random scenario may have: how often, and the values it takes one of.
type draw struct {
	name   string
	chance float64
	values []string
}

// What random scenarios are made of, beside what their swarms draw. A value that is nothing leaves the word out.
var (
	lookupDraws = []draw{
		{"inactive_producer_timeout", 0.3, []string{"5s", "20s"}},
		{"tombstone_lifetime", 0.2, []string{"1s", "10s"}},
	}
	brokerDraws = []draw{
		{"durability", 0.8, []string{"memory", "os", "fsync"}},
		{"topic_durability", 0.2, []string{"orders=memory", "orders=fsync,later=os", "later=memory", "later=fsync"}},
		{"msg_timeout", 0.9, []string{"800ms", "1s", "1500ms", "2s"}},
		{"max_msg_timeout", 0.2, []string{"3s", "5s"}},
		{"max_req_timeout", 0.05, []string{"3s", "1h"}},
		{"max_defer_timeout", 0.1, []string{"3s", "10s"}},
		{"sync_every", 0.3, []string{"1", "2", "10", "100"}},
		{"sync_timeout", 0.8, []string{"1ms", "20ms", "100ms", "300ms"}},
		{"mem_queue_size", 0.3, []string{"0", "1", "10", "100"}},
		{"max_bytes_per_file", 0.5, []string{"200", "1000", "5000", "20000"}},
		{"requeue_on_disconnect", 0.3, []string{"true"}},
		{"max_rdy_count", 0.1, []string{"60", "200"}},
		{"max_channel_consumers", 0.05, []string{"20"}},
		{"e2e_processing_latency_percentile", 0.1, []string{"0.5,0.99"}},
	}
	linkDraws = []draw{
		{"delay", 0.7, []string{"0s", "1ms", "5ms", "50ms"}},
		{"jitter", 0.7, []string{"0s", "500us", "5ms", "30ms"}},
	}
	producerDraws = []draw{
		{"rate", 1, []string{"30/s", "60/s", "100/s"}},
		{"for", 1, []string{"1s", "1500ms", "2s"}},
		{"from", 0.1, []string{"100ms", "500ms"}},
		{"size", 0.7, []string{"24", "50", "200", "1000"}},
		{"clients", 0.1, []string{"2", "3"}},
		{"batch", 0.6, []string{"2", "7", "20"}}, // or defer
		{"defer", 0.6, []string{"100ms", "700ms", "3s"}},
	}
	consumerDraws = []draw{
		{"in_flight", 0.95, []string{"1", "2", "5", "20", "50"}},
		{"work", 0.8, []string{"1ms", "10ms", "1ms", "10ms", "50ms", "50ms", "300ms", "700ms"}},
		{"touch", 0.3, []string{"40ms", "100ms", "400ms"}},
		{"requeue", 0.3, []string{"5%", "30%"}},
		{"requeue_after", 0.3, []string{"50ms", "700ms", "1800ms"}},
		{"crash_every", 0.25, []string{"270ms", "700ms", "2s"}},
		{"crash_for", 0.5, []string{"1ms", "100ms", "900ms"}},
		{"clients", 0.3, []string{"2", "3"}},
		{"from", 0.15, []string{"100ms", "300ms"}},
		{"msg_timeout", 0.3, []string{"1s", "1200ms", "3s"}},
	}
	swarmDraws = []draw{
		{"every", 1, []string{"1s", "1500ms", "2s"}},
		{"quiet", 1, []string{"0s", "100ms", "400ms"}},
		{"lasting", 1, []string{"400ms", "1s", "2s"}},
		{"at_once", 1, []string{"1", "1", "1", "2", "3"}},
		{"from", 0.7, []string{"50ms", "300ms"}},
		{"until", 0.5, []string{"1s"}},
	}
)

// Random makes up a scenario from a seed: its nodes and their configurations, its load, its links and its faults, all of them drawn, and small
// enough to be played in milliseconds. What it gives can be read again from its Text.
func Random(seed uint64) *Scenario {
	f := &fiction{Rand: stream(seed, "random")}
	f.nodes()
	f.load()
	if f.often(0.4) {
		f.write("links: %s\n", f.words(linkDraws, ""))
	}
	if f.often(0.9) {
		f.write("swarm: %s\n", f.words(swarmDraws, ""))
	}
	name := fmt.Sprintf("random-%d", seed)
	s, err := Parse(name, []byte(f.text.String()))
	if err != nil {
		panic(fmt.Sprintf("scenarios: what is made up from seed %d cannot be read: %v\n%s", seed, err, f.text.String()))
	}
	s.Description, s.Seed = "made up from seed "+fmt.Sprint(seed), seed
	return s.Drawn(seed)
}

// A fiction is a scenario that is being made up.
type fiction struct {
	*rand.Rand
	text    strings.Builder
	lookups []string
	brokers []string
}

func (f *fiction) write(format string, args ...any) { fmt.Fprintf(&f.text, format, args...) }

// often is true with a chance.
func (f *fiction) often(chance float64) bool { return f.Float64() < chance }

// words draws from a table, but for one word, and puts more before it.
func (f *fiction) words(table []draw, without string, before ...string) string {
	all := before
	for _, d := range table {
		if f.often(d.chance) && d.name != without {
			all = append(all, d.name+": "+quoted(oneOf(f.Rand, d.values)))
		}
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// some draws one or more of some names, in their order.
func (f *fiction) some(names []string) string {
	first := f.IntN(len(names))
	return namesText(names[first : first+1+f.IntN(len(names)-first)])
}

// nodes makes up who there is: most often few.
func (f *fiction) nodes() {
	if f.often(0.4) {
		f.lookups = []string{"l1", "l2", "l3"}[:1+f.IntN(3)]
		f.write("lookups:\n")
	}
	for _, l := range f.lookups {
		f.write("  %s: %s\n", l, f.words(lookupDraws, ""))
	}
	f.brokers = []string{"b1", "b2", "b3", "b4", "b5"}[:1+min(f.IntN(5), f.IntN(5))]
	f.write("brokers:\n")
	for _, b := range f.brokers {
		var known []string
		if len(f.lookups) > 1 && f.often(0.2) {
			known = append(known, "lookups: "+f.some(f.lookups))
		}
		f.write("  %s: %s\n", b, f.words(brokerDraws, "", known...))
	}
}

// load makes up who publishes what and who consumes it.
func (f *fiction) load() {
	f.write("load:\n")
	topics := []string{"orders", "later", "passing#ephemeral"}
	for _, topic := range topics[f.IntN(2):][:1+f.IntN(2)] {
		for range 1 + f.IntN(2) {
			f.produce(topic)
		}
		channels := []string{"a", "b", "c#ephemeral"}[:1+f.IntN(3)]
		for i, channel := range channels {
			f.consume(topic+"/"+channel, i == 0)
			if f.often(0.4) {
				f.consume(topic+"/"+channel, false)
			}
		}
	}
}

func (f *fiction) produce(topic string) {
	words := []string{"produce: " + quoted(topic)}
	if f.often(0.15) {
		words = append(words, "to: "+f.some(f.brokers))
	}
	f.write("  - %s\n", f.words(producerDraws, oneOf(f.Rand, []string{"batch", "defer"}), words...))
}

// consume makes up a line that consumes from all brokers, or from some, or from those it finds.
func (f *fiction) consume(queue string, all bool) {
	words := []string{"consume: " + quoted(queue)}
	switch {
	case len(f.lookups) > 0 && f.often(0.6):
		words = append(words, "find: lookup")
		if f.often(0.4) {
			words = append(words, "poll: "+oneOf(f.Rand, []string{"300ms", "2s"}))
		}
	case !all && f.often(0.3):
		words = append(words, "on: "+f.some(f.brokers))
	}
	f.write("  - %s\n", f.words(consumerDraws, "", words...))
}
