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
	all, shards, err := c.join()
	if err != nil {
		return err
	}
	for _, f := range all.failures {
		title := strings.Join(append([]string{f.Scenario}, f.Set...), " ")
		fmt.Fprintf(env.out, "%s seed %d: %s: %s\n  again: %s\n", title, f.Seed, f.Validity, f.Reason, f.Again)
	}
	all.writeTable(env.out)
	if all.Version == unversioned {
		fmt.Fprintln(env.errs, "these nsqlabs do not know their version, so it was not compared")
	}
	return all.verdict(env, all.gaps(shards))
}

// join reads all results into one. It gives those of each shard as well, by its number.
func (c *mergeCommand) join() (all *result, shards map[uint64]*result, err error) {
	files := map[uint64]string{}
	shards = map[uint64]*result{}
	for _, file := range c.Results {
		r, err := readResult(file)
		if err != nil {
			return nil, nil, err
		}
		k := r.shard.k
		if shards[k] != nil {
			return nil, nil, fmt.Errorf("%s: shard %s is that of %s, too", file, r.shard, files[k])
		}
		own := *r
		shards[k], files[k] = &own, file
		if all == nil {
			all = r
		} else if err := all.merge(r); err != nil {
			return nil, nil, fmt.Errorf("%s and %s are not of one sweep: %w", c.Results[0], file, err)
		}
	}
	return all, shards, nil
}

// gaps says what of a sweep is not there.
func (r *result) gaps(shards map[uint64]*result) error {
	var missing, lame []string
	for k := uint64(1); k <= r.shard.n; k++ {
		name := shard{k, r.shard.n}.String()
		if s := shards[k]; s == nil {
			missing = append(missing, name)
		} else if s.Ended == endedInterrupted || s.Ended == endedError {
			lame = append(lame, name)
		}
	}
	var err error
	if len(missing) > 0 {
		err = fmt.Errorf("missing shards: %s", strings.Join(missing, ", "))
	}
	if len(lame) > 0 {
		err = errors.Join(err, fmt.Errorf("shards that did not end: %s", strings.Join(lame, ", ")))
	}
	return err
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
