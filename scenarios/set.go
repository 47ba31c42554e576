package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/sim"
)

// A Setting is a flag that all brokers get in place of what their scenario says.
type Setting struct{ Flag, Value string } // of nsqd, without dashes before it

// String is a setting as it is written on a command line: "durability=fsync".
func (v Setting) String() string { return v.Flag + "=" + v.Value }

// ReadSettings reads a flag with one value or more, "durability=os,fsync", each of which is a setting. It takes _ for -, as scenarios have it.
func ReadSettings(word string) ([]Setting, error) {
	flag, values, ok := strings.Cut(word, "=")
	flag = strings.ReplaceAll(flag, "_", "-")
	if !ok || flag == "" || strings.HasPrefix(flag, "-") {
		return nil, fmt.Errorf("%q: want a flag of nsqd with its values, such as durability=os,fsync", word)
	}
	var all []Setting
	for value := range strings.SplitSeq(values, ",") {
		v := Setting{flag, value}
		if err := sim.Broker.CheckArg("--" + v.String()); err != nil {
			return nil, fmt.Errorf("%s: %w; want one of %s", v, err, flagsOf[sim.Broker])
		}
		if slices.Contains(all, v) {
			return nil, fmt.Errorf("%s: %s stands there twice", word, value)
		}
		all = append(all, v)
	}
	return all, nil
}

// Set gives all brokers settings.
func (s *Scenario) Set(settings []Setting) {
	for i := range s.Brokers {
		b := &s.Brokers[i]
		for _, v := range settings {
			b.Args = slices.DeleteFunc(slices.Clone(b.Args), func(arg string) bool { return strings.HasPrefix(arg, "--"+v.Flag+"=") })
			b.Args = append(b.Args, "--"+v.String())
		}
	}
}
