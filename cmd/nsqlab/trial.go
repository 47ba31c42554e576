package main

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/scenarios"
)

// A trial is a scenario as it is to be played, under any seed: its file, and what all its brokers are set to.
type trial struct {
	name   string // of its folders; no other trial's of the command
	file   string
	set    []string // flag=value
	seed   uint64   // the scenario's own
	source string   // a hash of all that it is, beside its seed
	madeUp bool     // each seed has a scenario of its own, which is in no file
	// scenario gives it ready to be played once: nothing of one play is left for the next.
	scenario func(seed uint64) (*scenarios.Scenario, error)
}

// title is what people call it.
func (t *trial) title() string { return strings.Join(append([]string{t.file}, t.set...), " ") }

// flags are those of nsqlab run that make it what it is.
func (t *trial) flags() []string {
	var all []string
	for _, s := range t.set {
		all = append(all, "--set="+s)
	}
	return all
}

// madeUpFile is the name of a file in a seed's folder, with the scenario that was made up for it.
const madeUpFile = "scenario.yaml"

// fileIn is the file of a seed's scenario, which is played in a folder.
func (t *trial) fileIn(dir string) string {
	if t.madeUp {
		return filepath.Join(dir, madeUpFile)
	}
	return t.file
}

// A choice is what a command line says of what is to be played.
type choice struct {
	files    []string
	random   bool     // scenarios that are made up, too
	settings []string // flags of all brokers, with values
	strict   bool
}

// read reads scenarios' files, each as often as there are variants of the settings. Each is right when it is read.
func (c choice) read() (all []*trial, err error) {
	variants, err := readVariants(c.settings)
	if err != nil {
		return nil, err
	}
	add := func(t trial, scenario func(seed uint64) (*scenarios.Scenario, error)) error {
		for _, settings := range variants {
			one := t
			one.scenario = func(seed uint64) (*scenarios.Scenario, error) {
				s, err := scenario(seed)
				if err != nil {
					return nil, err
				}
				s.Set(settings)
				s.Strict = s.Strict || c.strict
				return s, nil
			}
			for _, v := range settings {
				one.set = append(one.set, v.String())
			}
			if err := one.check(); err != nil {
				return err
			}
			one.name = freeName(all, strings.Join(append([]string{t.name}, one.set...), "-"))
			all = append(all, &one)
		}
		return nil
	}
	for _, file := range c.files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		err = add(trial{name: name, file: file}, func(uint64) (*scenarios.Scenario, error) { return scenarios.Parse(file, text) })
		if err != nil {
			return nil, err
		}
	}
	if c.random {
		err = add(trial{name: "random", file: "random", madeUp: true}, func(seed uint64) (*scenarios.Scenario, error) { return scenarios.Random(seed), nil })
	}
	return all, err
}

// check makes a scenario for the first time, and its hash.
func (t *trial) check() error {
	s, err := t.scenario(1)
	if err != nil {
		return err
	}
	t.seed = s.Seed
	h := fnv.New64a()
	h.Write([]byte(s.Text()))
	t.source = fmt.Sprintf("%016x", h.Sum64())
	return nil
}

// freeName is a name for a folder that no other trial has.
func freeName(all []*trial, name string) string {
	name = strings.ReplaceAll(name, string(filepath.Separator), "_")
	free := name
	for n := 2; slices.ContainsFunc(all, func(t *trial) bool { return t.name == free }); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// maxVariants bounds what --set makes of one scenario.
const maxVariants = 100

// readVariants makes every combination of one value of each flag that --set has.
func readVariants(words []string) ([][]scenarios.Setting, error) {
	variants := [][]scenarios.Setting{nil}
	for _, word := range words {
		values, err := scenarios.ReadSettings(word)
		if err != nil {
			return nil, fmt.Errorf("--set: %w", err)
		}
		if slices.ContainsFunc(variants[0], func(v scenarios.Setting) bool { return v.Flag == values[0].Flag }) {
			return nil, fmt.Errorf("--set: %s is set twice; want all its values together, such as durability=os,fsync", values[0].Flag)
		}
		if len(variants)*len(values) > maxVariants {
			return nil, fmt.Errorf("--set: more than %d combinations", maxVariants)
		}
		var more [][]scenarios.Setting
		for _, v := range variants {
			for _, value := range values {
				more = append(more, append(slices.Clone(v), value))
			}
		}
		variants = more
	}
	return variants, nil
}
