// Package scenarios holds runs that a person wrote: brokers, nsqlookupds, load, faults, and what is expected of them.
//
// [Load] reads a scenario's file and refuses what it does not know, with line and column; [Run] plays it on any sim.Cluster
// and passes what happens to a history. It judges nothing, and knows no cluster by name.
//
//	s, err := scenarios.Load("scenarios/kill.yaml")
//	err = scenarios.Run(ctx, s, cluster, scenarios.Options{Seed: 1, Record: record})
//
// What can stand in a file is in the tables of keys.go, from which schema.json, for editors, is made too.
package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A Scenario is a run to be played.
type Scenario struct {
	Name        string // the file's, without its ending
	File        string
	Description string
	Seed        uint64     // that it is played under, if none is given
	Lookups     []sim.Node // nsqlookupds
	Brokers     []sim.Node
	Links       sim.Links // as they are without faults, where the cluster's are made and not real
	Producers   []*Producer
	Consumers   []*Consumer
	Faults      []*Fault
	Swarm       *Swarm        // faults that are still to be drawn; nil: none. See Drawn
	Drain       time.Duration // how long everything owed may take to be delivered, once all is healed
	Expect      []history.Expectation
	Strict      bool
}

// A Producer is a load line that publishes: an open loop, which keeps its schedule however long the answers take.
type Producer struct {
	Name    string // also of its end of the links
	Topic   string
	Rate    float64 // messages a second, of all its clients together
	From    time.Duration
	For     time.Duration
	Size    int // of a body, in bytes
	Clients int // for each broker
	To      []string
	Batch   int           // messages in one MPUB; 1 is PUB
	Defer   time.Duration // of a DPUB; 0 is PUB
}

// A Consumer is a load line that consumes: each of its clients is connected to every broker it names, or that it finds.
type Consumer struct {
	Name         string // also of its end of the links
	Topic        string
	Channel      string
	InFlight     int // RDY, a connection
	Clients      int
	On           []string      // with Find those that it may find
	Find         string        // "lookup": it knows no broker, and asks the nsqlookupds
	Poll         time.Duration // how often it asks them
	From         time.Duration
	Work         time.Duration // from a message's arrival to its FIN
	Touch        time.Duration // how often a message that is worked on is touched; 0 is never
	Requeue      float64       // the share of deliveries that are requeued instead of finished
	RequeueAfter time.Duration
	CrashEvery   time.Duration // how often a client drops its connections with what is in flight; 0 is never
	CrashFor     time.Duration // how long it stays away then
	MsgTimeout   time.Duration // asked for in IDENTIFY; 0 is the broker's
}

// A Fault is a hardship at a time.
type Fault struct {
	At      time.Duration
	For     time.Duration // 0: until the load is over
	MayMiss bool          // it is no matter if it hits nothing
	Kind    chaos.Kind
	Args    chaos.Args
	Target  string        // whom it hits
	Words   string        // as it was written
	Inflict chaos.Fault   // nil if it is of clients
	Conduct chaos.Conduct // if it is
}

// An Error is a mistake in a scenario's file, and where.
type Error struct {
	File         string
	Line, Column int
	Message      string // what is wrong, and what was expected
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

const (
	maxFile     = 1 << 20 // bytes of a scenario's file
	defaultSeed = 1
)

// defaultDrain lets what is in flight time out once by nsqd's message timeout, a minute, and then nothing move for two of them, by which what is
// stuck is told from what is slow.
const defaultDrain = 5 * time.Minute

// Load reads a scenario's file.
func Load(file string) (*Scenario, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, src)
}

// Parse reads a scenario; file is what errors call it. A mistake is an *Error.
func Parse(file string, src []byte) (*Scenario, error) {
	if len(src) > maxFile {
		return nil, &Error{file, 1, 1, fmt.Sprintf("the file has %d bytes, want %d at the most", len(src), maxFile)}
	}
	base := filepath.Base(file)
	s := &Scenario{
		Name: strings.TrimSuffix(base, filepath.Ext(base)), File: file,
		Seed: defaultSeed, Links: sim.DefaultLinks, Drain: defaultDrain,
	}
	if err := decode(file, src, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Nodes are all that a cluster has for the scenario.
func (s *Scenario) Nodes() []sim.Node { return slices.Concat(s.Lookups, s.Brokers) }

// Messages is how many the load is to publish.
func (s *Scenario) Messages() (n int) {
	for _, p := range s.Producers {
		n += p.messages()
	}
	return n
}

// Clients is how many the load has.
func (s *Scenario) Clients() (n int) {
	for _, p := range s.Producers {
		n += p.clients()
	}
	for _, c := range s.Consumers {
		n += c.Clients
	}
	return n
}

// LoadFor is how long the load and the faults with an end last.
func (s *Scenario) LoadFor() time.Duration {
	end := s.loadEnd()
	for _, f := range s.Faults {
		end = max(end, f.At+f.For)
	}
	return end
}
