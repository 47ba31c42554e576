package chaos

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Swizzle clogs ends one after another, and lets them go in another order, as FoundationDB's simulator does ("swizzle-clogging"): partitions
// of every shape come and go on the way.
var Swizzle = Kind{
	Name:  "swizzle",
	Usage: "what goes to and from some ends is held, one end after another in random order, and let go in another order, round after round",
	Params: []Param{
		{Name: "swizzle", Type: Ends, Required: true, Usage: "two ends or more, such as [b1, b2, billing]"},
		{Name: "round", Type: Duration, Required: true, Usage: "how long a round takes: half of it holding, half letting go, each at a random moment"},
	},
	New: func(a Args) (Fault, error) {
		if len(a.Lists["swizzle"]) < 2 {
			return nil, errors.New("swizzle: want two ends or more; one has no order")
		}
		return swizzle{a.Lists["swizzle"], a.Durations["round"]}, nil
	},
}

type swizzle struct {
	ends  []string
	round time.Duration
}

// Inject implements Fault.
func (s swizzle) Inject(c sim.Cluster) (heal func() error, err error) {
	chance, ok := c.(sim.Chance)
	if !ok {
		return nil, fmt.Errorf("chaos: this cluster has no randomness for a swizzle: %w", errors.ErrUnsupported)
	}
	rng, over := chance.Rand("swizzle "+strings.Join(s.ends, " ")), false
	var valves []*valve
	for _, end := range s.ends {
		valves = append(valves, &valve{cluster: c, end: end})
	}
	// each does something with all valves, each at a random moment of half a round.
	each := func(begin time.Duration, do func(*valve)) {
		half := int64(max(s.round/2, 1))
		for _, v := range valves {
			c.At(begin+time.Duration(rng.Int64N(half)), func() {
				if !over {
					do(v)
				}
			})
		}
	}
	var round func()
	round = func() {
		if over {
			return
		}
		now := c.Now()
		each(now, func(v *valve) { _ = v.shut() }) // an error is a cluster that was closed
		each(now+s.round/2, (*valve).release)
		c.At(now+s.round, round)
	}
	round()
	return func() error {
		over = true
		err := ErrHitNothing
		for _, v := range valves {
			v.release()
			if v.harm() == nil {
				err = nil
			}
		}
		return err
	}, nil
}
