// Package bench loads an nsqd over TCP and measures it: messages a second, latency, and what the server pays for them.
//
//	rep, err := bench.Run(ctx, bench.Config{
//		Servers:   []bench.Server{{Name: "nsqd", Binary: path}},
//		Workloads: bench.Quick(), Rounds: 5, For: 3 * time.Second, Size: 100,
//	})
//	err = rep.WriteTable(os.Stdout)
//
// Each measurement has a server of its own, unless it is told the address of one that runs. The generator shares the machine with
// the server, so it must be cheap: it sends many commands in one write, parses frames where they were read, and allocates
// nothing a message. The first eight bytes of a body are the time it was sent, or was meant to be sent.
//
// The law: a connection belongs to one goroutine, but that of an open loop is written by one and read by another. What they share
// is a flow, which is atomic; latencies are each of one goroutine and are added up when all have ended.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A Config is what to measure.
type Config struct {
	Servers   []Server // one, or two to be compared
	Workloads []Workload
	Rounds    int           // of each workload; the servers take turns in each
	For       time.Duration // how long a measurement lasts, about
	Size      int           // of a body in bytes
	Count     int           // replaces what each workload counts; 0: leave it
	Progress  func(Result)  // called after each measurement; may be nil
}

// The limits of a Config.
const (
	minSize  = 8 // the time stands there
	maxSize  = 1 << 20
	maxFor   = time.Hour
	maxRound = 1000
	maxCount = 100_000_000
)

// Validate says what is wrong.
func (c *Config) Validate() error {
	switch {
	case len(c.Servers) < 1 || len(c.Servers) > 2:
		return fmt.Errorf("%d servers, want one or two", len(c.Servers))
	case len(c.Workloads) == 0:
		return errors.New("no workload")
	case c.Rounds < 1 || c.Rounds > maxRound:
		return fmt.Errorf("%d rounds, want 1 to %d", c.Rounds, maxRound)
	case c.For < time.Millisecond || c.For > maxFor:
		return fmt.Errorf("a measurement of %s, want 1ms to %s", c.For, maxFor)
	case c.Size < minSize || c.Size > maxSize:
		return fmt.Errorf("bodies of %d bytes, want %d to %d: the time they were sent stands in them", c.Size, minSize, maxSize)
	case c.Count < 0 || c.Count > maxCount:
		return fmt.Errorf("a count of %d, want 0 to %d", c.Count, maxCount)
	}
	for _, s := range c.Servers {
		if err := s.validate(); err != nil {
			return err
		}
	}
	return nil
}

// Run measures every workload in every round, the servers in turn. With an error the report tells of what was measured before.
func Run(ctx context.Context, c Config) (rep *Report, err error) {
	rep = &Report{Size: c.Size, Seconds: c.For.Seconds(), Machine: thisMachine(), Servers: c.Servers}
	if err := c.Validate(); err != nil {
		return rep, err
	}
	folder, err := os.MkdirTemp("", "nsqlab-bench-")
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	servers := make([]Server, len(c.Servers))
	for i, s := range c.Servers {
		if servers[i], err = s.built(ctx, folder); err != nil {
			return rep, err
		}
	}
	for _, w := range c.Workloads {
		for round := 1; round <= c.Rounds; round++ {
			for _, s := range servers {
				res, err := c.measure(ctx, folder, s, w)
				if err != nil {
					return rep, fmt.Errorf("%s, round %d, %s: %w", w.Name, round, s.Name, err)
				}
				res.Round = round
				rep.Results = append(rep.Results, res)
				if c.Progress != nil {
					c.Progress(res)
				}
			}
		}
	}
	return rep, nil
}

// measure plays one workload on a server of its own.
func (c *Config) measure(ctx context.Context, folder string, s Server, w Workload) (res Result, err error) {
	d, err := s.start(ctx, folder, w.flags())
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	l := newLoad(c, d, w)
	if err := l.play(ctx, w); err != nil {
		return res, d.explain(ctx, err)
	}
	l.result.Server = s.Name
	return l.result, d.forget(ctx, l.topics)
}

// uniqueName is for topics, so that none of an earlier measurement is met.
func uniqueName(w Workload) string {
	return "nsqlab-bench-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + w.Name
}
