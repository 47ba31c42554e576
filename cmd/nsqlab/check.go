package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
)

type checkCommand struct {
	Strict    bool     `help:"Count a loss that a fault permits as a violation."`
	Histories []string `arg:"" help:"History files, history.jsonl." placeholder:"FILE"`
}

// Run judges each history again, by the checkers as they are now.
func (c *checkCommand) Run(env *environment) error {
	for _, file := range c.Histories {
		rep, err := judge(file, c.Strict)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		env.judge(rep.Validity)
		if err := reports.Text.Write(env.out, rep); err != nil {
			return err
		}
	}
	return nil
}

type reportCommand struct {
	Format  string `help:"One of ${formats}; html, if not given." default:"html" placeholder:"NAME"`
	Out     string `help:"The file to write; standard output, if not given." placeholder:"FILE"`
	Strict  bool   `help:"Count a loss that a fault permits as a violation."`
	History string `arg:"" help:"A history file, history.jsonl." placeholder:"FILE"`
}

// Run writes one report. Its exit code says whether it was written, not what it says.
func (c *reportCommand) Run(env *environment) error {
	f, err := reports.FormatNamed(c.Format)
	if err != nil {
		return err
	}
	rep, err := judge(c.History, c.Strict)
	if err != nil {
		return fmt.Errorf("%s: %w", c.History, err)
	}
	if c.Out == "" {
		return f.Write(env.out, rep)
	}
	return writeReport(c.Out, f, rep)
}

// judge makes a report from a history's file alone.
func judge(file string, strict bool) (rep *reports.Report, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head, ops, err := history.Read(f)
	if err != nil {
		return nil, err
	}
	if strict && !head.Strict {
		head.Strict = true
		head.Replay = strings.Replace(head.Replay, "nsqlab run ", "nsqlab run --strict ", 1)
	}
	j, err := reports.NewJudge(head)
	if err != nil {
		return nil, err
	}
	for op, err := range ops {
		if err != nil {
			return nil, err
		}
		j.Observe(op)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	_, again, err := history.Read(f)
	if err != nil {
		return nil, err
	}
	return j.Report(again)
}
