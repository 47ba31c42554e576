// Command nsqlab is the laboratory: it plays scenarios on brokers, judges what happened and reports it.
//
// Its exit codes are 0 held, 1 violated, 2 unknown, 3 could not run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/nsqlab/nsqlab/reports"
)

// The exit codes.
const (
	exitHeld        = 0
	exitViolated    = 1
	exitUnknown     = 2
	exitCouldNotRun = 3
)

const description = `nsqlab plays scenarios on NSQ brokers, injects faults, and says which delivery guarantees held.

  nsqlab run scenarios/kill.yaml                       a verdict on the terminal, reports in nsqlab-out/
  nsqlab run --seeds=1-200 scenarios/partition.yaml    the same under 200 seeds, in virtual time
  nsqlab sweep --for=10m scenarios/*.yaml              as many seeds of each as ten minutes give, on all processors
  nsqlab run --backend=process scenarios/kill.yaml     the same file against real nsqd processes
  nsqlab replay nsqlab-out/kill-virtual-1 --until=3.2s --show=orders/billing    look into that run
  nsqlab shrink nsqlab-out/kill-virtual-1              the smallest scenario that shows the same failure
  nsqlab up                                            two nsqlookupds and three nsqds to play with
  nsqlab help faults                                   what can stand under faults: in a scenario

Exit codes: 0 held, 1 violated, 2 unknown, 3 could not run.`

// cli is the command line.
type cli struct {
	Run    runCommand    `cmd:"" help:"Play scenarios and judge them."`
	Sweep  sweepCommand  `cmd:"" help:"Play scenarios under many seeds, on all processors."`
	Merge  mergeCommand  `cmd:"" help:"Join the results of the shards of a sweep."`
	Replay replayCommand `cmd:"" help:"Play a run again: compare it, stop it, look into it, read it step by step."`
	Shrink shrinkCommand `cmd:"" help:"Make a failure small: the smallest scenario that shows the same."`
	Ablate ablateCommand `cmd:"" help:"Say which of a failure's faults matter, by leaving each out."`
	Check  checkCommand  `cmd:"" help:"Judge a history again, from its file."`
	Report reportCommand `cmd:"" help:"Write a report from a history's file."`
	Up     upCommand     `cmd:"" help:"Start nsqlookupds and nsqds to try things out, until ^C."`
	Bench  benchCommand  `cmd:"" help:"Measure how fast an nsqd is, alone or against another."`
	Help   helpCommand   `cmd:"" help:"Tell what there is: faults, checkers, formats, backends, states, scenario."`
}

// An environment is what a command acts in.
type environment struct {
	ctx    context.Context
	in     io.Reader // what a person types
	out    io.Writer // what was asked for
	errs   io.Writer // progress, and what went wrong
	status int       // the exit code, when nothing failed
}

// judge takes a run's verdict into the exit code: a violation counts more than an unknown.
func (e *environment) judge(v reports.Validity) {
	switch {
	case v == reports.Invalid:
		e.status = exitViolated
	case v == reports.Unknown && e.status == exitHeld:
		e.status = exitUnknown
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line and gives the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("nsqlab"), kong.Description(description), kong.Writers(out, errs),
		kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"backends": backendNames(), "formats": formatNames()})
	if err != nil {
		fmt.Fprintln(errs, "nsqlab:", err)
		return exitCouldNotRun
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	cmd, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(errs, "nsqlab: %v\nTry: nsqlab --help\n", err)
		return exitCouldNotRun
	}
	env := &environment{ctx: ctx, in: os.Stdin, out: out, errs: errs}
	if err := cmd.Run(env); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted, no verdict")
		}
		fmt.Fprintln(errs, "nsqlab:", err)
		return exitCouldNotRun
	}
	return env.status
}
