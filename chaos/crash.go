package chaos

import (
	"errors"
	"fmt"

	"github.com/nsqlab/nsqlab/sim"
)

// Crash ends a broker in the middle of what it does.
var Crash = Kind{
	Name:  "crash",
	Usage: "ends a broker at a point in the middle of what it does, as kill -9 or a power cut; it is started again when the fault is over",
	Params: []Param{
		{Name: "crash", Type: Broker, Required: true, Usage: "the broker"},
		{Name: "point", Type: Word, Required: true, Words: pointNames(), Usage: "where: one of the last of nsqlab help states"},
		{Name: "nth", Type: Count, Usage: "when it comes there for which time (1)", Draw: []string{"2", "3", "5"}},
		how(byKill, byPower),
	},
	New:     newCrash,
	Permits: losses[byKill],
	ByHow:   losses,
	Ends:    true,
}

func pointNames() (all []string) {
	for _, u := range sim.PointUsages {
		all = append(all, string(u.Point))
	}
	return all
}

type crash struct {
	node  string
	point sim.Point
	nth   int
	end   ending
}

func newCrash(a Args) (Fault, error) {
	way, ok := a.Names["how"]
	if !ok {
		way = byKill
	}
	return crash{a.Names["crash"], sim.Point(a.Names["point"]), int(max(a.Counts["nth"], 1)), endings[way]}, nil
}

// Inject implements Fault.
func (k crash) Inject(c sim.Cluster) (heal func() error, err error) { return k.Set(c, func() {}) }

// Set implements Trap.
func (k crash) Set(c sim.Cluster, sprung func()) (heal func() error, err error) {
	points, ok := c.(sim.Points)
	if !ok {
		return nil, fmt.Errorf("chaos: this cluster cannot end a broker at a point: %w", errors.ErrUnsupported)
	}
	came := false
	var failed error
	remove, err := points.Trip(k.node, k.point, k.nth, func() {
		sprung()
		came, failed = true, k.end(c, k.node)
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		remove()
		switch {
		case !came:
			return ErrHitNothing
		case failed != nil:
			return failed
		}
		return c.Start(k.node)
	}, nil
}
