package scenarios

import (
	"fmt"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// prepare makes the run's own faults, before any client dials: those that watch connections from their first byte begin to, and those that
// come at the very start are inflicted. It gives the others.
func (r *run) prepare() (later []*Fault) {
	var first []*Fault
	for _, f := range r.scenario.Faults {
		own := *f
		if !f.Kind.OfClients() {
			own.Inflict = r.ready(f)
		}
		if f.At == 0 {
			first = append(first, &own)
		} else {
			later = append(later, &own)
		}
	}
	for _, f := range first {
		r.inflict(f)
	}
	return later
}

// ready gives a fault that knows nothing of other runs.
func (r *run) ready(f *Fault) chaos.Fault {
	inflict, err := f.Kind.New(f.Args)
	if err != nil {
		return unable{err}
	}
	if p, ok := inflict.(chaos.Preparer); ok {
		if err := p.Prepare(r.cluster); err != nil {
			return unable{fmt.Errorf("it could not be prepared: %w", err)}
		}
	}
	return inflict
}

// unable is a fault that cannot be inflicted, and says why when it is to be.
type unable struct{ why error }

// Inject implements chaos.Fault.
func (u unable) Inject(sim.Cluster) (heal func() error, err error) { return nil, u.why }
