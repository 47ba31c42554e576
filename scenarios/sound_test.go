package scenarios_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

var madeUp = flag.Int("made-up", 100, "made-up scenarios that are played")

// TestHardTimes plays what is hard to judge: no checker may take it for a violation.
func TestHardTimes(t *testing.T) {
	files, err := filepath.Glob("testdata/hard/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no scenarios: ", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := scenarios.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for seed := uint64(1); seed <= 5; seed++ {
				if r := inMemory(t, s, seed); r.Validity != reports.Valid && r.Validity != reports.Licensed {
					t.Errorf("seed %d is %s: %s", seed, r.Validity, r.Reason)
				}
			}
		})
	}
}

// TestMadeUp plays scenarios that nobody wrote. Many of them show nothing, but none may be found invalid.
func TestMadeUp(t *testing.T) {
	n := *madeUp
	if testing.Short() {
		n /= 5
	}
	judged := 0
	for seed := range uint64(n) {
		text := makeUp(rand.New(rand.NewPCG(seed, 0)))
		s, err := scenarios.Parse("made-up.yaml", []byte(text))
		if err != nil {
			t.Fatalf("made-up scenario %d: %v\n%s", seed, err, text)
		}
		switch r := inMemory(t, s, seed); r.Validity {
		case reports.Invalid:
			t.Errorf("made-up scenario %d is invalid: %s\n%s", seed, r.Reason, text)
		case reports.Valid, reports.Licensed:
			judged++
		}
	}
	if judged < n/4 {
		t.Errorf("only %d of %d made-up scenarios showed anything", judged, n)
	}
}

// inMemory plays a scenario in virtual time, with its history in memory.
func inMemory(t *testing.T, s *scenarios.Scenario, seed uint64) *reports.Report {
	t.Helper()
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	if err != nil {
		t.Fatal(err)
	}
	r, err := scenarios.Play(context.Background(), s, scenarios.Stand{
		Cluster: w, Backend: "virtual", Seed: seed, Slack: s.Links.Slack(), History: &memory{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// memory is a history that need not last.
type memory struct {
	bytes.Buffer
	*bytes.Reader
}

func (m *memory) Write(p []byte) (int, error) { return m.Buffer.Write(p) }
func (m *memory) Read(p []byte) (int, error)  { return m.Reader.Read(p) }

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	m.Reader = bytes.NewReader(m.Bytes())
	return m.Reader.Seek(offset, whence)
}

// A fiction is a scenario that is being made up.
type fiction struct {
	*rand.Rand
	text    strings.Builder
	ends    []string // whom a fault can hit
	nodes   int      // of ends, the first
	seconds int      // that the load lasts
}

// one draws one of some words.
func (f *fiction) one(words ...string) string { return words[f.IntN(len(words))] }

// often gives a text with a chance, and else none.
func (f *fiction) often(chance float64, format string, args ...any) string {
	if f.Float64() < chance {
		return fmt.Sprintf(format, args...)
	}
	return ""
}

func (f *fiction) end(prefix string) string {
	name := fmt.Sprint(prefix, len(f.ends))
	f.ends = append(f.ends, name)
	return name
}

func makeUp(rng *rand.Rand) string {
	f := &fiction{Rand: rng, seconds: 2 + rng.IntN(4)}
	f.ends = []string{"b0", "b1"}
	if f.Float64() < 0.5 {
		f.ends = append(f.ends, "l0", "l1")
		fmt.Fprintf(&f.text, "lookups: {l0: {}, l1: {%s}}\n", f.often(0.3, "inactive_producer_timeout: 20s"))
	}
	f.nodes = len(f.ends)
	f.text.WriteString("brokers:\n")
	for _, name := range []string{"b0", "b1"} {
		fmt.Fprintf(&f.text, "  %s: {msg_timeout: %s, durability: %s%s%s}\n", name, f.one("1s", "1500ms", "2s"), f.one("memory", "os", "fsync"),
			f.often(0.5, ", max_bytes_per_file: %s", f.one("1000", "20000")), f.often(0.5, ", sync_timeout: %s", f.one("1ms", "300ms")))
	}
	f.text.WriteString("load:\n")
	for _, topic := range []string{"orders", "later"}[:1+f.IntN(2)] {
		for range 1 + f.IntN(2) {
			f.produce(topic)
		}
		for _, channel := range []string{"a", "b", "c#ephemeral"}[:1+f.IntN(3)] {
			for range 1 + f.IntN(2) {
				f.consume(topic + "/" + channel)
			}
		}
	}
	if n := f.IntN(5); n > 0 {
		f.text.WriteString("faults:\n")
		for range n {
			f.fault()
		}
	}
	f.text.WriteString(f.often(0.3, "links: {delay: %s, jitter: %s}\n", f.one("0s", "5ms", "50ms"), f.one("0s", "1ms", "30ms")))
	return f.text.String()
}

func (f *fiction) produce(topic string) {
	kind := f.one("", "", ", batch: 2", ", batch: 20", ", defer: 100ms", ", defer: 700ms", ", defer: 3s")
	fmt.Fprintf(&f.text, "  - {name: %s, produce: %s, rate: %s/s, for: %ds, size: %s%s}\n",
		f.end("p"), topic, f.one("20", "60", "150"), f.seconds, f.one("50", "200", "1000"), kind)
}

func (f *fiction) consume(queue string) {
	work := f.one("work: 0s, in_flight: 1", "work: 0s, in_flight: 50", "work: 10ms, in_flight: 5", "work: 50ms, in_flight: 100",
		"work: 300ms, in_flight: 100, touch: 100ms", "work: 1200ms, in_flight: 100", "work: 1200ms, in_flight: 100, touch: 400ms")
	fmt.Fprintf(&f.text, "  - {name: %s, consume: %q, %s%s%s%s%s%s%s%s}\n", f.end("c"), queue, work,
		f.often(0.4, ", requeue: %s", f.one("5%", "30%")), f.often(0.5, ", requeue_after: %s", f.one("50ms", "700ms", "1800ms")),
		f.often(0.3, ", crash_every: %s, crash_for: %s", f.one("170ms", "700ms", "2s"), f.one("1ms", "100ms", "900ms")),
		f.often(0.3, ", clients: %d", 2+f.IntN(2)), f.often(0.2, ", from: %s", f.one("300ms", "1s")),
		f.often(0.3, ", msg_timeout: %s", f.one("1s", "1200ms", "3s")), f.finding())
}

// finding is how a consumer may find its brokers.
func (f *fiction) finding() string {
	if f.nodes == 2 {
		return ""
	}
	return f.often(0.6, ", find: lookup%s", f.often(0.3, ", poll: %s", f.one("300ms", "2s")))
}

func (f *fiction) fault() {
	end := f.ends[f.IntN(len(f.ends))]
	node, broker := f.ends[f.IntN(f.nodes)], f.ends[f.IntN(2)]
	what := f.one("kill: "+node, "stop: "+node, "powercut: "+node, "pause: "+node, "reset: "+end, f.ofDisk(broker), f.ofDisk(broker),
		fmt.Sprintf("delay: %s, by: %s, jitter: %s", end, f.one("20ms", "300ms", "1500ms"), f.one("1ms", "200ms")),
		fmt.Sprintf("partition: %s, way: %s", end, f.one("in", "out", "both")),
		fmt.Sprintf("bandwidth: %s, rate: %s", end, f.one("2KB/s", "20KB/s", "200KB/s")))
	if f.Float64() < 0.3 {
		what = f.ofClients()
	}
	fmt.Fprintf(&f.text, "  - {at: %dms, %s, for: %s}\n", 100+f.IntN(f.seconds*1000-600), what, f.one("20ms", "200ms", "900ms", "2500ms"))
}

// ofClients is a fault of a load line's clients.
func (f *fiction) ofClients() string {
	var producers, consumers []string
	for _, end := range f.ends[f.nodes:] {
		if strings.HasPrefix(end, "p") {
			producers = append(producers, end)
		} else {
			consumers = append(consumers, end)
		}
	}
	c := f.one(consumers...)
	part := f.often(0.6, ", share: %s", f.one("10%", "50%", "100%"))
	return f.one(fmt.Sprintf("republish: %s, after: %s", f.one(producers...), f.one("20ms", "200ms", "700ms")), "die: "+c,
		fmt.Sprintf("slowwork: %s, by: %s%s", c, f.one("10ms", "400ms", "1700ms"), part), "forget: "+c+part, "finishtwice: "+c+part,
		fmt.Sprintf("finishlate: %s, by: %s%s", c, f.one("1ms", "300ms"), part),
		fmt.Sprintf("requeue: %s%s%s", c, f.often(0.5, ", after: %s", f.one("20ms", "700ms", "2s")), part),
		fmt.Sprintf("ready: %s, rdy: %s", c, f.one("0", "1", "2500")))
}

// ofDisk is a fault of a node's disk.
func (f *fiction) ofDisk(node string) string {
	return f.one("lyingdisk: "+node, "bitflip: "+node+f.often(0.5, `, files: "*"`), "truncate: "+node+f.often(0.5, `, files: "*"`),
		fmt.Sprintf("slowdisk: %s, by: %s", node, f.one("1ms", "50ms", "700ms")),
		fmt.Sprintf("diskfull: %s, room: %s", node, f.one("0B", "1KB", "50KB")),
		fmt.Sprintf("diskerror: %s, op: %s%s", node, f.one("write", "sync", "read", "create", "syncdir", "rename", "remove"), f.often(0.7, ", nth: %d", 1+f.IntN(4))))
}
