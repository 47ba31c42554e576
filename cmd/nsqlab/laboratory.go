package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// playLimit is how long a run may take, in real time, that is one of very many. Then it is left behind: nothing can stop a broker that turns on the spot.
const playLimit = 30 * time.Second

// A laboratory plays scenarios in virtual time on all processors, for the verdict alone.
type laboratory struct{}

// play plays a scenario under a seed.
func (laboratory) play(ctx context.Context, s *scenarios.Scenario, seed uint64) (*reports.Report, error) {
	type outcome struct {
		rep *reports.Report
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, playLimit)
	defer cancel()
	done := make(chan outcome, 1)
	go func() {
		rep, err := playBare(ctx, s, seed)
		done <- outcome{rep, err}
	}()
	select {
	case o := <-done:
		return o.rep, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// playBare plays it and keeps no history. A panic is an error.
func playBare(ctx context.Context, s *scenarios.Scenario, seed uint64) (rep *reports.Report, err error) {
	defer func() {
		if why := recover(); why != nil {
			rep, err = nil, fmt.Errorf("%s, seed %d: panic: %v", s.File, seed, why)
		}
	}()
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	if err != nil {
		return nil, err
	}
	rep, err = scenarios.Play(ctx, s, scenarios.Stand{
		Cluster: w, Backend: virtualBackend, Seed: seed, Slack: s.Links.Slack(), Bare: true,
	})
	return rep, errors.Join(err, w.Close())
}

// search finds the least i below n for which shows is true, or -1, and asks as many at a time as there are processors: those behind one that
// is true may have been asked in vain.
func (laboratory) search(n int, shows func(i int) bool) int {
	var mu sync.Mutex
	next, found := 0, n
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next-1 < found
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i, more := take(); more; i, more = take() {
				if shows(i) {
					mu.Lock()
					found = min(found, i)
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	if found == n {
		return -1
	}
	return found
}
