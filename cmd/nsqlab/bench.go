package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/cmd/nsqlab/bench"
)

type benchCommand struct {
	Nsqd     string        `help:"The nsqd to measure. Ours is built, if none is named." placeholder:"PATH"`
	NsqdFlag []string      `help:"A flag for it, such as --durability=fsync. Repeat for more." placeholder:"FLAG" sep:"none"`
	Address  string        `help:"Measure an nsqd that runs already, instead. What its process takes is then not known." placeholder:"HOST:PORT"`
	HTTP     string        `name:"http" help:"The HTTP address of that one, to delete the topics afterwards. They stay, if not given." placeholder:"HOST:PORT"`
	Vs       string        `help:"A second nsqd to compare with: the two take turns." placeholder:"PATH"`
	VsFlag   []string      `help:"A flag for the second. Repeat for more." placeholder:"FLAG" sep:"none"`
	Workload []string      `help:"What to measure, NAME,… or all. A quick choice, if not given." placeholder:"NAME"`
	For      time.Duration `help:"How long a measurement lasts." default:"3s"`
	Rounds   int           `help:"How often each is measured. 1, if not given; with --vs 5." placeholder:"N"`
	Size     int           `help:"Bytes of a body." default:"100"`
	Count    int           `help:"Replaces what a workload counts, such as its connections." placeholder:"N"`
	JSON     string        `name:"json" help:"Write all results to this file as well." placeholder:"FILE"`
}

// comparedRounds is how many rounds make a ratio worth telling.
const comparedRounds = 5

// Help is what nsqlab bench --help tells beside the flags.
func (c *benchCommand) Help() string {
	var b strings.Builder
	fmt.Fprint(&b, `It starts an nsqd for each measurement, on loopback, loads it by NSQ's protocol and ends it. Any nsqd will do that takes
--tcp-address, --http-address, --data-path and --mem-queue-size.

  nsqlab bench                                               a quick look at our nsqd
  nsqlab bench --workload=pubsub,drain --vs=/usr/bin/nsqd    is it faster than that one? See the ratio

A loaded machine measures itself. Only the ratio of two that took turns, the first's figure over the second's, means
something, and only if its spread, in parentheses, is small. CPU s/M are the server's CPU seconds for a million messages, the steadiest figure; CPU % and load %
are the share of one core that the server and this generator took. The latency of an ack is from PUB to OK; end to end
is from PUB, or in an open loop from when it was due, to the consumer; lateness is from the end of a deferral to the consumer.

Workloads, those with * if none is named, and what --count replaces:

`)
	for _, w := range bench.Workloads {
		mark := ""
		if w.Quick {
			mark = "*"
		}
		fmt.Fprintf(&b, "  %-14s %-66s %s\n", w.Name+mark, w.Usage, w.Of)
	}
	return b.String()
}

// Run measures, tells of each measurement on the way, and prints the table.
func (c *benchCommand) Run(env *environment) (err error) {
	config, err := c.config()
	if err != nil {
		return err
	}
	config.Progress = func(r bench.Result) { fmt.Fprintln(env.errs, r.Line()) }
	var file *os.File
	if c.JSON != "" {
		if file, err = os.Create(c.JSON); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	rep, err := bench.Run(env.ctx, config)
	if len(rep.Results) > 0 {
		err = errors.Join(err, rep.WriteTable(env.out))
	}
	if file != nil {
		err = errors.Join(err, rep.WriteJSON(file))
	}
	if c.Address != "" && c.HTTP == "" && len(rep.Results) > 0 {
		fmt.Fprintf(env.errs, "the topics nsqlab-bench-* stay on %s\n", c.Address)
	}
	return err
}

// config reads the command line, and refuses what cannot be run.
func (c *benchCommand) config() (bench.Config, error) {
	config := bench.Config{
		Servers:   []bench.Server{{Name: "nsqd", Binary: c.Nsqd, Flags: c.NsqdFlag, Address: c.Address, HTTP: c.HTTP}},
		Workloads: bench.Quick(), Rounds: 1, For: c.For, Size: c.Size, Count: c.Count,
	}
	if c.Vs != "" {
		config.Servers = append(config.Servers, bench.Server{Name: "vs", Binary: c.Vs, Flags: c.VsFlag})
		config.Rounds = comparedRounds
	} else if len(c.VsFlag) > 0 {
		return config, errors.New("--vs-flag without --vs")
	}
	if c.Rounds != 0 {
		config.Rounds = c.Rounds
	}
	if len(c.Workload) > 0 {
		var err error
		if config.Workloads, err = bench.Named(c.Workload); err != nil {
			return config, err
		}
	}
	return config, config.Validate()
}
