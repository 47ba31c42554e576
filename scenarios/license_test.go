package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// TestLicenses: what a fault may break is decided by what OK promises on the broker it hits, for each topic, and by what was done to the
// broker before.
func TestLicenses(t *testing.T) {
	const memory, os, fsync = "durability: memory", "durability: os", "durability: fsync"
	mixed := `durability: fsync, topic_durability: "orders=memory,refunds=os"`
	for _, c := range []struct {
		broker string
		faults string // one after another, at b1 unless they name another
		want   string // of each what OK promises, and the licences
	}{
		{memory, "kill, powercut, bitflip, truncate", "memory no-loss; memory no-loss; memory no-loss; memory no-loss"},
		{os, "kill, powercut, bitflip, truncate", "os; os no-loss; os no-loss; os no-loss"},
		{fsync, "kill, powercut, bitflip, truncate", "fsync; fsync; fsync no-loss; fsync no-loss"},
		{"", "kill, powercut", "os; os no-loss"},
		{"sync_every: 1", "kill, powercut", "fsync; fsync"},
		{memory, "stop, pause, slowdisk, lyingdisk, diskfull, diskerror, delay", "memory; memory; memory; memory; memory; memory (now worth nothing); "},
		{memory, "stop, diskfull, stop, kill", "memory; memory; memory (now worth nothing) no-loss; memory (now worth nothing) no-loss"},
		{os, "diskerror, stop, kill", "os; os; os"},
		{fsync, "powercut, lyingdisk, kill, powercut", "fsync; fsync; fsync (now worth os); fsync (now worth os) no-loss"},
		{fsync, "lyingdisk b2, powercut, powercut b2", "fsync; fsync; fsync (now worth os) no-loss"},
		{mixed, "kill, powercut, lyingdisk, powercut", " no-loss/orders;  no-loss/orders no-loss/refunds; ;  no-loss"},
		{mixed, "bitflip", " no-loss"},
	} {
		t.Run(c.broker+": "+c.faults, func(t *testing.T) {
			if got := strings.Join(licensesOf(t, "no-loss", c.broker, c.faults), "; "); got != c.want {
				t.Errorf("licences %q, want %q", got, c.want)
			}
		})
	}
}

// TestLicensesOfWhatIsNoted: what a broker notes of deliveries and of pauses may go where it was not written, or not synced.
func TestLicensesOfWhatIsNoted(t *testing.T) {
	const all = "kill, powercut, stop, diskfull, bitflip"
	for _, c := range []struct{ promise, durability, want string }{
		{"counts-attempts", "memory", "memory counts-attempts; memory counts-attempts; memory; memory counts-attempts; memory (now worth nothing) counts-attempts"},
		{"counts-attempts", "os", "os; os counts-attempts; os; os counts-attempts; os counts-attempts"},
		{"no-duplicates", "fsync", "fsync; fsync no-duplicates; fsync; fsync no-duplicates; fsync no-duplicates"},
		{"no-leak-while-paused", "memory", "memory; memory no-leak-while-paused; memory; memory no-leak-while-paused; memory (now worth nothing) no-leak-while-paused"},
		{"no-leak-while-paused", "fsync", "fsync; fsync; fsync; fsync no-leak-while-paused; fsync no-leak-while-paused"},
	} {
		if got := strings.Join(licensesOf(t, c.promise, "durability: "+c.durability, all), "; "); got != c.want {
			t.Errorf("%s: licences %q, want %q", c.promise, got, c.want)
		}
	}
}

// of are the licences of a promise.
func of(promise string, licenses []string) []string {
	return slices.DeleteFunc(slices.Clone(licenses), func(l string) bool { return !strings.HasPrefix(l, promise) })
}

// licensesOf plays faults, each for half a second and a second after the one before, and gives the licences of a promise that the history has.
func licensesOf(t *testing.T, promise, broker, faults string) (all []string) {
	t.Helper()
	words := map[string]string{"diskfull": ", room: 1MB", "slowdisk": ", by: 1s", "diskerror": ", op: sync", "delay": ", by: 1ms"}
	file := fmt.Sprintf(`brokers: {b1: {%s}, b2: {durability: fsync}}
load:
  - {produce: orders, rate: 10/s, for: 10s}
  - {produce: refunds, rate: 10/s, for: 10s}
  - {produce: reminders, rate: 10/s, for: 10s}
  - {consume: orders/billing}
  - {consume: refunds/billing}
  - {consume: reminders/mail}
faults:
`, broker)
	for i, fault := range strings.Split(faults, ", ") {
		kind, node, ok := strings.Cut(fault, " ")
		if !ok {
			node = "b1"
		}
		file += fmt.Sprintf("  - {at: %ds, %s: %s%s, for: 500ms}\n", i+1, kind, node, words[kind])
	}
	ended := map[string]bool{}
	for _, op := range played(t, file, func(c sim.Cluster) sim.Cluster { return c }) {
		if op.Process != history.Nemesis {
			continue
		}
		if op.Type == history.Invoke {
			all = append(all, strings.Join(append([]string{op.Durability}, of(promise, op.Licenses)...), " "))
		} else if len(op.Licenses) > 0 || op.Durability != "" {
			t.Errorf("licences %q and durability %q in other than the invoke", op.Licenses, op.Durability)
		}
		ended[op.F] = op.Ends
	}
	for kind, ends := range ended {
		if want := slices.Contains([]string{"kill", "stop", "powercut", "bitflip", "truncate"}, kind); ends != want {
			t.Errorf("in the history %s ends a broker: %v", kind, ends)
		}
	}
	return all
}

// played is the history of a scenario that is played on a world, or what is made of it.
func played(t *testing.T, file string, on func(sim.Cluster) sim.Cluster) (ops []history.Op) {
	t.Helper()
	s, err := Parse("played.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	w, err := sim.NewWorld(1, s.Nodes(), s.Links)
	if err != nil {
		t.Fatal(err)
	}
	err = Run(t.Context(), s, on(w), Options{Seed: 1, Run: 1, Record: func(op history.Op) { ops = append(ops, op) }})
	if err != nil {
		t.Fatal(err)
	}
	return ops
}
