package chaos

import (
	"errors"
	"fmt"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Clog holds what goes to and from an end, and lets it go, again and again.
var Clog = Kind{
	Name:  "clog",
	Usage: "what goes to and from an end is held and let go at random moments, again and again; it begins held",
	Params: []Param{
		{Name: "clog", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "hold", Type: Duration, Required: true, Usage: "how long it is held each time, in the mean; drawn evenly from 0 to twice that"},
		{Name: "free", Type: Duration, Required: true, Usage: "how long it is free then, likewise"},
	},
	New: func(a Args) (Fault, error) {
		return clog{a.Names["clog"], a.Durations["hold"], a.Durations["free"]}, nil
	},
}

type clog struct {
	end        string
	hold, free time.Duration
}

// Inject implements Fault.
func (g clog) Inject(c sim.Cluster) (heal func() error, err error) {
	chance, ok := c.(sim.Chance)
	if !ok {
		return nil, fmt.Errorf("chaos: this cluster has no randomness for a clog: %w", errors.ErrUnsupported)
	}
	v := &valve{cluster: c, end: g.end}
	if err := v.shut(); err != nil {
		return nil, err
	}
	rng, over := chance.Rand("clog "+g.end), false
	var turn func()
	later := func(mean time.Duration) {
		c.At(c.Now()+time.Duration(rng.Int64N(2*int64(mean))), turn)
	}
	turn = func() {
		switch {
		case over:
		case v.open != nil:
			v.release()
			later(g.free)
		case v.shut() == nil: // else the cluster is closed
			later(g.hold)
		}
	}
	later(g.hold)
	return func() error {
		over = true
		v.release()
		return v.harm()
	}, nil
}

// A valve holds all that goes to and from an end while it is shut.
type valve struct {
	cluster sim.Cluster
	end     string
	open    func() error // nil: it is open
	hit     bool         // it held something
}

// shut puts the valve's rules up.
func (v *valve) shut() (err error) {
	v.open, err = obstruct(v.cluster, both(v.end, ""), func() sim.Rule { return partition{} })
	return err
}

// release takes them away, if the valve is shut.
func (v *valve) release() {
	if v.open != nil {
		v.hit = v.open() == nil || v.hit
		v.open = nil
	}
}

// harm is ErrHitNothing if the valve never held anything.
func (v *valve) harm() error {
	if !v.hit {
		return ErrHitNothing
	}
	return nil
}
