package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// faultsOf plays faults at a broker with some flags and gives what its history has of them.
func faultsOf(t *testing.T, broker string, faults ...string) (ops []history.Op) {
	t.Helper()
	file := fmt.Sprintf("brokers: {b1: {%s}}\nload:\n  - {produce: orders, rate: 50/s, for: 10s}\n  - {consume: orders/billing}\nfaults:\n", broker)
	for _, f := range faults {
		file += "  - {" + f + "}\n"
	}
	for _, op := range played(t, file, func(c sim.Cluster) sim.Cluster { return c }) {
		if op.Process == history.Nemesis {
			ops = append(ops, op)
		}
	}
	return ops
}

// told is an entry in short, with its licences of loss.
func told(op history.Op) string {
	return strings.Join(slices.DeleteFunc(append([]string{op.Time.Truncate(time.Millisecond).String(), string(op.Type), op.F, op.Durability}, of("no-loss", op.Licenses)...),
		func(word string) bool { return word == "" }), " ")
}

// TestRestartsInTheHistory: a restart is over when the node is up again, and the one that heals it is another. What OK promises is what it
// promised when it was said.
func TestRestartsInTheHistory(t *testing.T) {
	for _, c := range []struct {
		name, broker string
		faults       []string
		want         []string // invokes
	}{
		{"to more, by kill", "durability: os", []string{`at: 1s, restart: b1, flags: "--durability=fsync", how: kill, for: 3s`, "at: 2s, powercut: b1, for: 100ms", "at: 3s, kill: b1, for: 100ms", "at: 5s, powercut: b1, for: 100ms"}, []string{
			"1s invoke restart os", "2s invoke powercut fsync no-loss/orders before 1s", "3s invoke kill fsync", "4s invoke restart fsync", "5s invoke powercut os no-loss"}},
		{"to more, in order", "durability: os", []string{`at: 1s, restart: b1, flags: "--durability=fsync", for: 3s`, "at: 2s, powercut: b1, for: 100ms"}, []string{
			"1s invoke restart os", "2s invoke powercut fsync", "4s invoke restart fsync"}},
		{"to less", "durability: fsync", []string{`at: 1s, restart: b1, flags: "--durability=memory", how: kill, for: 3s`, "at: 2s, kill: b1, for: 100ms", "at: 5s, kill: b1, for: 100ms"}, []string{
			"1s invoke restart fsync", "2s invoke kill memory no-loss", "4s invoke restart memory no-loss", "5s invoke kill fsync"}},
		{"by power cut", "durability: os", []string{`at: 1s, restart: b1, how: powercut, for: 3s`}, []string{
			"1s invoke restart os no-loss", "4s invoke restart os no-loss"}},
		{"crashes", "durability: os", []string{`at: 1s, crash: b1, point: after-ack, for: 1s`, `at: 3s, crash: b1, point: after-ack, how: powercut, for: 1s`}, []string{
			"1s invoke crash", "1s info crash os", "3s invoke crash", "3s info crash os no-loss"}},
		{"crash of what it has become", "durability: fsync", []string{`at: 1s, crash: b1, point: after-ack, nth: 100, for: 6s`, `at: 2s, restart: b1, flags: "--durability=memory", for: 8s`}, []string{
			"1s invoke crash", "2s invoke restart fsync", "3s info crash memory no-loss", "10s invoke restart memory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			on := 0
			for _, op := range faultsOf(t, c.broker, c.faults...) {
				switch op.Type {
				case history.Invoke:
					got = append(got, told(op))
					on++
				case history.Info:
					if op.Durability != "" {
						got = append(got, told(op))
					}
				case history.OK:
					on--
				case history.Fail:
					t.Errorf("%s failed: %s", op.Note, op.Error)
				}
				if !op.Ends || (op.F == "restart" && op.Type == history.OK && on != 0 && len(c.faults) == 1) {
					t.Errorf("%+v", op)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the history has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if on != 0 {
				t.Errorf("%d faults are not over", on)
			}
		})
	}
}

// TestSkewsInTheHistory: the history tells how far clocks are off.
func TestSkewsInTheHistory(t *testing.T) {
	got := map[string][2]int64{}
	for _, op := range faultsOf(t, "", "at: 1s, clockoffset: b1, by: -1h, for: 1s", "at: 1s, clockstep: b1, by: 2s, for: 1s",
		"at: 3s, clockdrift: b1, by: 200ppm, for: 1s", "at: 5s, clockfreeze: b1, for: 1s") {
		if op.Type == history.Invoke {
			got[op.F] = [2]int64{int64(op.After), op.Count}
		} else if op.After != 0 || op.Count != 0 {
			t.Errorf("%+v", op)
		}
	}
	want := map[string][2]int64{
		"clockoffset": {-int64(time.Hour), 0}, "clockstep": {int64(2 * time.Second), 0}, "clockdrift": {0, 200}, "clockfreeze": {0, -1_000_000},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("clocks are off by %v, want %v", got, want)
	}
}

// TestStatesInTheHistory: a fault's invoke tells what the node was in the middle of, and the info of one that waits for its moment.
func TestStatesInTheHistory(t *testing.T) {
	var got []string
	for _, op := range faultsOf(t, "durability: fsync", "at: 1s, kill: b1, for: 1s", "at: 3s, crash: b1, point: before-sync, for: 1s", "at: 5s, delay: b1, by: 1ms, for: 1s") {
		if len(op.States) > 0 {
			got = append(got, fmt.Sprint(op.F, " ", op.Type))
		}
		if op.F == "crash" && op.Type == history.Info && (!slices.Contains(op.States, "before-sync") || op.Time <= 3*time.Second || op.Time > 3100*time.Millisecond) {
			t.Errorf("it crashed at %v in the states %q", op.Time, op.States)
		}
		for _, s := range op.States {
			if !slices.ContainsFunc(sim.NodeStates, func(n sim.NodeState) bool { return n.Name == s }) {
				t.Errorf("%q is not in the table", s)
			}
		}
	}
	if want := []string{"kill invoke", "crash info"}; !slices.Equal(got, want) {
		t.Errorf("states in %q, want %q", got, want)
	}
}
