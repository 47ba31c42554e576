package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
)

// looked gives the state of something at a time.
func looked(t *testing.T, file, text string, at ...time.Duration) string {
	t.Helper()
	_, out := again(t, file, func(src *Source, c *Config) {
		for _, d := range at {
			c.At = append(c.At, Mark{At: d})
		}
		c.Show = []Target{target(t, src, text)}
	})
	return out
}

func TestShow(t *testing.T) {
	file, _ := record(t, 3)
	out := looked(t, file, "orders/billing", 450*time.Millisecond, 600*time.Millisecond, 1200*time.Millisecond, time.Hour)
	wants(t, out, "--- at 0.450000s, behind line ", "no fault is on\n", "--- at 0.600000s", "fault since 0.500000s: pause: b2\n", "--- at 1.200000s",
		"fault since 1.000000s: kill: b1\n", "\nb1: node b1 is down\n", "1h0m0s was not reached", "l1 knows\n    channel:orders:billing: b1 b2\n")
	before, _, _ := strings.Cut(out, "--- at 0.6")
	wants(t, before, "\nb1 orders/billing: depth ", "\nb2 orders/billing: depth ", " came; 2 in flight, ", "    consumer-1.1: RDY 5, 2 in flight, ",
		"    clients have: 1-17 at consumer-1.1 for 29.434ms; 1-18 at consumer-1.1 for 9.434ms\n", "3 deferred, 3 requeued", "    clients await: 2-1 until 0.45")
	paused, _, _ := strings.Cut(out[len(before):], "--- at 1.2")
	wants(t, paused, "\nb2 orders/billing: depth ") // a paused node is looked into
	if strings.Contains(out, "later") {
		t.Errorf("it shows what was not asked for:\n%s", out)
	}

	out = looked(t, file, "later", 700*time.Millisecond)
	wants(t, out, "\nb1 later: depth 0, ", "\nb1 later/audit: depth 0, ", "    clients await: 3-1 until 0.9", " 0 in flight, 6 deferred")
	if strings.Contains(out, "orders") {
		t.Errorf("it shows what was not asked for:\n%s", out)
	}
	out = looked(t, file, "b2", 900*time.Millisecond)
	wants(t, out, "b2: health OK\n    ", "    producer-1.2: 40 published to orders\n", "\nb2 orders: depth ", "\nb2 orders/billing: ", "\nb2 later: ")
	if strings.Contains(out, "\nb1 ") || strings.Contains(out, "l1 knows") {
		t.Errorf("it shows what was not asked for:\n%s", out)
	}
	if out = looked(t, file, "b1:orders/billing", 900*time.Millisecond); strings.Contains(out, "\nb2") || !strings.Contains(out, "\nb1 orders/billing: ") {
		t.Errorf("b1:orders/billing:\n%s", out)
	}
	if out = looked(t, file, "orders", time.Millisecond); !strings.Contains(out, "b1 has no topic orders\n") || !strings.Contains(out, "l1 knows\n    nothing\n") {
		t.Errorf("at the beginning:\n%s", out)
	}
}

// TestShowAtEnd: without a place what is shown is the end, or where the run stops.
func TestShowAtEnd(t *testing.T) {
	file, _ := record(t, 3)
	_, out := again(t, file, func(src *Source, c *Config) { c.Show = []Target{target(t, src, "orders")} })
	wants(t, out, "b1 orders: depth 0", "b2 orders/billing: depth 0, 100 came; 0 in flight, 0 deferred")
	_, out = again(t, file, func(src *Source, c *Config) {
		c.Show, c.Until = []Target{target(t, src, "orders")}, &Mark{Line: 60}
	})
	wants(t, out, "behind line 60\n", "b1 orders/billing: depth ")
}

func TestStep(t *testing.T) {
	file, _ := record(t, 3)
	step := func(typed string) string {
		_, out := again(t, file, func(_ *Source, c *Config) { c.Ops, c.Step, c.In = true, true, strings.NewReader(typed) })
		return out
	}
	out := step("\n\n\nq\n")
	if n := strings.Count(out, "> "); n != 4 || !strings.Contains(out, "stopped behind line 5; no verdict") {
		t.Errorf("it waited %d times, want 4:\n%s", n, out)
	}
	out = step("c 20\ns orders/billing\ns nix\nc nix\nwhat\n?\nc 0.3s\ns b1\nc\n")
	wants(t, out, "behind line 20\n", `"nix" is no node`, `"nix" is no place`, `"what" is none of these`, "go on to its end", "> --- at 0.30", "b1: health OK", "the same to the last operation")
	if n := strings.Count(out, "> "); n != 9 {
		t.Errorf("it waited %d times, want 9:\n%.3000s", n, out)
	}
	if out = step("\n"); strings.Contains(out, "the same") || strings.Count(out, "> ") != 2 {
		t.Errorf("nobody is there any more, and it goes on:\n%.2000s", out)
	}
}

// TestStepInterrupted: ^C ends the waiting for somebody who types nothing.
func TestStepInterrupted(t *testing.T) {
	file, _ := record(t, 3)
	src, err := Open(file, Choice{})
	must(t, err)
	ctx, cancel := contextAt(t)
	var out strings.Builder
	if _, err := Play(ctx, src, Config{Ops: true, Step: true, In: never{cancel}, Out: &out}); err == nil {
		t.Errorf("no error:\n%s", &out)
	}
}

func TestMarks(t *testing.T) {
	for text, want := range map[string]Mark{"3.2s": {At: 3200 * time.Millisecond}, "1234": {Line: 1234}, "2": {Line: 2}, "0s": {}, "0": {}} {
		if m, err := ParseMark(text); err != nil || m != want {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "x", "-1s", "-5", "1", "3.2"} {
		if m, err := ParseMark(text); err == nil {
			t.Errorf("%q: %+v", text, m)
		}
	}
	if m, err := ParseMsg("3-17"); err != nil || m != history.Msg(3, 17) {
		t.Errorf("3-17: %d, %v", m, err)
	}
	for _, text := range []string{"", "3", "3-", "-17", "0-1", "1-0", "3-x", "99999999-1"} {
		if _, err := ParseMsg(text); err == nil {
			t.Errorf("%q is a message", text)
		}
	}
	s, err := scenarios.Parse("small.yaml", []byte(small))
	must(t, err)
	for text, want := range map[string]Target{
		"b1": {Node: "b1"}, "l1": {Node: "l1"}, "orders": {Topic: "orders"}, "orders/billing": {Topic: "orders", Channel: "billing"},
		"b2:later": {Node: "b2", Topic: "later"}, "b1:later/audit": {Node: "b1", Topic: "later", Channel: "audit"},
	} {
		if tg, err := ParseTarget(text, s); err != nil || tg != want {
			t.Errorf("%q: %+v, %v", text, tg, err)
		}
	}
	for _, text := range []string{"", "b9", "b9:orders", "b1:", "orders/audit", "b1:orders/x", "/billing"} {
		if tg, err := ParseTarget(text, s); err == nil {
			t.Errorf("%q: %+v", text, tg)
		}
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		f    Filter
		text string
		want bool
	}{
		{Filter{}, "x", true},
		{Filter{Texts: []string{"b1", "b2"}}, "to b2", true},
		{Filter{Texts: []string{"b1", "b2"}}, "to b3", false},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}}, "gets 3-17 of", true},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}}, "gets 3-17", true},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}}, "3-17; 4-1", true},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}}, "gets 13-17 of", false},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}}, "gets 3-175 of", false},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}}, "3-175 and 3-17", true},
		{Filter{Msgs: []uint64{history.Msg(3, 17)}, Texts: []string{"b1"}}, "3-17 b2", false},
	} {
		if got := c.f.text(c.text); got != c.want {
			t.Errorf("%+v of %q: %v", c.f, c.text, got)
		}
	}
}

// TestBook has the moment follow from the operations.
func TestBook(t *testing.T) {
	b := newBook()
	msg := history.Msg(1, 1)
	at := func(d time.Duration, f string, typ history.Type, change func(*history.Op)) {
		op := history.Op{Time: d, Process: "c.1", Type: typ, F: f, Node: "b1", Topic: "t", Channel: "c", Msg: msg, Attempt: 1, Conn: 7}
		if change != nil {
			change(&op)
		}
		b.observe(op)
	}
	want := func(now time.Duration, open, said, await string) {
		t.Helper()
		o, s := b.inFlight("b1", "t", "c", now)
		w := b.waiting("b1", "t", "c", now)
		for _, x := range []struct{ got, want string }{{strings.Join(o, "; "), open}, {strings.Join(s, "; "), said}, {strings.Join(w, "; "), await}} {
			if x.got != x.want {
				t.Errorf("at %v %q, want %q", now, x.got, x.want)
			}
		}
	}
	const s = time.Second
	at(1*s, history.Publish, history.Invoke, func(op *history.Op) { op.Channel, op.After = "", 2*s })
	want(2*s, "", "", "1-1 until 3.000000s")
	want(3*s, "", "", "")
	at(3*s, history.Subscribe, history.OK, func(op *history.Op) { op.After = 4 * s })
	at(4*s, history.Deliver, history.OK, nil)
	want(5*s, "1-1 at c.1 for 1s", "", "")
	at(6*s, history.Touch, history.Info, nil)
	want(9*s, "1-1 at c.1 for 5s", "", "")
	want(11*s, "1-1 at c.1 for 7s, its timeout over for 1s", "", "")
	at(12*s, history.Requeue, history.Info, func(op *history.Op) { op.After = 3 * s })
	want(13*s, "", "REQ 1-1", "1-1 until 15.000000s")
	at(13*s, history.Requeue, history.OK, nil)
	want(13*s, "", "", "1-1 until 15.000000s")
	at(14*s, history.Deliver, history.OK, func(op *history.Op) { op.Attempt = 2 })
	want(14*s, "1-1 at c.1 for 0s, attempt 2", "", "")
	at(15*s, history.Finish, history.Info, nil) // of the first attempt
	want(15*s, "1-1 at c.1 for 1s, attempt 2", "", "")
	at(15*s, history.Disconnect, history.Info, nil)
	want(15*s, "", "", "")
	at(16*s, history.Publish, history.Invoke, func(op *history.Op) { op.Channel, op.After = "", 2*s })
	at(16*s, history.Publish, history.Fail, func(op *history.Op) { op.Channel = "" })
	want(16*s, "", "", "")
}

// TestBookIsBounded: what was deferred long ago is forgotten.
func TestBookIsBounded(t *testing.T) {
	b := newBook()
	for i := range 50_000 {
		b.observe(history.Op{Time: time.Duration(i) * time.Second, Type: history.Invoke, F: history.Publish, Node: "b1", Topic: "t", Msg: history.Msg(1, uint64(i+1)), After: time.Minute})
	}
	if len(b.deferred) > pruneFrom {
		t.Errorf("it has %d deferred messages", len(b.deferred))
	}
	faults := history.Op{Process: history.Nemesis, Type: history.Info, F: "kill", Note: "kill: b1"}
	b.observe(faults)
	faults.Note = "kill: b2"
	b.observe(faults)
	faults.Type, faults.Note = history.OK, "kill: b1"
	b.observe(faults)
	if len(b.faults) != 1 || b.faults[0].Note != "kill: b2" {
		t.Errorf("faults %+v", b.faults)
	}
}
