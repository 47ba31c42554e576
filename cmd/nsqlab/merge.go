package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/reports"
)

type mergeCommand struct {
	Results []string `arg:"" help:"What nsqlab sweep --results has written, a file a shard." placeholder:"FILE"`
}

// Help is what nsqlab merge --help tells.
func (c *mergeCommand) Help() string {
	return `It joins the results of the shards of one sweep, as the machines of a CI matrix wrote them, into one table and one exit code, which is as
nsqlab sweep's. It refuses shards that overlap, and what was not one sweep: other seeds, scenarios, settings, or another version
of nsqlab. When shards are missing, or did not end, it tells which; unless a promise was violated in the others, it exits with 3.

  nsqlab sweep --shard=1/2 --results=1.jsonl scenarios/*.yaml
  nsqlab sweep --shard=2/2 --results=2.jsonl scenarios/*.yaml
  nsqlab merge 1.jsonl 2.jsonl`
}

// Run joins results and tells them.
func (c *mergeCommand) Run(env *environment) error {
	var all *result
	files := map[uint64]string{} // by the shard, from 1
	var lame []string            // shards that did not end
	for _, file := range c.Results {
		r, err := readResult(file)
		if err != nil {
			return err
		}
		if first := files[r.shard.k]; first != "" {
			return fmt.Errorf("%s: shard %s is that of %s, too", file, r.shard, first)
		}
		files[r.shard.k] = file
		if r.Ended == endedInterrupted || r.Ended == endedError {
			lame = append(lame, r.Shard)
		}
		if all == nil {
			all = r
			continue
		}
		if err := all.merge(r); err != nil {
			return fmt.Errorf("%s and %s are not of one sweep: %w", c.Results[0], file, err)
		}
	}
	for _, f := range all.failures {
		fmt.Fprintf(env.out, "%s seed %d: %s: %s\n  again: %s\n", strings.Join(append([]string{f.Scenario}, f.Set...), " "), f.Seed, f.Validity, f.Reason, f.Again)
	}
	all.writeTable(env.out)
	if all.Version == unversioned {
		fmt.Fprintln(env.errs, "these nsqlabs do not know their version, so it was not compared")
	}
	var missing []string
	for k := uint64(1); k <= all.shard.n; k++ {
		if files[k] == "" {
			missing = append(missing, shard{k, all.shard.n}.String())
		}
	}
	var err error
	if len(missing) > 0 {
		err = fmt.Errorf("missing shards: %s", strings.Join(missing, ", "))
	}
	if len(lame) > 0 {
		err = errors.Join(err, fmt.Errorf("shards that did not end: %s", strings.Join(lame, ", ")))
	}
	return all.verdict(env, err)
}

// merge takes in another shard's result.
func (r *result) merge(o *result) error {
	for _, p := range []struct {
		what     string
		one, two any
	}{
		{"nsqlab's version", r.Version, o.Version}, {"seeds", r.seeds, o.seeds}, {"shards", r.shard.n, o.shard.n},
		{"--strict", r.Strict, o.Strict}, {"--twice", r.Twice, o.Twice}, {"scenarios", len(r.rows), len(o.rows)},
	} {
		if p.one != p.two {
			return fmt.Errorf("%s: %v and %v", p.what, p.one, p.two)
		}
	}
	for i, row := range r.rows {
		other := o.rows[i]
		switch {
		case row.title() != other.title():
			return fmt.Errorf("%s, and %s in its place", row.title(), other.title())
		case row.Source != other.Source:
			return fmt.Errorf("%s is another scenario in each", row.title())
		}
		row.join(other)
	}
	r.coverage = reports.Together(r.coverage, o.coverage)
	r.failures = append(r.failures, o.failures...)
	r.Took = max(r.Took, o.Took) // they ran at a time
	if worseEnd(o.Ended, r.Ended) {
		r.Ended = o.Ended
	}
	return nil
}

// worseEnd says whether a sweep that ended so says less than one that ended otherwise.
func worseEnd(a, b string) bool {
	order := []string{endedAll, endedTime, endedViolation, endedInterrupted, endedError}
	return slices.Index(order, a) > slices.Index(order, b)
}
