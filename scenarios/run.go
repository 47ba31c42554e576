package scenarios

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// Options are what a run needs beside its scenario and its cluster.
type Options struct {
	Seed   uint64           // of the clients' draws
	Run    uint64           // stands in every message, so that another run's are known
	Record func(history.Op) // takes what happens, in order
	Own    map[string]Own   // clients under test, by the consume lines that they stand in for
	// Progress, if not nil, is told now and then how far the run is.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Phase     string
	At        time.Duration
	Of        time.Duration // the load's length; 0 once it is over
	Published int
	Delivered int
	Owed      int64 // after the load: messages that the brokers still hold
}

const (
	step       = 100 * time.Millisecond // of the cluster's life between looks at the context
	probeEvery = 250 * time.Millisecond
	farewell   = 2 * time.Second // for the consumers' last commands to be answered
	settling   = 100 * time.Millisecond
)

// A run is a scenario being played.
type run struct {
	scenario  *Scenario
	cluster   sim.Cluster
	opts      Options
	producers []*producer
	consumers []*consumer
	orders    []func(func(error)) // healings of all that brokers were told
	lasting   []func()            // healings of faults that last until the load is over
	broken    int                 // faults that are on
	scarred   bool                // one could not be healed
	weakened  []*Fault            // those that were inflicted and make OK worth less
	restarted []*Fault            // those that are on and have a node run with other flags
	promises  []past              // of nodes that have ended without saving all
	conducts  []*conduct          // faults of clients that are on
	conns     uint64
	progress  Progress
	over      bool // the load is
	leaving   bool // the consumers are
}

// Run plays a scenario on a cluster: the load with its faults, then the healing of all of them, then the drain. It records all of
// it, with the faults that a swarm draws for its seed, and returns an error only if the run could not be played to its end, as when ctx is done.
func Run(ctx context.Context, s *Scenario, c sim.Cluster, o Options) error {
	s = s.Drawn(o.Seed)
	if err := s.checkOwn(o.Own); err != nil {
		return err
	}
	r := &run{scenario: s, cluster: c, opts: o}
	r.phase(history.Info, "load")
	faults := r.prepare()
	for _, line := range s.Consumers {
		if own, ok := o.Own[line.Name]; ok {
			r.own(line, own)
		} else {
			r.consume(line)
		}
	}
	for _, line := range s.Producers {
		r.produce(line)
	}
	for _, f := range faults {
		c.At(f.At, func() { r.inflict(f) })
	}
	r.progress = Progress{Phase: "load", Of: s.LoadFor()}
	if err := r.live(ctx, func() bool { return c.Now() >= s.LoadFor()+settling }); err != nil {
		return err
	}
	r.endLoad()
	if err := r.live(ctx, func() bool { return r.broken == 0 }); err != nil {
		return err
	}
	if err := r.undo(ctx); err != nil {
		return err
	}
	if err := r.whole(); err != nil {
		return err
	}
	return r.drain(ctx)
}

// whole makes sure that the healing left nothing behind, as far as the cluster can tell. A fault that could not be healed is the
// history's to tell.
func (r *run) whole() error {
	if len(r.conducts) > 0 {
		return fmt.Errorf("scenarios: all is healed, and clients of %s misbehave", r.conducts[0].line)
	}
	if e, ok := r.cluster.(sim.Examiner); ok && !r.scarred {
		if harms := e.Harms(); len(harms) > 0 {
			return fmt.Errorf("scenarios: all is healed, and there is still: %s", strings.Join(harms, "; "))
		}
	}
	return nil
}

// live lets the cluster live until a condition holds.
func (r *run) live(ctx context.Context, until func() bool) error {
	for !until() {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.cluster.Run(step)
		r.report()
	}
	return nil
}

func (r *run) report() {
	if r.opts.Progress != nil {
		r.progress.At = r.cluster.Now()
		r.opts.Progress(r.progress)
	}
}

// endLoad stops the producers and heals what is still broken.
func (r *run) endLoad() {
	r.over = true
	r.progress.Of = 0
	for _, p := range r.producers {
		p.giveUp()
	}
	r.phase(history.Info, "heal")
	r.progress.Phase = "heal"
	for _, heal := range r.lasting {
		r.cluster.At(0, heal)
	}
}

func (r *run) record(op history.Op, t history.Type) {
	op.Time, op.Type = r.cluster.Now(), t
	r.opts.Record(op)
}

func (r *run) phase(t history.Type, note string) {
	r.record(history.Op{Process: "lab", F: history.Phase, Note: note}, t)
}

// rand gives a stream of randomness for one client.
func (r *run) rand(name string) *rand.Rand {
	return stream(r.opts.Seed, name)
}

// stream is the randomness that a seed has under a name.
func stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, name)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
