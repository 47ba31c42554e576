package reports

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
)

// A scribe writes a good history of a made-up run: each message goes to two channels, and some are deferred, requeued, or come again
// after their timeout.
type scribe struct {
	rng *rand.Rand
	ops []history.Op
	now time.Duration
}

const (
	holdFor  = time.Second
	deferFor = 300 * time.Millisecond
	backIn   = 200 * time.Millisecond
)

func (s *scribe) add(at time.Duration, op history.Op) { op.Time = at; s.ops = append(s.ops, op) }

// consumer subscribes, with the connection's number for its name too.
func (s *scribe) consumer(name, channel string, conn uint64) {
	s.add(0, history.Op{Process: name, Type: history.OK, F: history.Connect, Node: "b1", Conn: conn})
	s.add(0, history.Op{Process: name, Type: history.OK, F: history.Subscribe, Node: "b1", Topic: "orders", Channel: channel, Conn: conn, After: holdFor})
	s.add(0, history.Op{Process: name, Type: history.Info, F: history.Ready, Node: "b1", Topic: "orders", Channel: channel, Conn: conn, Count: 1000})
}

// message publishes one and has it delivered and finished everywhere.
func (s *scribe) message(number uint64) {
	s.now += time.Duration(1+s.rng.IntN(20)) * time.Millisecond
	op := history.Op{Process: "p1", F: history.Publish, Node: "b1", Topic: "orders", Msg: history.Msg(1, number)}
	begin, invoke := s.now+2*time.Millisecond, op
	invoke.Type, invoke.Due = history.Invoke, s.now
	if number%5 == 0 {
		invoke.After = deferFor
		begin += deferFor
	}
	s.add(s.now, invoke)
	op.Type = history.OK
	s.add(s.now+time.Millisecond, op)
	d := history.Op{Type: history.OK, F: history.Deliver, Node: "b1", Topic: "orders", Msg: op.Msg, Attempt: 1}
	s.held(begin, d, "audit", "c2", 2)
	switch {
	case number%7 == 0: // it times out
		s.deliver(begin, d, "billing", "c3", 3)
		d.Attempt, begin = 2, begin+holdFor
	case number%11 == 0:
		req := s.deliver(begin, d, "billing", "c3", 3)
		req.F, req.Type, req.After = history.Requeue, history.Info, backIn
		s.add(begin+time.Millisecond, req)
		d.Attempt, begin = 2, begin+backIn+2*time.Millisecond
	}
	s.held(begin, d, "billing", "c4", 4)
}

func (s *scribe) deliver(at time.Duration, d history.Op, channel, process string, conn uint64) history.Op {
	d.Channel, d.Process, d.Conn = channel, process, conn
	s.add(at, d)
	return d
}

// held delivers a message and finishes it, with a proof.
func (s *scribe) held(at time.Duration, d history.Op, channel, process string, conn uint64) {
	fin := s.deliver(at, d, channel, process, conn)
	fin.F, fin.Type = history.Finish, history.Info
	s.add(at+time.Millisecond, fin)
	fin.Type = history.OK
	s.add(at+3*time.Millisecond, fin)
}

// goodRun is such a history, in order of time.
func goodRun(seed uint64, messages int) []history.Op {
	s := &scribe{rng: rand.New(rand.NewPCG(seed, 0))}
	s.add(0, history.Op{Process: "p1", Type: history.OK, F: history.Connect, Node: "b1", Conn: 1})
	s.consumer("c2", "audit", 2)
	s.consumer("c3", "billing", 3)
	s.consumer("c4", "billing", 4)
	for n := range messages {
		s.message(uint64(n + 1))
	}
	s.add(s.now+time.Minute, history.Op{Process: "lab", Type: history.OK, F: history.Phase, Note: "end"})
	return inOrder(s.ops)
}

func inOrder(ops []history.Op) []history.Op {
	slices.SortStableFunc(ops, func(a, b history.Op) int { return cmp.Compare(a.Time, b.Time) })
	return ops
}

var goodHeader = history.Header{Nodes: []string{"b1"}, Slack: time.Millisecond}

// mutations are harms to one delivery, each with the promise that must see it.
var mutations = []struct {
	name    string
	promise string
	hits    func(history.Op, []history.Op) bool // nil: every delivery
	change  func([]history.Op, int) []history.Op
}{
	{"dropped", "no-loss", func(d history.Op, _ []history.Op) bool { return d.Process != "c3" }, func(ops []history.Op, i int) []history.Op {
		d := ops[i]
		return slices.DeleteFunc(ops, func(o history.Op) bool {
			return o.F != history.Publish && o.Msg == d.Msg && o.Channel == d.Channel
		})
	}},
	{"never again", "no-loss", func(d history.Op, _ []history.Op) bool { return d.Attempt == 2 }, func(ops []history.Op, i int) []history.Op {
		d := ops[i]
		return slices.DeleteFunc(ops, func(o history.Op) bool { return o.Msg == d.Msg && o.Conn == d.Conn })
	}},
	{"duplicated", "no-duplicates", nil, func(ops []history.Op, i int) []history.Op { return slices.Insert(ops, i, ops[i]) }},
	{"duplicated after its FIN", "no-duplicates", func(d history.Op, _ []history.Op) bool { return d.Process != "c3" }, func(ops []history.Op, i int) []history.Op {
		d := ops[i]
		d.Attempt++
		return moved(append(ops, d), len(ops), 5*time.Second)
	}},
	{"counted once too often", countsAttempts, nil, func(ops []history.Op, i int) []history.Op { return counted(ops, i, ops[i].Attempt+1) }},
	{"counted as the first", countsAttempts, func(d history.Op, _ []history.Op) bool { return d.Attempt == 2 }, func(ops []history.Op, i int) []history.Op {
		return counted(ops, i, 1)
	}},
	{"while its channel is paused", noLeak, nil, func(ops []history.Op, i int) []history.Op { return paused(ops, i, ops[i].Channel, 4*time.Millisecond) }},
	{"published while its topic is paused", noLeak, func(d history.Op, _ []history.Op) bool { return d.Attempt == 1 }, func(ops []history.Op, i int) []history.Op {
		return paused(ops, i, "", ops[i].Time-invokeOf(ops, ops[i]).Time+time.Millisecond)
	}},
	{"in spite of an RDY of 0", "no-overrun", nil, func(ops []history.Op, i int) []history.Op {
		d := ops[i]
		d.F, d.Type, d.Msg, d.Attempt = history.Ready, history.Info, 0, 0
		return moved(append(ops, d), len(ops), -4*time.Millisecond)
	}},
	{"before it was published", "no-phantoms", func(d history.Op, _ []history.Op) bool { return d.Attempt == 1 }, func(ops []history.Op, i int) []history.Op {
		return moved(ops, i, -ops[i].Time)
	}},
	{"in another topic", "no-phantoms", nil, func(ops []history.Op, i int) []history.Op { ops[i].Topic = "refunds"; return ops }},
	{"damaged", "no-corruption", nil, func(ops []history.Op, i int) []history.Op { ops[i].Type, ops[i].Msg = history.Fail, 0; return ops }},
	{"before its deferral", "no-early-deferral", func(d history.Op, ops []history.Op) bool { return d.Attempt == 1 && invokeOf(ops, d).After > 0 }, func(ops []history.Op, i int) []history.Op {
		return moved(ops, i, -deferFor/2)
	}},
	{"before its requeue", "no-early-deferral", requeued, func(ops []history.Op, i int) []history.Op { return moved(ops, i, -backIn/2) }},
	{"long after its deferral", "no-late-deferral", func(d history.Op, ops []history.Op) bool {
		return d.Process != "c3" && d.Attempt == 1 && invokeOf(ops, d).After > 0
	}, late},
	{"long after its requeue", "no-late-deferral", requeued, late},
	{"before its timeout", "no-early-redelivery", timedOut, func(ops []history.Op, i int) []history.Op { return moved(ops, i, -holdFor/2) }},
	{"long after its timeout", "no-late-redelivery", timedOut, late},
}

// paused has a channel, or the topic, be paused since so long before a delivery, until a while after it.
func paused(ops []history.Op, i int, channel string, before time.Duration) []history.Op {
	at := ops[i].Time
	ask := history.Op{Process: "lab", F: history.Administer, Type: history.Invoke, Node: "b1", Topic: "orders", Channel: channel, Note: history.Pause}
	for _, step := range []struct {
		at   time.Duration
		typ  history.Type
		note string
	}{
		{at - before, history.Invoke, history.Pause}, {at - before, history.OK, history.Pause},
		{at + time.Minute, history.Invoke, history.Unpause}, {at + time.Minute, history.OK, history.Unpause},
	} {
		ask.Time, ask.Type, ask.Note = max(step.at, 1), step.typ, step.note
		ops = append(ops, ask)
	}
	return inOrder(ops)
}

// counted gives a delivery, and what its consumer said of it, another number of attempts.
func counted(ops []history.Op, i int, attempt uint16) []history.Op {
	d := ops[i]
	for k := range ops {
		if ops[k].Msg == d.Msg && ops[k].Conn == d.Conn && ops[k].Attempt == d.Attempt {
			ops[k].Attempt = attempt
		}
	}
	return ops
}

// moved puts an operation of another time where it belongs then.
func moved(ops []history.Op, i int, by time.Duration) []history.Op {
	ops[i].Time += by
	return inOrder(ops)
}

// late moves a delivery, and with it what its consumer said of it.
func late(ops []history.Op, i int) []history.Op {
	d := ops[i]
	for k := range ops {
		if ops[k].Msg == d.Msg && ops[k].Conn == d.Conn {
			ops[k].Time += 3 * time.Second
		}
	}
	return inOrder(ops)
}

func invokeOf(ops []history.Op, d history.Op) history.Op {
	return ops[slices.IndexFunc(ops, func(o history.Op) bool { return o.Msg == d.Msg && o.Type == history.Invoke })]
}

func requeued(d history.Op, ops []history.Op) bool {
	return d.Attempt == 2 && slices.ContainsFunc(ops, func(o history.Op) bool { return o.F == history.Requeue && o.Msg == d.Msg })
}

func timedOut(d history.Op, ops []history.Op) bool { return d.Attempt == 2 && !requeued(d, ops) }

// TestMutations harms each delivery of a good history in every way, and sees that the promise is found broken which was broken.
func TestMutations(t *testing.T) {
	good := goodRun(1, 45)
	if r := judged(t, goodHeader, good); r.Validity != Valid {
		t.Fatalf("the good history is %s: %s", r.Validity, r.Reason)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			hit := 0
			for i, d := range good {
				if d.F != history.Deliver || (m.hits != nil && !m.hits(d, good)) {
					continue
				}
				hit++
				p := promiseOf(t, judged(t, goodHeader, m.change(slices.Clone(good), i)), m.promise)
				if p.Validity != Invalid {
					t.Errorf("%s of %s at %v, attempt %d, in %s: %s is %s: %s",
						d.F, history.MsgString(d.Msg), d.Time, d.Attempt, d.Channel, m.promise, p.Validity, p.Summary)
				}
			}
			if hit == 0 {
				t.Error("it hit nothing")
			}
		})
	}
}
