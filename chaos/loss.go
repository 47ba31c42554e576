package chaos

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Loss loses chunks as TCP feels it: nothing is missing in the end, and everything behind a lost chunk waits until that was sent again, after
// a timeout that doubles with each loss in a row. That other packets tell of the loss earlier (fast retransmit) is left out: a chunk is all
// that is under way.
var Loss = Kind{
	Name:  "loss",
	Usage: "chunks of bytes are lost and sent again, as TCP does: after 200ms, 400ms and so on (an opening after 1s, 2s …), and all behind waits",
	Params: []Param{
		{Name: "loss", Type: End, Required: true, Usage: "the broker, or a load line's clients"},
		{Name: "share", Type: Share, Required: true, Usage: "of the chunks, each time they are sent"},
		{Name: "after", Type: Count, Usage: "so many losses in a row the connection breaks (15, as Linux has it)"},
	},
	Lingers: 5 * time.Minute, // what is lost often in a row waits long
	New: func(a Args) (Fault, error) {
		return loses{a.Names["loss"], a.Shares["share"], int(cmp.Or(a.Counts["after"], 15))}, nil
	},
}

// The retransmission timeouts of RFC 6298: that of data as Linux bounds it (TCP_RTO_MIN), of an opening (2.1), and how far they double
// (2.5; Linux's TCP_RTO_MAX).
const (
	dataTimeout    = 200 * time.Millisecond
	openingTimeout = time.Second
	maxTimeout     = 2 * time.Minute
)

type loses struct {
	end   string
	share float64
	after int
}

// Inject implements Fault.
func (l loses) Inject(c sim.Cluster) (heal func() error, err error) {
	return obstruct(c, both(l.end, ""), func() sim.Rule { return l })
}

// Judge implements sim.Rule.
func (l loses) Judge(_ time.Duration, rng *rand.Rand, c sim.Chunk) (f sim.Fate) {
	timeout := dataTimeout
	if c.Opening {
		timeout = openingTimeout
	}
	for n := 0; n < l.after && rng.Float64() < l.share; n++ {
		f.Delay += timeout
		timeout = min(2*timeout, maxTimeout)
		f.Reset = n+1 == l.after
	}
	return f
}
