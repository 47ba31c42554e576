// Package chaos holds the faults that a scenario can inflict on a cluster, one a file; [Kinds] is their table.
//
// A [Kind] says how a fault is written in a scenario and what promises it may break; its New makes a [Fault], which does its harm
// by the sim.Cluster alone, or by a capability that the cluster may lack (errors.ErrUnsupported). What heals it leaves no trace.
// A Kind of clients has a [Conduct] instead: how a load line's clients behave, for who runs those to apply.
//
//	f, err := chaos.Delay.New(chaos.Args{Names: map[string]string{"delay": "b1"}, Durations: …})
//	heal, err := f.Inject(cluster)
//	err = heal() // ErrHitNothing if it harmed nobody
package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// A Fault is one hardship of one run, ready to be inflicted once; healing leaves no trace but what it did.
type Fault interface {
	Inject(c sim.Cluster) (heal func() error, err error)
}

// A Trap is a fault that is inflicted when its moment comes, if it comes, and not by Inject, which only waits for it.
type Trap interface {
	Fault
	// Set is Inject that calls sprung when the moment has come, before the harm is done. It may be called in the middle of a call of a
	// broker, so all that it may ask of the cluster is an Observer's.
	Set(c sim.Cluster, sprung func()) (heal func() error, err error)
}

// A Preparer is a Fault that has to watch connections from their first byte. Prepare is called once, before any connection is dialled
// and Inject; until then it harms nobody.
type Preparer interface {
	Prepare(c sim.Cluster) error
}

// ErrHitNothing is what healing says when the fault harmed nobody: a run cannot show anything by it.
var ErrHitNothing = errors.New("chaos: the fault hit nothing")

// A Kind is how a fault is written, and what it may break.
type Kind struct {
	Name    string
	Usage   string                      // a line for a person: what it does
	Params  []Param                     // the first bears the kind's name and says whom it hits
	New     func(Args) (Fault, error)   // nil if it has Conduct
	Conduct func(Args) (Conduct, error) // of a kind that hits a load line's clients
	Permits map[sim.Durability][]string // promises, by their checkers' names, that it may break where OK promises so much
	// ByHow is what a kind with the parameter how may break, by its word; without the word it is Permits.
	ByHow map[string]map[sim.Durability][]string
	Ends  bool // it ends the node; what heals it starts that again
	Halts bool // the node lives and does nothing while it is on
	// Lingers is how long connections may suffer by what it did to them when it is over: it takes their ends so long to notice.
	Lingers time.Duration
	// Restarts says that it ends the node and starts it again, and that what heals it does so once more.
	Restarts bool
	// Mild says that it is an Order, and nothing but: nodes and links work as they do without it.
	Mild bool
	// Weakens is what OK is worth on the broker from the fault on, also when that is over, to the faults that come then.
	Weakens map[sim.Durability]sim.Durability
	// Flags are what the node runs with beside its own while the fault is on. Nil: its own.
	Flags func(Args) []string
	// Skew is what the fault makes of the node's clock. Nil: nothing.
	Skew func(Args) sim.Skew
	// Fits, if not nil, refuses words that make no sense among the ends that a scenario has: its nodes and its load lines.
	Fits func(a Args, ends []string) error
}

// Permitted is what a fault of the kind with these words may break.
func (k Kind) Permitted(a Args) map[sim.Durability][]string {
	if by, ok := k.ByHow[a.Names["how"]]; ok {
		return by
	}
	return k.Permits
}

// OfNode says whether the fault hits a node, and not its links or clients.
func (k Kind) OfNode() bool { return k.Params[0].Type == Broker || k.Params[0].Type == Node }

// OfClients says whether the fault is in what clients do.
func (k Kind) OfClients() bool { return k.Conduct != nil }

// A Type is what a parameter holds.
type Type string

// The types of parameters.
const (
	Broker    Type = "broker"    // a broker's name
	Node      Type = "node"      // a broker's name, or an nsqlookupd's
	End       Type = "end"       // a node's name, or a load line's
	Ends      Type = "ends"      // a list of such names, each once
	Consumers Type = "consumers" // a consume line's name
	Producers Type = "producers" // a produce line's name
	Topic     Type = "topic"     // a topic's name
	Channel   Type = "channel"   // a topic's name and a channel's, such as orders/billing
	Duration  Type = "duration"  // such as 20ms, more than 0
	Rate      Type = "rate"      // bytes a second, such as 10KB/s
	Share     Type = "share"     // such as 5%, more than 0%
	Way       Type = "way"       // in, out or both: as the target sees it
	Bytes     Type = "bytes"     // such as 64KB, or 0B
	Count     Type = "count"     // a whole number from 1
	Number    Type = "number"    // a whole number from 0
	Pattern   Type = "pattern"   // of names of files, as path.Match has it
	Word      Type = "word"      // one of the parameter's Words
	Shift     Type = "shift"     // a duration with a sign, such as -1h; not 0
	Drift     Type = "drift"     // of a clock: such as 10%, -50% or 200ppm
	Flags     Type = "flags"     // of the node that the fault hits, as on a command line
	Path      Type = "path"      // of a file
)

// A Param is one word of a fault.
type Param struct {
	Name     string
	Type     Type
	Required bool
	Usage    string
	Words    []string // of the type Word
	Draw     []string // values, as a scenario has them, of which a swarm takes one; empty: any that the type has
}

// Args are a fault's words, checked and parsed, by the parameters' names. What was left out is not in them.
type Args struct {
	Names     map[string]string        // of the types Broker, Node, End, Consumers, Producers, Topic, Channel, Way, Pattern, Word, Flags and Path
	Lists     map[string][]string      // of the type Ends
	Durations map[string]time.Duration // of the types Duration and Shift
	Rates     map[string]float64       // bytes a second
	Shares    map[string]float64       // from 0 to 1
	Counts    map[string]int64         // of the types Bytes, Count and Number, and of Drift, in ppm
}

// Kinds are all the faults there are, those of nodes before those of links, and those of clients behind both.
var Kinds = []Kind{
	Kill, Pause, Stop, PowerCut, Restart, Crash, ClockOffset, ClockStep, ClockDrift, ClockFreeze, DiskFull, DiskError, SlowDisk, LyingDisk, BitFlip, Truncate,
	PauseChannel, PauseTopic,
	Delay, Partition, Halves, Ring, Bridge, Reset, HalfOpen, SlowClose, Stall, Bandwidth, Loss, Slice, Clog, Swizzle, Said,
	SlowWork, Die, Quit, Forget, FinishTwice, FinishLate, Requeue, Ready, Republish,
}

// unnoticed is how long an nsqd takes to notice that a connection to an nsqlookupd is dead, and to make another: a PING after 15 s, and 5 s for
// its answer, and what is left for the rest.
const unnoticed = 25 * time.Second

// Nothing is what OK is worth where not even a stop in order can be relied on to save what was acknowledged.
const Nothing sim.Durability = "nothing"

// The promises that faults may break, by their checkers' names.
const (
	noLoss         = "no-loss"
	countsAttempts = "counts-attempts"
	noDuplicates   = "no-duplicates"
	noLeak         = "no-leak-while-paused"
)

// worths are what OK can be worth, from the least.
var worths = []sim.Durability{Nothing, sim.Memory, sim.OS, sim.Fsync}

// permit permits to break promises where OK promises so much, or less.
func permit(most sim.Durability, promises ...string) map[sim.Durability][]string {
	permits := map[sim.Durability][]string{}
	for _, d := range worths {
		permits[d] = promises
		if d == most {
			break
		}
	}
	return permits
}

// or permits what either does.
func or(a, b map[sim.Durability][]string) map[sim.Durability][]string {
	both := map[sim.Durability][]string{}
	for _, d := range worths {
		if all := slices.Concat(a[d], b[d]); len(all) > 0 {
			both[d] = all
		}
	}
	return both
}

// ruined is what may happen where the disk does not have what it should.
var ruined = permit(sim.Fsync, noLoss, countsAttempts, noDuplicates, noLeak)

// unnoted is what the next end of a broker may do that could not note all: how often a message was delivered, what was finished, and what is paused. Messages it has
// acknowledged it did write.
var unnoted = permit(sim.Fsync, countsAttempts, noDuplicates, noLeak)

// unsaved is what failing writes make of OK: a broker that keeps messages in memory may not be able to save them any more.
var unsaved = map[sim.Durability]sim.Durability{sim.Memory: Nothing}

// pair is a direction between two ends; an empty end is any.
type pair struct{ from, to string }

// both are the directions between a target and a peer, empty for any.
func both(target, peer string) []pair { return []pair{{peer, target}, {target, peer}} }

// ways are those of both that a parameter of the type Way has.
func ways(target, peer, way string) []pair {
	switch all := both(target, peer); way {
	case "in":
		return all[:1]
	case "out":
		return all[1:]
	default:
		return all
	}
}

// counted counts what a rule does.
type counted struct {
	rule sim.Rule
	hits atomic.Int64
}

// Judge implements sim.Rule.
func (c *counted) Judge(now time.Duration, rng *rand.Rand, chunk sim.Chunk) sim.Fate {
	f := c.rule.Judge(now, rng, chunk)
	if f != (sim.Fate{}) {
		c.hits.Add(1)
	}
	return f
}

// obstruct puts a rule of its own on each direction, and heals by taking them away.
func obstruct(c sim.Cluster, directions []pair, rule func() sim.Rule) (heal func() error, err error) {
	var removes []func()
	var rules []*counted
	undo := func() {
		for _, remove := range removes {
			remove()
		}
	}
	for _, d := range directions {
		r := &counted{rule: rule()}
		remove, err := c.AddRule(d.from, d.to, r)
		if err != nil {
			undo()
			return nil, fmt.Errorf("chaos: rule from %q to %q: %w", d.from, d.to, err)
		}
		removes, rules = append(removes, remove), append(rules, r)
	}
	return func() error {
		undo()
		for _, r := range rules {
			if r.hits.Load() > 0 {
				return nil
			}
		}
		return ErrHitNothing
	}, nil
}
