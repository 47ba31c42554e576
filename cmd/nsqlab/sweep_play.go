package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
)

// maxKept bounds the folders of a trial's seeds that violated something, and of those that are unknown.
var maxKept = [2]int{100, 10}

// A sweep plays trials under many seeds, some at a time. What it finds belongs to the goroutine that runs it.
type sweep struct {
	player
	result
	env       *environment
	trials    []*trial
	keepGoing bool
	workers   int
	limit     time.Duration // 0: none
	view      *view

	kept   [][2]int // of each trial, see maxKept
	handed int      // seeds given to workers
	failed error    // why it cannot go on
}

// A job is one seed of one trial.
type job struct {
	trial int
	seed  uint64
}

// An outcome is what came of a job.
type outcome struct {
	job
	rep    *reports.Report
	dir    string // of a failed one
	took   time.Duration
	differ bool
	second time.Duration // of virtual time, when it was played again
	err    error
}

// run hands the seeds out, a seed of each trial after another, and takes in what comes of them.
func (s *sweep) run(ctx context.Context) error {
	began := time.Now()
	for _, t := range s.trials {
		row := newTally(t)
		row.Planned = s.shard.count(s.seeds)
		s.rows = append(s.rows, row)
	}
	s.kept = make([][2]int, len(s.trials))
	s.view.begin(s)
	playing, giveUp := context.WithCancel(ctx)
	defer giveUp()
	jobs, outcomes := make(chan job), make(chan outcome)
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(func() {
			for j := range jobs {
				outcomes <- s.try(playing, j)
			}
		})
	}
	s.conduct(ctx, giveUp, jobs, outcomes)
	close(jobs)
	workers.Wait()
	for _, t := range s.trials {
		_ = os.Remove(s.folder(t)) // if nothing is in it: every seed held
	}
	s.Took = time.Since(began)
	s.view.end()
	return s.failed
}

// conduct is the loop of run. It returns when no job is left at play.
func (s *sweep) conduct(ctx context.Context, giveUp func(), jobs chan<- job, outcomes <-chan outcome) {
	ticks := time.NewTicker(s.view.every())
	defer ticks.Stop()
	var up <-chan time.Time
	if s.limit > 0 {
		up = time.After(s.limit)
	}
	interrupted := ctx.Done()
	for atPlay := 0; ; {
		next, ok := s.next()
		hand := jobs
		if !ok {
			hand = nil
			if atPlay == 0 {
				return
			}
		}
		select {
		case hand <- next:
			s.handed++
			atPlay++
		case o := <-outcomes:
			atPlay--
			s.take(o)
			if s.failed != nil {
				giveUp()
			}
		case <-up:
			s.end(endedTime)
		case <-interrupted:
			s.end(endedInterrupted)
			interrupted = nil
		case <-ticks.C:
			s.view.show(s)
		}
	}
}

// next is the job to be handed out now. It is not ok when there is none any more.
func (s *sweep) next() (job, bool) {
	i := s.handed / len(s.trials)
	if i == s.shard.count(s.seeds) {
		s.end(endedAll)
	}
	if s.Ended != "" {
		return job{}, false
	}
	return job{s.handed % len(s.trials), s.shard.seed(s.seeds, i)}, true
}

// end has no more jobs handed out. The first reason stands, unless not even what was handed out is played.
func (s *sweep) end(why string) {
	if s.Ended == "" || (s.Ended == endedAll && (why == endedInterrupted || why == endedError)) {
		s.Ended = why
	}
}

// take takes in what came of a job.
func (s *sweep) take(o outcome) {
	t, row := s.trials[o.trial], s.rows[o.trial]
	switch {
	case errors.Is(o.err, context.Canceled):
		s.end(endedInterrupted) // it is as if it had not begun
		return
	case o.err != nil:
		s.end(endedError)
		s.failed = errors.Join(s.failed, fmt.Errorf("%s, seed %d: %w", t.title(), o.seed, o.err))
		return
	}
	row.add(o.rep)
	row.Virtual += o.second
	row.Busy += o.took
	s.coverage = reports.Together(s.coverage, o.rep.Coverage)
	if o.differ {
		row.Differ++
	}
	if !t.tells(o.rep.Validity) {
		return
	}
	if o.rep.Validity == reports.Invalid && !s.keepGoing {
		s.end(endedViolation)
	}
	s.keep(t, o)
}

// keep tells of a failed seed and writes its reports, if it is one of the first.
func (s *sweep) keep(t *trial, o outcome) {
	which := 0
	if o.rep.Validity == reports.Unknown {
		which = 1
	}
	n := &s.kept[o.trial][which]
	*n++
	if *n > maxKept[which] {
		if err := os.RemoveAll(o.dir); err != nil {
			s.end(endedError)
			s.failed = errors.Join(s.failed, err)
		}
		return
	}
	s.view.end()
	fmt.Fprint(s.env.out, failure(t.title(), o.rep, o.dir))
	if *n == maxKept[which] {
		fmt.Fprintf(s.env.out, "%s: more that are %s are counted, and not kept or told\n", t.title(), o.rep.Validity)
	}
	s.failures = append(s.failures, failedSeed{t.file, t.set, o.seed, o.rep.Validity, o.rep.Reason, o.dir, o.rep.Replay})
	if err := s.write(o.dir, o.rep); err != nil {
		s.end(endedError)
		s.failed = errors.Join(s.failed, err)
	}
}

// try plays one seed, in a worker. Its folder is gone afterwards unless it failed.
func (s *sweep) try(ctx context.Context, j job) (o outcome) {
	t := s.trials[j.trial]
	o = outcome{job: j, dir: filepath.Join(s.folder(t), fmt.Sprint(j.seed))}
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			o.rep, o.err = s.panicked(t, o, p, debug.Stack())
		}
		o.took = time.Since(began)
		if o.err != nil || !t.tells(o.rep.Validity) {
			o.err = errors.Join(o.err, os.RemoveAll(o.dir))
		}
	}()
	o.rep, o.err = s.play(ctx, t, j.seed, o.dir, historyFile, nil)
	if o.err == nil && s.Twice {
		o.err = s.again(ctx, t, &o)
	}
	return o
}

// tells says whether a seed with such a verdict is to be told: not if it was made up, and shows nothing.
func (t *trial) tells(v reports.Validity) bool {
	return failed(v) && !(t.madeUp && v == reports.Unknown)
}

// words are how a sweep's command line names a trial.
func (t *trial) words() []string {
	if t.madeUp {
		return []string{"--random"}
	}
	return []string{t.file}
}

// panicked makes a report of a panic, and writes where it was beside it.
func (s *sweep) panicked(t *trial, o outcome, cause any, stack []byte) (*reports.Report, error) {
	rep := &reports.Report{
		Scenario: t.file, Backend: s.backend, Seed: o.seed, Validity: reports.Invalid, Reason: fmt.Sprintf("panic: %v", cause),
		Replay: s.stand(t, o.seed).Again(t.fileIn(o.dir)),
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return nil, err
	}
	return rep, os.WriteFile(filepath.Join(o.dir, "panic.txt"), fmt.Appendf(nil, "panic: %v\n\n%s", cause, stack), 0o666)
}

const secondFile = "again.jsonl"

// again plays a seed once more, and has it fail if that is another run.
func (s *sweep) again(ctx context.Context, t *trial, o *outcome) error {
	rep, err := s.play(ctx, t, o.seed, o.dir, secondFile, nil)
	if err != nil {
		return err
	}
	o.second = rep.Took
	if rep.Trace == o.rep.Trace {
		return os.Remove(filepath.Join(o.dir, secondFile))
	}
	where, err := parting(filepath.Join(o.dir, historyFile), filepath.Join(o.dir, secondFile))
	if err != nil {
		return err
	}
	o.differ = true
	o.rep.Validity, o.rep.Reason = reports.Invalid, "played twice it was two runs: "+where
	words := slices.Concat([]string{"nsqlab", "sweep", "--twice", fmt.Sprintf("--seeds=%d-%d", o.seed, o.seed)}, s.flags, t.flags(), t.words())
	o.rep.Replay = strings.Join(words, " ")
	return nil
}

// parting tells where two histories' files part.
func parting(a, b string) (string, error) {
	one, err := os.Open(a)
	if err != nil {
		return "", err
	}
	defer one.Close()
	two, err := os.Open(b)
	if err != nil {
		return "", err
	}
	defer two.Close()
	_, ops, err := history.Read(one)
	if err != nil {
		return "", err
	}
	_, others, err := history.Read(two)
	if err != nil {
		return "", err
	}
	line, x, y, err := history.FirstDifference(ops, others)
	if err != nil || line == 0 {
		return "their histories are equal, but not the bytes", err
	}
	return fmt.Sprintf("in line %d of its history stands first %s, then %s", line, entry(x), entry(y)), nil
}

// entry is an operation as its file has it.
func entry(op *history.Op) string {
	if op == nil {
		return "nothing any more"
	}
	return op.Line()
}
