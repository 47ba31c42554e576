// Command play plays a scenario's file in the virtual world, once for each seed from A to B, and tells how its promises stood: a
// line of JSON a seed. It is what the planted bugs are built into.
//
//	play FILE A B
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// A line is one seed's verdict.
type line struct {
	Seed     uint64             `json:"seed"`
	Validity reports.Validity   `json:"validity"`
	Reason   string             `json:"reason"`
	Promises map[string]outcome `json:"promises"`
}

// An outcome is how a promise stood.
type outcome struct {
	Validity reports.Validity `json:"validity"`
	Events   int              `json:"events"`
	Count    int              `json:"count"`
	First    string           `json:"first,omitempty"` // finding
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "play:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("want FILE A B, not %q", args)
	}
	first, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	last, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	for seed := first; seed <= last; seed++ {
		l, err := play(args[0], seed)
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if err := json.NewEncoder(out).Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func play(file string, seed uint64) (line, error) {
	s, err := scenarios.Load(file)
	if err != nil {
		return line{}, err
	}
	w, err := sim.NewWorld(seed, s.Nodes(), s.Links)
	if err != nil {
		return line{}, err
	}
	r, err := scenarios.Play(context.Background(), s, scenarios.Stand{
		Cluster: w, Backend: "virtual", Seed: seed, Slack: s.Links.Slack(),
	})
	if err != nil {
		return line{}, err
	}
	l := line{Seed: seed, Validity: r.Validity, Reason: r.Reason, Promises: map[string]outcome{}}
	for _, p := range r.Promises {
		o := outcome{Validity: p.Validity, Events: p.Events, Count: p.Count}
		if len(p.Findings) > 0 {
			o.First = p.Findings[0].What
		}
		l.Promises[p.Name] = o
	}
	return l, w.Close()
}
