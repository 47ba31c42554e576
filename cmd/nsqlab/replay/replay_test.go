package replay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// small is a scenario with a bit of everything that can be shown.
const small = `
brokers: {b1: {durability: memory, msg_timeout: 2s}, b2: {}}
lookups: {l1: {}}
load:
  - {produce: orders, rate: 100/s, for: 2s, size: 50}
  - {produce: later, rate: 20/s, for: 2s, size: 50, defer: 800ms}
  - {consume: orders/billing, in_flight: 5, work: 40ms, requeue: 10%, requeue_after: 300ms}
  - {consume: later/audit, in_flight: 5}
faults:
  - {at: 500ms, pause: b2, for: 300ms}
  - {at: 1s, kill: b1, for: 500ms}
drain: 20s
`

// record plays the small scenario and leaves its history in a file.
func record(t *testing.T, seed uint64) (file string, rep *reports.Report) {
	t.Helper()
	dir := t.TempDir()
	scenario := filepath.Join(dir, "small.yaml")
	must(t, os.WriteFile(scenario, []byte(small), 0o666))
	s, err := scenarios.Load(scenario)
	must(t, err)
	w, slack, err := NewWorld(s, seed)
	must(t, err)
	file = filepath.Join(dir, historyName)
	f, err := os.Create(file)
	must(t, err)
	rep, err = scenarios.Play(t.Context(), s, scenarios.Stand{Cluster: w, Backend: virtual, Seed: seed, Slack: slack, History: f})
	must(t, err)
	must(t, f.Close())
	must(t, w.Close())
	return file, rep
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// again plays a history again, and gives what is printed.
func again(t *testing.T, path string, change func(*Source, *Config)) (Result, string) {
	t.Helper()
	src, err := Open(path, Choice{})
	must(t, err)
	var out strings.Builder
	c := Config{Out: &out}
	if change != nil {
		change(src, &c)
	}
	res, err := Play(t.Context(), src, c)
	must(t, err)
	return res, out.String()
}

// edit changes one line of a file, from 1.
func edit(t *testing.T, file string, line int, change func(string) string) {
	t.Helper()
	p, err := os.ReadFile(file)
	must(t, err)
	lines := strings.SplitAfter(string(p), "\n")
	lines[line-1] = change(lines[line-1])
	must(t, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o666))
}

func wants(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("it does not say %q:\n%s", text, out)
		}
	}
}

// TestSame: a history is played again from its file alone, to the same report, whatever is looked at on the way.
func TestSame(t *testing.T) {
	file, first := record(t, 3)
	must(t, os.Remove(filepath.Join(filepath.Dir(file), "small.yaml")))
	for name, look := range map[string]func(*Source, *Config){
		"no look": nil,
		"every look": func(src *Source, c *Config) {
			c.Ops, c.Links, c.Step = true, true, true
			for at := time.Duration(0); at < 4*time.Second; at += 7 * time.Millisecond {
				c.At = append(c.At, Mark{At: at})
			}
			for line := 2; line < 500; line += 3 {
				c.At = append(c.At, Mark{Line: line})
			}
			for _, text := range []string{"b1", "b2", "l1", "orders", "later/audit"} {
				c.Show = append(c.Show, target(t, src, text))
			}
		},
	} {
		res, out := again(t, filepath.Dir(file), look)
		if res.Differs || res.Report == nil || res.Report.Trace != first.Trace || res.Report.Reason != first.Reason {
			t.Errorf("%s: %+v, want the trace %s", name, res, first.Trace)
		}
		wants(t, out, "the same to the last operation, line ", "trace "+first.Trace)
		if name == "every look" && (strings.Count(out, "---\n") < 500 || strings.Count(out, "   link ") < 500) {
			t.Errorf("there is little to be seen:\n%.2000s", out)
		}
	}
}

func target(t *testing.T, src *Source, text string) Target {
	t.Helper()
	tg, err := ParseTarget(text, src.Scenario)
	must(t, err)
	return tg
}

// TestDiffers: the first operation that differs is shown, with what was before it, and nothing is played behind it.
func TestDiffers(t *testing.T) {
	file, _ := record(t, 3)
	edit(t, file, 200, func(l string) string { return strings.Replace(l, `"t":`, `"t":1`, 1) })
	res, out := again(t, file, nil)
	if !res.Differs || res.Report != nil {
		t.Errorf("%+v", res)
	}
	wants(t, out, "line 200 of "+file+" is the first that differs", "\n    199  ", "   then  ", "    now  ", `"t":1`)
	if strings.Contains(out, "the same") {
		t.Errorf("it says also that it is the same:\n%s", out)
	}
	res, _ = again(t, file, func(_ *Source, c *Config) { c.Until = &Mark{Line: 199} })
	if res.Differs {
		t.Error("it differs before it was played so far")
	}
}

// TestExplain: a run that repeats itself now did not do so then because of the code; one that does not is to blame itself.
func TestExplain(t *testing.T) {
	file, _ := record(t, 3)
	src, err := Open(file, Choice{})
	must(t, err)
	var out strings.Builder
	must(t, explain(t.Context(), src, &out, nil))
	if want := "It repeats itself now: nsqlab's code, or the Go that it is built with, has changed since this history was written.\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
	out.Reset()
	must(t, explain(t.Context(), src, &out, func(w *sim.World) {
		_, err := w.AddRule("", "b2", unordered{})
		must(t, err)
	}))
	wants(t, out.String(), "It does not repeat itself now either.\nTHE TWO RUNS OF ONE SEED DIFFER.")
}

// TestLonger: a run that now ends earlier than the history differs too.
func TestLonger(t *testing.T) {
	file, _ := record(t, 3)
	p, err := os.ReadFile(file)
	must(t, err)
	n := strings.Count(string(p), "\n")
	must(t, os.WriteFile(file, append(p, `{"t":9,"p":"x","type":"ok","f":"pub"}`+"\n"...), 0o666))
	res, out := again(t, file, nil)
	if !res.Differs {
		t.Errorf("%+v", res)
	}
	wants(t, out, fmt.Sprintf("line %d of", n+1), "    now  nothing: it is over")
}

// TestCutOff: a history whose run was interrupted is the same as far as it goes, and the run goes on.
func TestCutOff(t *testing.T) {
	for name, last := range map[string]string{"killed": `{"t":12,"p":"prod`, "interrupted": `{"t":2000000000,"p":"lab","type":"info","f":"trace","note":"00"}` + "\n"} {
		file, first := record(t, 3)
		p, err := os.ReadFile(file)
		must(t, err)
		lines := strings.SplitAfter(string(p), "\n")
		must(t, os.WriteFile(file, []byte(strings.Join(lines[:300], "")+last), 0o666))
		res, out := again(t, file, nil)
		if res.Differs || res.Report == nil || res.Report.Trace != first.Trace {
			t.Errorf("%s: %+v", name, res)
		}
		wants(t, out, "the same up to line 300, where the history ends")
	}
}

func TestUntil(t *testing.T) {
	file, _ := record(t, 3)
	res, out := again(t, file, func(_ *Source, c *Config) { c.Until, c.Ops = &Mark{Line: 57}, true })
	if res.Report != nil || res.Differs {
		t.Errorf("%+v", res)
	}
	wants(t, out, "\n     57  ", "behind line 57, the same up to there; no verdict")
	if strings.Contains(out, "\n     58 ") {
		t.Errorf("it goes on:\n%s", out)
	}
	_, out = again(t, file, func(_ *Source, c *Config) { c.Until, c.Ops = &Mark{At: time.Second}, true })
	wants(t, out, "  1.000000s  nemesis has inflicted kill: b1\n", "stopped at 1.000000s, behind line ")
	if strings.Contains(out, "  1.01") {
		t.Errorf("it goes on:\n%s", out)
	}
	for begin, m := range map[string]Mark{"  1.000000s  nemesis inflicts kill: b1": {At: time.Second}, "     60  ": {Line: 60}} { // what happens there is told
		_, out = again(t, file, func(_ *Source, c *Config) { c.At, c.Ops, c.Links = []Mark{m}, true, true })
		if first, _, _ := strings.Cut(out, "\n"); !strings.Contains(first, begin) {
			t.Errorf("from %v it begins with %q", m, first)
		}
	}
	res, out = again(t, file, func(_ *Source, c *Config) { c.Until, c.At, c.Ops = &Mark{At: time.Hour}, []Mark{{Line: 99999}}, true })
	if res.Report == nil {
		t.Error("no verdict though it ended before")
	}
	wants(t, out, "the run ended, behind line ", "line 99999 was not reached")
}

// TestInterrupted: ^C is no verdict and no difference.
func TestInterrupted(t *testing.T) {
	file, _ := record(t, 3)
	src, err := Open(file, Choice{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c := Config{Out: &strings.Builder{}, Progress: func(p scenarios.Progress) {
		if p.At >= time.Second {
			cancel()
		}
	}}
	res, err := Play(ctx, src, c)
	if !errors.Is(err, context.Canceled) || res.Report != nil || res.Differs {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestTwice: the same run twice is the same, and what is not decided by the seed is found at its first event.
func TestTwice(t *testing.T) {
	file, first := record(t, 3)
	src, err := Open(file, Choice{})
	must(t, err)
	var out strings.Builder
	differs, err := Twice(t.Context(), src, &out)
	if differs || err != nil {
		t.Errorf("%v, %v\n%s", differs, err, &out)
	}
	wants(t, out.String(), "twice the same: ", "trace "+first.Trace)
	out.Reset()
	differs, err = twice(t.Context(), src, &out, func(w *sim.World) {
		_, err := w.AddRule("", "b2", unordered{})
		must(t, err)
	})
	if !differs || err != nil {
		t.Fatalf("a rule that ranges over a map is not found: %v, %v\n%s", differs, err, &out)
	}
	wants(t, out.String(), "THE TWO RUNS OF ONE SEED DIFFER", "\nworld 1    link ", "\nworld 2    link ", "event ")
	if strings.Contains(out.String(), "twice the same") {
		t.Error("it says also that they are the same")
	}
}

// TestTwiceCounts: an event that one world has more is found by the next arrival, though that is the same.
func TestTwiceCounts(t *testing.T) {
	file, _ := record(t, 3)
	src, err := Open(file, Choice{})
	must(t, err)
	world := 0
	var out strings.Builder
	differs, err := twice(t.Context(), src, &out, func(w *sim.World) {
		if world++; world == 2 {
			w.At(time.Second, func() {})
		}
	})
	if !differs || err != nil {
		t.Errorf("%v, %v\n%s", differs, err, &out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Twice(ctx, src, &out); err == nil {
		t.Error("it was interrupted, and says nothing of it")
	}
}

// TestSameHappening: two happenings are the same only if all is.
func TestSameHappening(t *testing.T) {
	arrival := func(change func(*sim.Arrival)) happening {
		a := sim.Arrival{At: 1, Event: 2, From: "a", To: "b", Conn: 3, Turn: sim.Bytes, Data: []byte("x")}
		change(&a)
		return happening{arrival: a}
	}
	op := func(o history.Op, line int) happening { return happening{op: o, line: line} }
	all := []happening{
		arrival(func(*sim.Arrival) {}),
		arrival(func(a *sim.Arrival) { a.At = 2 }),
		arrival(func(a *sim.Arrival) { a.Event = 3 }),
		arrival(func(a *sim.Arrival) { a.From = "c" }),
		arrival(func(a *sim.Arrival) { a.To = "c" }),
		arrival(func(a *sim.Arrival) { a.Conn = 4 }),
		arrival(func(a *sim.Arrival) { a.Answer = true }),
		arrival(func(a *sim.Arrival) { a.Turn = sim.Ending }),
		arrival(func(a *sim.Arrival) { a.Data = []byte("y") }),
		op(history.Op{Time: 1}, 2), op(history.Op{Time: 1}, 3), op(history.Op{Time: 2}, 2),
	}
	for i := range all {
		for k := range all {
			if same(&all[i], &all[k]) != (i == k) {
				t.Errorf("happenings %d and %d", i, k)
			}
		}
	}
}

// unordered is a rule that does what must never be done.
type unordered struct{}

// Judge implements sim.Rule.
func (unordered) Judge(time.Duration, *rand.Rand, sim.Chunk) sim.Fate {
	for d := range map[time.Duration]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true} {
		return sim.Fate{Delay: d * time.Millisecond}
	}
	return sim.Fate{}
}

func TestOpen(t *testing.T) {
	file, _ := record(t, 3)
	scenario := filepath.Join(filepath.Dir(file), "small.yaml")
	src, err := Open(file, Choice{Strict: true})
	if err != nil || src.Note != "" || src.Seed != 3 || !src.Scenario.Strict {
		t.Errorf("%+v, %v", src, err)
	}
	must(t, os.WriteFile(scenario, []byte(strings.Replace(small, "100/s", "101/s", 1)), 0o666))
	if src, err = Open(file, Choice{}); err != nil || !strings.Contains(src.Note, "has changed since") {
		t.Errorf("%+v, %v", src, err)
	}
	seven := uint64(7)
	if src, err = Open(scenario, Choice{Seed: &seven}); err != nil || src.Seed != 7 || src.History != "" || src.run != scenarios.RunNumber(7, 0) {
		t.Errorf("%+v, %v", src, err)
	}
	for _, c := range []struct {
		path, want string
		choice     Choice
	}{
		{file, "has its seed, 3", Choice{Seed: &seven}},
		{filepath.Join(t.TempDir(), "none.yaml"), "no such file", Choice{}},
		{t.TempDir(), "no such file", Choice{}},
		{written(t, "a.jsonl", "hello\n"), "line 1: header", Choice{}},
		{written(t, "a.yaml", "brokers: {b1: {}}\nlode: []\n"), "a.yaml:2:1", Choice{}},
		{written(t, historyName, head(t, history.Header{Backend: "process", Seed: 4, Scenario: "x.yaml", Source: "x"})), "time is real", Choice{}},
		{written(t, historyName, head(t, history.Header{Backend: virtual, Seed: 4, Scenario: "x.yaml"})), "nsqlab replay --seed=4 x.yaml", Choice{}},
		{written(t, historyName, head(t, history.Header{Backend: virtual, Run: "00", Scenario: "x.yaml", Source: "nix: 1"})), "cannot be played any more", Choice{}},
		{written(t, historyName, head(t, history.Header{Backend: virtual, Run: "xyz", Scenario: "x.yaml", Source: "nix: 1"})), "not a number", Choice{}},
	} {
		if _, err := Open(c.path, c.choice); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
	}
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(file, []byte(text), 0o666))
	return file
}

func head(t *testing.T, h history.Header) string {
	t.Helper()
	var b strings.Builder
	w, err := history.NewWriter(&b, h)
	must(t, err)
	must(t, w.Flush())
	return b.String()
}
