package scenarios

import (
	"errors"
	"slices"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// still is the drift of a clock that does not go, in millionths.
const still = -1_000_000

// inflict injects a fault, and sees to its healing.
func (r *run) inflict(f *Fault) {
	op := r.begin(f, f.Words)
	r.broken++
	heal, err := r.inject(f, op)
	if err != nil {
		why := "could not be inflicted: " + err.Error()
		if f.Kind.Restarts && !errors.Is(err, errors.ErrUnsupported) { // it may be down
			r.revive(f.Target, patience, func(error) { r.broken--; r.failed(op, why) })
			return
		}
		r.broken--
		if errors.Is(err, errors.ErrUnsupported) {
			op.Ends = false // nor did it
		}
		r.failed(op, why)
		return
	}
	r.weaken(f)
	r.reconfigured(f)
	mend := func() {
		op := op
		if f.Kind.Restarts {
			op = r.begin(f, f.Words+", over")
		}
		heal(func(err error) {
			r.restored(f)
			if err != nil && !errors.Is(err, chaos.ErrHitNothing) && (f.Kind.Ends || f.Kind.Restarts) {
				r.revive(f.Target, patience, func(err error) { r.healed(op, f.MayMiss, err) })
				return
			}
			r.healed(op, f.MayMiss, err)
		})
	}
	switch {
	case f.For > 0:
		r.cluster.At(f.At+f.For, mend)
	case r.over:
		mend()
	default:
		r.lasting = append(r.lasting, mend)
	}
}

// healed records how a fault was healed.
func (r *run) healed(op history.Op, mayMiss bool, err error) {
	r.broken--
	switch {
	case errors.Is(err, chaos.ErrHitNothing) && mayMiss:
		op.Error = "hit nothing"
		r.record(op, history.OK)
	case errors.Is(err, chaos.ErrHitNothing):
		r.failed(op, "hit nothing")
	case err != nil:
		r.scarred = true
		r.failed(op, "could not be healed: "+err.Error())
	default:
		r.record(op, history.OK)
	}
}

const (
	reviveEvery = 500 * time.Millisecond
	patience    = 20 // starts, once the load is over
)

// revive starts a node that could not be started, again and again, as who watches over daemons does: another fault may stand in the way. When the
// load is over so many attempts are left.
func (r *run) revive(node string, left int, done func(error)) {
	r.cluster.At(r.cluster.Now()+reviveEvery, func() {
		if r.over {
			left--
		}
		if err := r.cluster.Start(node); err == nil || left <= 0 {
			done(err)
			return
		}
		r.revive(node, left, done)
	})
}

// begin records that a fault is about to be inflicted, or healed by what is a fault too. It gives the entry, without what only an invoke has.
func (r *run) begin(f *Fault, words string) history.Op {
	op := history.Op{Process: history.Nemesis, F: f.Kind.Name, Note: words, Ends: f.Kind.Ends || f.Kind.Restarts, Clients: f.Kind.OfClients(), Asked: f.Kind.Mild}
	if f.Kind.OfNode() {
		op.Node = f.Target
	}
	invoke := op
	invoke.Lingers = f.Kind.Lingers
	if _, invoke.Waits = f.Inflict.(chaos.Trap); !invoke.Waits {
		r.burden(&invoke, f)
	}
	r.bequeath(f)
	if f.Kind.Skew != nil {
		s := f.Kind.Skew(f.Args)
		if invoke.After, invoke.Count = s.Offset, s.Drift; s.Frozen {
			invoke.Count = still
		}
	}
	r.record(invoke, history.Invoke)
	return op
}

// burden says of a fault that comes what it may break, and what its node is in the middle of.
func (r *run) burden(op *history.Op, f *Fault) {
	if f.Kind.OfNode() {
		op.Licenses, op.Durability = r.licenses(f)
		op.States = r.states(f.Target)
	}
}

// inject injects a fault, or has clients behave by it, and records that it is on, then or when its moment comes. A restart is over as soon as it is on.
// heal calls what it is given when the fault is healed.
func (r *run) inject(f *Fault, op history.Op) (heal func(func(error)), err error) {
	if order, ok := f.Inflict.(chaos.Order); ok {
		return r.give(f, order, op)
	}
	var now func() error
	switch trap, ok := f.Inflict.(chaos.Trap); {
	case ok:
		now, err = trap.Set(r.cluster, func() {
			sprung := op
			r.burden(&sprung, f)
			r.record(sprung, history.Info)
		})
	case f.Kind.OfClients():
		r.record(op, history.Info)
		now = r.misconduct(f)
	default:
		if now, err = f.Inflict.Inject(r.cluster); err == nil {
			r.record(op, history.Info)
			if f.Kind.Restarts {
				r.record(op, history.OK)
			}
		}
	}
	return func(healed func(error)) { healed(now()) }, err
}

func (r *run) failed(op history.Op, why string) {
	op.Error = why
	r.record(op, history.Fail)
}

// states are what a node is in the middle of, if the cluster sees that.
func (r *run) states(node string) []string {
	if o, ok := r.cluster.(sim.Observer); ok {
		return o.States(node)
	}
	return nil
}

// reconfigured notes with what flags a node runs from now on.
func (r *run) reconfigured(f *Fault) {
	if f.Kind.Flags == nil {
		return
	}
	r.restored(f)
	r.restarted = append(r.restarted, f)
}

// restored notes that a node runs with its own flags again.
func (r *run) restored(f *Fault) {
	if f.Kind.Flags != nil {
		r.restarted = slices.DeleteFunc(r.restarted, func(other *Fault) bool { return other.Target == f.Target })
	}
}
