package scenarios

import (
	"context"
	"errors"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports/history"
)

// answers are the types that operations of a request have, by what became of it.
var answers = map[chaos.Answer]history.Type{
	chaos.Asked: history.Invoke, chaos.Done: history.OK, chaos.Absent: history.Fail, chaos.Unanswered: history.Info,
}

// give gives an order to the broker that a fault hits, and records that it is on when it is done.
func (r *run) give(f *Fault, order chaos.Order, op history.Op) (heal func(func(error)), err error) {
	on := false
	heal, err = order.Give(r.cluster, func(t chaos.Told) {
		r.told(f.Target, t)
		if t.Answer == chaos.Done && !t.Undo && !on {
			on = true
			r.record(op, history.Info)
		}
	})
	if err == nil {
		r.orders = append(r.orders, heal)
	}
	return heal, err
}

// told records a request to a broker, and its answer.
func (r *run) told(node string, t chaos.Told) {
	op := history.Op{Process: "lab", F: history.Administer, Node: node, Topic: t.Topic, Channel: t.Channel, Note: history.Pause}
	if t.Undo {
		op.Note = history.Unpause
	}
	if t.Err != nil {
		op.Error = t.Err.Error()
	}
	r.record(op, answers[t.Answer])
}

// undo has the brokers undo all that they were told once more: they may have been taken back to it since.
func (r *run) undo(ctx context.Context) error {
	if len(r.orders) == 0 {
		return nil
	}
	open := len(r.orders)
	r.cluster.At(0, func() {
		for _, heal := range r.orders {
			heal(func(err error) {
				open--
				r.scarred = r.scarred || err != nil && !errors.Is(err, chaos.ErrHitNothing)
			})
		}
	})
	return r.live(ctx, func() bool { return open == 0 })
}
