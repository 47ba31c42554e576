package scenarios

import (
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
)

// A work is a delivery that its consumer has neither finished nor requeued.
type work struct {
	manner
	conn         *client.Conn
	id           wire.ID
	delivery     history.Op
	since, until time.Duration // its timeout, as far as its client can know
}

// message takes a delivery, and works on it.
func (s *subscription) message(_ time.Time, m wire.Message) {
	r := s.run
	op := s.op(history.Deliver)
	op.Attempt = m.Attempts
	msg, err := readBody(r.opts.Run, m.Body)
	if err != nil {
		op.Error = err.Error()
		r.record(op, history.Fail)
	} else {
		op.Msg = msg
		r.record(op, history.OK)
	}
	r.progress.Delivered++
	now := r.cluster.Now()
	w := &work{manner: s.manner(), conn: s.conn, id: m.ID, delivery: op, since: now, until: now + s.conn.MsgTimeout()}
	if w.forget {
		return
	}
	s.works = append(s.works, w)
	switch {
	case s.dead: // it came when the connection was closed
	case w.dies:
		r.cluster.At(now, s.die)
	case w.lasts == 0:
		s.finish(w)
	default:
		if w.touch > 0 {
			r.cluster.At(now+w.touch, func() { s.touch(w) })
		}
		r.cluster.At(now+w.lasts, func() { s.finish(w) })
	}
}

// touch begins a message's timeout anew, again and again until its work is done.
func (s *subscription) touch(w *work) {
	now := s.run.cluster.Now()
	if s.conn != w.conn || now >= w.since+w.lasts {
		return
	}
	op := s.about(w.delivery, history.Touch)
	op.Due = now
	w.until = now + s.conn.MsgTimeout()
	s.run.record(op, history.Info)
	w.conn.Touch(w.id, s.settled(op))
	s.run.cluster.At(now+w.touch, func() { s.touch(w) })
}

// finish ends a message's work: with FIN, or with REQ for the line's share.
func (s *subscription) finish(w *work) {
	if s.conn != w.conn {
		return // the connection is gone, and the message with it
	}
	s.works = slices.DeleteFunc(s.works, func(other *work) bool { return other == w })
	if w.requeue || s.line.Requeue > 0 && s.rng.Float64() < s.line.Requeue {
		op := s.about(w.delivery, history.Requeue)
		op.After = min(w.after, s.maxRequeue)
		s.run.record(op, history.Info)
		w.conn.Requeue(w.id, w.after, s.settled(op))
	} else {
		op := s.about(w.delivery, history.Finish)
		for range 1 + w.again {
			s.run.record(op, history.Info)
			w.conn.Finish(w.id, s.settled(op))
		}
	}
	if s.unproved++; s.unproved >= proveEvery {
		s.prove()
	} else if !s.proving {
		s.proving = true
		s.run.cluster.At(s.run.cluster.Now()+proveAfter, func() {
			if s.proving = false; s.unproved > 0 {
				s.prove()
			}
		})
	}
	s.part()
}

// prove has the broker answer for all that was finished on the connection.
func (s *subscription) prove() {
	s.unproved = 0
	s.conn.Prove()
}

// about is an operation on a message that was delivered.
func (s *subscription) about(delivery history.Op, f string) history.Op {
	op := s.op(f)
	op.Msg, op.Attempt = delivery.Msg, delivery.Attempt
	return op
}

// settled records how far a FIN, a REQ or a TOUCH got. When the connection ends before it is known, it stays as it is: sent.
func (s *subscription) settled(op history.Op) func(time.Time, client.Result) {
	return func(_ time.Time, res client.Result) {
		if res.Fate == client.Unknown {
			return
		}
		if res.Fate == client.Refused {
			op.Error = res.Text
		}
		s.run.record(op, fates[res.Fate])
	}
}
