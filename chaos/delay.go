package chaos

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Delay makes everything to and from an end take longer.
var Delay = Kind{
	Name:  "delay",
	Usage: "everything to and from an end takes longer, each way",
	Params: []Param{
		{Name: "delay", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "by", Type: Duration, Required: true, Usage: "how much longer, one way; the mean, where it is drawn"},
		{Name: "as", Type: Word, Words: delays, Usage: "how it is drawn for each chunk of bytes; constant, if left out. uniform: from 0 to twice the mean; " +
			"exponential: 1 in 150 over 5 times the mean, none over 20; pareto, of shape 1.5: 1 in 58 over 5 times, 1 in 164 over 10, none over 100"},
		{Name: "jitter", Type: Duration, Usage: "up to so much more, drawn evenly for each chunk of bytes"},
	},
	New: func(a Args) (Fault, error) {
		return delay{a.Names["delay"], a.Names["as"], a.Durations["by"], a.Durations["jitter"]}, nil
	},
}

// delays are the distributions of delays.
var delays = []string{"constant", "uniform", "exponential", "pareto"}

const (
	maxExponential = 20  // means; one in half a billion is cut off
	maxPareto      = 100 // means; one in 5200 is cut off, and with them 4 % of the mean
	paretoShape    = 1.5 // its variance is infinite: the tail that is seen in networks
)

type delay struct {
	end, as    string
	by, jitter time.Duration
}

// Inject implements Fault.
func (d delay) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(d.end, ""), func() sim.Rule { return d })
}

// Judge implements sim.Rule.
func (d delay) Judge(_ time.Duration, rng *rand.Rand, _ sim.Chunk) sim.Fate {
	fate := sim.Fate{Delay: d.draw(rng)}
	if d.jitter > 0 {
		fate.Delay += time.Duration(rng.Int64N(int64(d.jitter)))
	}
	return fate
}

// draw gives a delay. A Pareto variable of shape a and mean m is m(a-1)/a·e^(E/a), where E is exponential of mean 1: the inverse of its
// distribution function 1-(x/xm)^-a, as in L. Devroye, Non-Uniform Random Variate Generation (1986), II.2.
func (d delay) draw(rng *rand.Rand) time.Duration {
	times := 1.0
	switch d.as {
	case "uniform":
		times = 2 * rng.Float64()
	case "exponential":
		times = min(rng.ExpFloat64(), maxExponential)
	case "pareto":
		times = min((paretoShape-1)/paretoShape*math.Exp(rng.ExpFloat64()/paretoShape), maxPareto)
	default:
		return d.by
	}
	return time.Duration(times * float64(d.by))
}
