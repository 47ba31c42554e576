package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// A Stand is where and how a scenario is played.
type Stand struct {
	Cluster sim.Cluster
	Backend string // what the report calls the cluster
	Seed    uint64
	Slack   time.Duration // how far the cluster's times may be off without a fault; see history.Header
	// Nonce, if not 0, tells this run's messages from those of a run of the same seed.
	Nonce    int64
	Run      uint64             // if not 0, stands in every message instead of [RunNumber]
	History  io.ReadWriteSeeker // empty; the history is written there, and read from its beginning; nil: in memory
	Bare     bool               // no history is kept, not in memory either, and the report tells no message's life
	Progress func(Progress)     // may be nil
	Observe  func(history.Op)   // is told each operation as it happens; may be nil
	Flags    []string           // of nsqlab run, to show the run again
	Own      map[string]Own     // clients under test, by the consume lines that they stand in for
}

// registered are the nsqlookupds of each broker.
func (s *Scenario) registered() map[string][]string {
	all := map[string][]string{}
	for _, b := range s.Brokers {
		if len(b.Lookupds) > 0 {
			all[b.Name] = b.Lookupds
		}
	}
	return all
}

// RunNumber is what stands in every message of a run; see Stand.
func RunNumber(seed uint64, nonce int64) uint64 {
	hash := fnv.New64a()
	fmt.Fprint(hash, seed, " ", nonce)
	return hash.Sum64()
}

// Again is the command that plays a scenario's file at this stand.
func (at Stand) Again(file string) string {
	words := append([]string{"nsqlab", "run", "--backend=" + at.Backend, fmt.Sprintf("--seed=%d", at.Seed)}, at.Flags...)
	return strings.Join(append(words, file), " ")
}

// Play plays a scenario with what its seed draws, writes its history, and judges it.
func Play(ctx context.Context, s *Scenario, at Stand) (*reports.Report, error) {
	s = s.Drawn(at.Seed)
	id := at.Run
	if id == 0 {
		id = RunNumber(at.Seed, at.Nonce)
	}
	head := history.Header{
		Run: fmt.Sprintf("%016x", id), Scenario: s.File, Shows: s.Description, Backend: at.Backend, Seed: at.Seed, Nodes: at.Cluster.Nodes(),
		Slack: at.Slack, Expect: s.Expect, Strict: s.Strict, Replay: at.Again(s.File),
		Lookups: s.registered(), Source: s.Text(),
	}
	if _, ok := at.Cluster.(sim.Observer); ok {
		for _, s := range sim.NodeStates {
			head.States = append(head.States, s.Name)
		}
	}
	j, err := reports.NewJudge(head)
	if err != nil {
		return nil, err
	}
	if at.Bare {
		if err := at.record(ctx, s, id, j.Observe); err != nil {
			return nil, err
		}
		return j.Report(func(func(history.Op, error) bool) {})
	}
	if at.History == nil {
		at.History = &memory{}
	}
	w, err := history.NewWriter(at.History, head)
	if err != nil {
		return nil, err
	}
	var failed error
	err = at.record(ctx, s, id, func(op history.Op) {
		if failed == nil {
			failed = w.Write(op)
		}
		j.Observe(op)
	})
	if err := errors.Join(err, failed, w.Flush()); err != nil {
		return nil, err
	}
	if _, err := at.History.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	_, ops, err := history.Read(at.History)
	if err != nil {
		return nil, err
	}
	return j.Report(ops)
}

// record runs a scenario, and records the trace that a virtual run came to.
func (at Stand) record(ctx context.Context, s *Scenario, id uint64, to func(history.Op)) error {
	record := to
	if at.Observe != nil {
		record = func(op history.Op) {
			to(op)
			at.Observe(op)
		}
	}
	err := Run(ctx, s, at.Cluster, Options{Seed: at.Seed, Run: id, Record: record, Own: at.Own, Progress: at.Progress})
	if t, ok := at.Cluster.(interface{ Trace() string }); ok {
		record(history.Op{Time: at.Cluster.Now(), Process: "lab", Type: history.Info, F: history.Trace, Note: t.Trace()})
	}
	return err
}

// A memory is a history that need not last.
type memory struct {
	bytes.Buffer
	from bytes.Reader
}

// Read reads what was written, from where Seek set it.
func (m *memory) Read(p []byte) (int, error) { return m.from.Read(p) }

// Seek sets where the next Read begins, in what was written so far.
func (m *memory) Seek(offset int64, whence int) (int64, error) {
	m.from.Reset(m.Bytes())
	return m.from.Seek(offset, whence)
}
