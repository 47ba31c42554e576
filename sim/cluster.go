// Package sim is the laboratory's ground: the contract of a set of nodes that can be harmed, and the deterministic one.
//
// A [Cluster] is what a scenario acts on. [World] keeps one in this goroutine under virtual time: brokers and
// clients are wire.Endpoints, a link is a queue of chunks, and a seed decides everything. sim/live has those of real time.
//
//	w, err := sim.NewWorld(1, []sim.Node{{Name: "b1"}}, sim.Links{Delay: time.Millisecond})
//	w.At(time.Second, func() { w.Kill("b1") })
//	err = w.Dial("client", "b1", func(now time.Time, wake func()) wire.Endpoint { return client.New(now, opts, handler, wake) })
//	w.Run(time.Minute)
//
// The law: functions given to At and Request, and every call of an endpoint that Dial opened, run one at a time.
package sim

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// A Kind is what a node is.
type Kind string

// The kinds of nodes.
const (
	Broker  Kind = ""        // an nsqd
	Lookupd Kind = "lookupd" // an nsqlookupd; what it knows is in memory
)

// A Node is a daemon of a cluster as it is to be started.
type Node struct {
	Name string
	Kind Kind
	Args []string // its flags, such as "--msg-timeout=2s"; see Kind.CheckArg
	// Lookupds are the nodes of that kind that a broker registers with, by their names, and asks for the channels of new topics. All it
	// exchanges with them goes over links, on which it is called by its name; it tells them its name for its broadcast address.
	Lookupds []string
}

// A Cluster is a set of nodes that clients can reach and faults can harm. Times are since it was made.
type Cluster interface {
	// Nodes lists the names in the order given.
	Nodes() []string
	// Now is the time since the cluster was made.
	Now() time.Duration
	// At calls f during Run at the time d, or at once in Run if d has gone by; equal times in the order asked. A function
	// that waits in Kill, Stop, Start, Pause or Resume on a real cluster may be overtaken by others meanwhile, but two never run at a time.
	At(d time.Duration, f func())
	// Dial connects the client called from to a node's TCP port and runs the endpoint that open gives there. It calls open at once, and
	// Disconnect when the connection ends, or could not be made: then nothing was asked of Transmit. It does not wait.
	Dial(from, node string, open func(now time.Time, wake func()) wire.Endpoint) error
	// Request asks a node's HTTP API, past all links and their faults, as the laboratory and not as a client. It does not wait:
	// done is called during Run, with an error if the node is down, is paused or does not answer within seconds.
	Request(node, method, path string, done func(status int, body []byte, err error))
	// Fetch asks a node's HTTP API as the client called from, on a connection of its own whose bytes travel over the link between the two.
	// It does not wait: done is called during Run, with an error if the answer is not all there within FetchTime.
	Fetch(from, node, method, path string, done func(status int, body []byte, err error))
	// Run lets the cluster live for d.
	Run(d time.Duration)
	// Kill ends a node at once, as kill -9 does: its connections break, and what it had in memory is gone.
	Kill(node string) error
	// Start starts a killed node again at the same address, with what it has on disk.
	Start(node string) error
	// AddRule makes r judge each chunk of bytes that goes from one end to another, on connections that stand and those to come;
	// an empty end is any. The ends are nodes' names and those of Dial. Without its rule a link is as before.
	AddRule(from, to string, r Rule) (remove func(), err error)
	// Close ends all nodes and connections and leaves nothing behind.
	Close() error
}

// FetchTime bounds Fetch.
const FetchTime = 5 * time.Second

// A Pauser is a cluster that can stop a node without ending it, as SIGSTOP does: its sockets stay and nothing moves. One that is ended is not
// paused any more, and to resume what is not paused is ErrNotPaused.
type Pauser interface {
	Pause(node string) error
	Resume(node string) error
}

// ErrNotPaused is what Resume says of a node that is not paused.
var ErrNotPaused = errors.New("it is not paused")

// A Stopper is a cluster that can end a node in order, as SIGTERM does: it ends its connections and saves what it holds. What it
// could not save is lost, and no error.
type Stopper interface {
	Stop(node string) error
}

// A PowerCutter is a cluster that can end a node's machine: as Kill, and what its disk was not told to make last may go, in any part.
type PowerCutter interface {
	PowerCut(node string) error
}

// Chance is a cluster that has streams of randomness by their names. The same seed gives the same streams, and drawing more from one
// changes no other.
type Chance interface {
	Rand(name string) *rand.Rand
}

// Disks is a cluster whose nodes have disks that can be harmed. A node's is the same for all its lives; harm that needs chance draws it
// from rng.
type Disks interface {
	Disk(node string) (d *Disk, rng *rand.Rand, err error)
}

// A Chunk is bytes on their way from one end of a connection to the other. One without bytes is a turn in the connection's life: its
// opening, or, where it is none, its end.
type Chunk struct {
	From, To string
	Conn     uint64 // which connection, from 1
	Opening  bool   // the connection's opening, before its first byte; Data is empty
	At       int64  // the offset of Data's first byte among all that go this way on the connection, from 0
	Data     []byte // must not be kept or changed
}

// A Fate is what becomes of a chunk; the zero Fate is nothing. Chunks of one direction of a connection never overtake each other.
// Where several are given to a chunk, delays and gaps add up, the smallest Slice counts, and of Hold, Reset and Lose that which lets the
// fewest bytes through; among equals Reset goes before Lose, and Lose before Hold.
type Fate struct {
	Delay time.Duration // added to what the link takes; also before a connection is reset
	Hold  bool          // it waits, and all behind it, until the rules change; then it is judged anew
	Reset bool          // the connection breaks, both ways
	// Lose is that it never arrives, nor anything behind it in its direction of this connection, the end included, also when the rule is
	// gone: that is half-open. The sender does not learn of it, and never has to wait.
	Lose bool
	// First is how many of the chunk's bytes get through before it is held, reset or lost. What breaks then breaks when they have
	// arrived, and what is held is judged anew as a chunk of its own.
	First int
	Slice int           // if not 0, what gets through travels in pieces of so many bytes
	Gap   time.Duration // that each such piece comes behind the one before
}

// And is what becomes of a chunk that is given both fates.
func (f Fate) And(g Fate) Fate {
	stop := f
	if fate := g.severity(); fate > 0 && (f.severity() == 0 || g.First < f.First || g.First == f.First && fate > f.severity()) {
		stop = g
	}
	stop.Delay = max(f.Delay, 0) + max(g.Delay, 0)
	stop.Gap = max(f.Gap, 0) + max(g.Gap, 0)
	if stop.Slice = min(f.Slice, g.Slice); stop.Slice <= 0 {
		stop.Slice = max(f.Slice, g.Slice, 0)
	}
	return stop
}

// severity is which of its ways to stop a chunk counts; 0 is none.
func (f Fate) severity() int {
	switch {
	case f.Reset:
		return 3
	case f.Lose:
		return 2
	case f.Hold:
		return 1
	}
	return 0
}

// A Rule decides the fate of each chunk of bytes on a link; its randomness is passed in. It is asked for one chunk at a time, on a real
// cluster from goroutines of its own, and not any more once its removal has returned. It must not call the cluster.
type Rule interface {
	Judge(now time.Duration, rng *rand.Rand, c Chunk) Fate
}
