package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

func TestWords(t *testing.T) {
	op := func(f string, typ history.Type, change func(*history.Op)) history.Op {
		op := history.Op{Time: time.Second, Process: "p.1", Type: typ, F: f, Node: "b1", Topic: "orders", Channel: "billing", Msg: history.Msg(3, 17), Attempt: 2, Conn: 7}
		if change != nil {
			change(&op)
		}
		return op
	}
	nemesis := func(op *history.Op) { op.Process, op.Note = history.Nemesis, "kill: b1" }
	note := func(n string) func(*history.Op) { return func(op *history.Op) { op.Process, op.Note = "lab", n } }
	for _, c := range []struct {
		op   history.Op
		want string
	}{
		{op(history.Publish, history.Invoke, func(op *history.Op) { op.After, op.Due = time.Minute, time.Second }), "p.1 publishes 3-17 to orders on b1, deferred by 1m0s"},
		{op(history.Publish, history.Invoke, func(op *history.Op) { op.Due = time.Second / 2 }), "p.1 publishes 3-17 to orders on b1, 500ms late"},
		{op(history.Publish, history.OK, nil), "p.1 has 3-17 acknowledged by b1"},
		{op(history.Publish, history.Fail, func(op *history.Op) { op.Error = "E_X" }), "p.1 has not published 3-17 to orders on b1: E_X"},
		{op(history.Publish, history.Info, nil), "p.1 does not learn from b1 what became of 3-17"},
		{op(history.Deliver, history.OK, nil), "p.1 gets 3-17 of orders/billing from b1, attempt 2"},
		{op(history.Deliver, history.OK, func(op *history.Op) { op.Msg = 0 }), "p.1 gets a message of another run, of orders/billing, from b1, attempt 2"},
		{op(history.Deliver, history.Fail, nil), "p.1 gets a damaged message of orders/billing from b1, attempt 2"},
		{op(history.Finish, history.Info, nil), "p.1 sends FIN 3-17 of orders/billing to b1"},
		{op(history.Requeue, history.Info, func(op *history.Op) { op.After = time.Second }), "p.1 sends REQ 3-17 of orders/billing to b1, to have it again in 1s"},
		{op(history.Touch, history.OK, nil), "p.1 knows that b1 took TOUCH 3-17 of orders/billing"},
		{op(history.Finish, history.Fail, func(op *history.Op) { op.Error = "why\n" }), "p.1 is refused FIN 3-17 of orders/billing by b1: why "},
		{op(history.Connect, history.OK, nil), "p.1 is connected to b1, connection 7"},
		{op(history.Connect, history.Fail, nil), "p.1 cannot connect to b1, connection 7"},
		{op(history.Disconnect, history.Info, nil), "p.1 is disconnected from b1, connection 7"},
		{op(history.Subscribe, history.OK, func(op *history.Op) { op.After = time.Minute }), "p.1 has subscribed to orders/billing on b1, message timeout 1m0s, connection 7"},
		{op(history.Subscribe, history.Fail, nil), "p.1 has not subscribed to orders/billing on b1, connection 7"},
		{op(history.Ready, history.Info, func(op *history.Op) { op.Count = 10 }), "p.1 says RDY 10 to b1 for orders/billing"},
		{op(history.Lookup, history.Invoke, nil), "p.1 asks b1 who has orders"},
		{op(history.Lookup, history.OK, func(op *history.Op) { op.Note = "b2 b3" }), "p.1 learns from b1 who has orders: b2 b3"},
		{op(history.Lookup, history.OK, nil), "p.1 learns from b1 that nobody has orders"},
		{op(history.Administer, history.Invoke, note(history.Pause)), "lab asks b1 to pause orders/billing"},
		{op(history.Administer, history.OK, note(history.Unpause)), "lab has had b1 unpause orders/billing"},
		{op(history.Administer, history.Fail, note(history.Pause)), "lab cannot have b1 pause orders/billing: there is none"},
		{op(history.Administer, history.Info, note(history.Pause)), "lab does not learn whether b1 does pause orders/billing"},
		{op(history.Lookup, history.Fail, nil), "p.1 does not learn from b1 who has orders"},
		{op(history.Probe, history.OK, func(op *history.Op) { op.Count = 1 }), "p.1 is told that b1 holds 1 message of orders/billing"},
		{op(history.Phase, history.Info, note("load")), "lab begins the load"},
		{op(history.Phase, history.Info, note("heal")), "lab ends the load, and heals what is broken"},
		{op(history.Phase, history.Info, note("drain")), "lab begins the drain: everything owed is to be delivered"},
		{op(history.Phase, history.OK, note("end")), "lab has seen everything delivered"},
		{op(history.Phase, history.Fail, note("end")), "lab ends"},
		{op(history.Trace, history.Info, note("00ff")), "lab has the trace 00ff"},
		{op("kill", history.Invoke, nemesis), "nemesis inflicts kill: b1"},
		{op("kill", history.Invoke, func(op *history.Op) { nemesis(op); op.States = []string{"syncing", "idle"} }), "nemesis inflicts kill: b1, in the middle of: syncing, idle"},
		{op("kill", history.Invoke, func(op *history.Op) { nemesis(op); op.Waits = true }), "nemesis waits for the moment to inflict kill: b1"},
		{op("kill", history.Info, nemesis), "nemesis has inflicted kill: b1"},
		{op("kill", history.OK, nemesis), "nemesis has healed kill: b1"},
		{op("kill", history.Fail, nemesis), "nemesis shows nothing by kill: b1"},
		{op("news", history.OK, note("x")), "lab news ok b1 x"},
		{op(history.Publish, "odd", nil), "p.1 pub odd b1"},
	} {
		if got := Words(c.op); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.op.F, c.op.Type, got, c.want)
		}
	}
	if got := Words(op("\x1b[31m", "x", nil)); strings.ContainsRune(got, 0x1b) {
		t.Errorf("%q moves a terminal's cursor", got)
	}
}
