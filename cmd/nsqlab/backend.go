package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/cmd/nsqlab/replay"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
	"github.com/nsqlab/nsqlab/sim/live"
)

// A backend is where a scenario can be played.
type backend struct {
	name, usage string
	runsNsqd    bool // as a program, which --nsqd can replace
	// open prepares the backend for any number of clusters, one after another. nsqd is a binary, or empty for our own.
	open func(nsqd string) (stage, error)
}

// A stage makes clusters, one after another.
type stage interface {
	// cluster makes one with its nodes started; slack is how far its times may be off without a fault.
	cluster(s *scenarios.Scenario, seed uint64) (c sim.Cluster, slack time.Duration, err error)
	// close leaves nothing behind.
	close() error
}

// virtualBackend is the name of the one in virtual time.
const virtualBackend = "virtual"

// backends is their table.
var backends = []backend{
	{virtualBackend, "one goroutine, virtual time: the same seed is the same run, in milliseconds", false, func(string) (stage, error) { return virtual{}, nil }},
	{"inprocess", "daemons in this process, on loopback, in real time", false, real(func(string) (live.Launcher, error) { return live.InProcess(), nil })},
	{"process", "nsqd processes on loopback; kill is SIGKILL, pause SIGSTOP", true, real(func(nsqd string) (live.Launcher, error) { return live.Process(nsqd), nil })},
	{"container", "nsqd containers; needs a Docker engine, and no registry", true, real(live.Container)},
}

func backendNames() string {
	var all []string
	for _, b := range backends {
		all = append(all, b.name)
	}
	return strings.Join(all, ",")
}

func findBackend(name string) (backend, error) {
	for _, b := range backends {
		if b.name == name {
			return b, nil
		}
	}
	return backend{}, fmt.Errorf("no backend is called %q; there are %s", name, backendNames())
}

type virtual struct{}

func (virtual) cluster(s *scenarios.Scenario, seed uint64) (sim.Cluster, time.Duration, error) {
	w, slack, err := replay.NewWorld(s, seed)
	if err != nil {
		return nil, 0, err
	}
	return w, slack, nil
}

func (virtual) close() error { return nil }

// realSlack is how far a time may be off on a shared machine with its goroutines, processes and sockets.
const realSlack = 600 * time.Millisecond

// realTime is a stage of sim/live.
type realTime struct{ launcher live.Launcher }

func real(launch func(nsqd string) (live.Launcher, error)) func(string) (stage, error) {
	return func(nsqd string) (stage, error) {
		l, err := launch(nsqd)
		if err != nil {
			return nil, err
		}
		return realTime{l}, nil
	}
}

func (r realTime) cluster(s *scenarios.Scenario, seed uint64) (sim.Cluster, time.Duration, error) {
	c, err := live.New(r.launcher, s.Nodes(), seed)
	return c, realSlack, err
}

func (r realTime) close() error { return r.launcher.Close() }
