package chaos

import (
	"errors"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// stepEvery is how long a clock stays as it was set, if nothing is said.
const stepEvery = time.Second

// ClockStep sets a node's wall clock forward and back.
var ClockStep = Kind{
	Name:  "clockstep",
	Usage: "steps a node's wall clock, then back to the right time, and so on; its monotonic clock does not know",
	Params: []Param{
		{Name: "clockstep", Type: Node, Required: true, Usage: "the broker, or the nsqlookupd"},
		{Name: "by", Type: Shift, Required: true, Usage: "the step; back first if less than 0"},
		{Name: "every", Type: Duration, Usage: "how long it stays so, and right in between (1s)"},
	},
	New: func(a Args) (Fault, error) {
		every, ok := a.Durations["every"]
		if !ok {
			every = stepEvery
		}
		return clockStep{a.Names["clockstep"], offset(a), every}, nil
	},
	Skew: offset,
}

type clockStep struct {
	node  string
	skew  sim.Skew
	every time.Duration
}

// Inject implements Fault.
func (s clockStep) Inject(c sim.Cluster) (heal func() error, err error) {
	told, over := 0, false
	clear, err := misset(c, s.node, s.skew)
	if err != nil {
		return nil, err
	}
	var failed error
	var step func()
	step = func() {
		if over {
			return
		}
		if clear != nil {
			told += clear()
			clear = nil
		} else if clear, failed = misset(c, s.node, s.skew); failed != nil {
			over = true
			return
		}
		c.At(c.Now()+s.every, step)
	}
	c.At(c.Now()+s.every, step)
	return func() error {
		over = true
		if clear != nil {
			told += clear()
			clear = nil
		}
		if told == 0 {
			return errors.Join(failed, ErrHitNothing)
		}
		return failed
	}, nil
}
