package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
)

// swarming is a scenario with a fault of its own and a swarm.
const swarming = `lookups: {l1: {}}
brokers: {b1: {}, b2: {}, b3: {}}
load:
  - {produce: orders, rate: 10/s, for: 10s}
  - {consume: orders/billing}
faults:
  - {at: 1s, pause: b2, for: 500ms}
swarm: {every: 2s, quiet: 700ms, lasting: 900ms, at_once: 4, from: 1s, until: 9500ms}
`

func parsed(t *testing.T, text string) *Scenario {
	t.Helper()
	s, err := Parse("s.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// TestDrawn: a seed's faults are concrete, keep to the swarm's times, and get on with each other; they are the same each time, and not those
// of another seed.
func TestDrawn(t *testing.T) {
	s := parsed(t, swarming)
	texts := map[string]bool{}
	kinds := map[int]bool{}
	for seed := range uint64(200) {
		d := s.Drawn(seed)
		text := d.Text()
		if text != s.Drawn(seed).Text() {
			t.Fatalf("seed %d draws two things", seed)
		}
		if again := parsed(t, text); d.Swarm != nil || d.Drawn(seed+1) != d || again.Text() != text {
			t.Fatalf("seed %d is read as\n%s, and was\n%s", seed, again.Text(), text)
		}
		texts[text] = true
		drawn := d.Faults[1:]
		var of []string
		for i, f := range drawn {
			of = append(of, f.Kind.Name)
			begin := (f.At - time.Second) / (2 * time.Second) * (2 * time.Second)
			if f.At < time.Second || f.For <= 0 || f.For > 900*time.Millisecond || f.At+f.For > begin+time.Second+1300*time.Millisecond || f.At+f.For > 9500*time.Millisecond {
				t.Errorf("seed %d: %s at %v for %v", seed, f.Words, f.At, f.For)
			}
			for _, other := range d.Faults[:i+1] {
				if f.Target == other.Target && other.Kind.Ends && f.Kind.Ends && f.At <= other.At+other.For {
					t.Errorf("seed %d: %s at %v, and %s at %v for %v", seed, f.Words, f.At, other.Words, other.At, other.For)
				}
			}
		}
		slices.Sort(of)
		kinds[len(slices.Compact(of))] = true
	}
	if len(s.Faults) != 1 || len(texts) < 190 || len(kinds) < 5 {
		t.Errorf("200 seeds draw %d scenarios, of so many kinds each: %v; the first has %d faults", len(texts), kinds, len(s.Faults))
	}
}

// TestCollide: what a fault could do nothing for is not drawn.
func TestCollide(t *testing.T) {
	s := parsed(t, swarming)
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"{at: 1s, kill: b1, for: 1s}", "{at: 1500ms, pause: b1, for: 1s}", true},
		{"{at: 1s, kill: b1, for: 1s}", "{at: 1500ms, pause: b2, for: 1s}", false},
		{"{at: 1s, pause: b1, for: 1s}", "{at: 1500ms, lyingdisk: b1, for: 1s}", true},
		{"{at: 1s, pause: b1}", "{at: 5s, lyingdisk: b1, for: 1s}", true},
		{"{at: 1s, lyingdisk: b1, for: 1s}", "{at: 1500ms, powercut: b1, for: 1s}", false},
		{"{at: 1s, restart: b1, for: 1s}", "{at: 1500ms, kill: b1, for: 1s}", true},
		{"{at: 1s, restart: b1, for: 1s}", "{at: 1500ms, lyingdisk: b1, for: 1s}", false},
		{"{at: 1s, stop: b1, for: 100ms}", "{at: 1500ms, powercut: b1, for: 1s}", false},
		{"{at: 1s, delay: b1, by: 1s, for: 1s}", "{at: 1500ms, reset: b1, for: 1s}", false},
	} {
		var both []*Fault
		for _, line := range []string{test.a, test.b} {
			f, err := s.fault(line)
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, f)
		}
		if got := collide(both[0], both[1]); got != test.want || collide(both[1], both[0]) != got {
			t.Errorf("%s and %s collide: %v", test.a, test.b, got)
		}
	}
}

// TestEveryKindIsDrawn: every kind there is, and every parameter of it.
func TestEveryKindIsDrawn(t *testing.T) {
	for _, k := range chaos.Kinds {
		s := parsed(t, strings.Replace(swarming, "swarm: {", "swarm: {faults: "+k.Name+", ", 1))
		words := ""
		for seed := range uint64(20) {
			for _, f := range s.Drawn(seed).Faults[1:] {
				if f.Kind.Name != k.Name {
					t.Fatalf("%s is drawn, want %s", f.Kind.Name, k.Name)
				}
				words += f.Words + ", "
			}
		}
		for _, p := range k.Params {
			if p.Type != chaos.Path && !strings.Contains(words, p.Name+": ") {
				t.Errorf("%s is never drawn with %s:\n%s", k.Name, p.Name, words)
			}
		}
	}
}

// TestRandom: what is made up is read again as it is, depends on the seed alone, and has everything that can stand in a file.
func TestRandom(t *testing.T) {
	all := map[string]bool{}
	whole := ""
	for seed := range uint64(200) {
		text := Random(seed).Text()
		if again := parsed(t, text); again.Swarm != nil || again.Text() != text || Random(seed).Text() != text {
			t.Fatalf("seed %d is read as\n%s, and was\n%s", seed, again.Text(), text)
		}
		all[text] = true
		whole += text
	}
	if len(all) != 200 {
		t.Errorf("200 seeds make up %d scenarios", len(all))
	}
	for _, k := range chaos.Kinds {
		if !strings.Contains(whole, ", "+k.Name+": ") {
			t.Errorf("no random scenario has a %s", k.Name)
		}
	}
	keys := slices.Concat(keyNames(scenarioKeys), keyNames(linkKeys), keyNames(producerKeys), keyNames(consumerKeys))
	for _, key := range keys {
		if key != "expect" && key != "strict" && key != "swarm" && key != "drain" && !strings.Contains(whole, key+": ") && !strings.Contains(whole, key+":\n") {
			t.Errorf("no random scenario has %s:", key)
		}
	}
}

func keyNames[T any](keys []key[T]) (all []string) {
	for _, k := range keys {
		all = append(all, k.name)
	}
	return all
}
