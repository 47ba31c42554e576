package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

type helpCommand struct {
	Subject string `arg:"" optional:"" help:"faults, checkers, formats, backends, states or scenario." placeholder:"SUBJECT"`
}

// Run prints a table of the program.
func (c *helpCommand) Run(env *environment) error {
	w := tabwriter.NewWriter(env.out, 0, 8, 2, ' ', 0)
	switch c.Subject {
	case "":
		fmt.Fprint(w, "nsqlab help <subject>: faults, checkers, formats, backends, states or scenario. For commands and flags: nsqlab --help, nsqlab run --help.\n")
	case "faults":
		helpFaults(w)
	case "checkers":
		for _, k := range reports.Checkers {
			limits := ""
			if len(k.Limits) > 0 {
				limits = fmt.Sprintf(" Limits: %s, such as {%s: {%s: 1s}}.", strings.Join(k.Limits, ", "), k.Name, k.Limits[0])
			}
			fmt.Fprintf(w, "%s\t%s%s\n", k.Name, k.Promise, limits)
		}
	case "formats":
		for _, f := range reports.Formats {
			fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Usage)
		}
	case "backends":
		for _, b := range backends {
			fmt.Fprintf(w, "%s\t%s\n", b.name, b.usage)
		}
	case "states":
		for _, s := range sim.NodeStates {
			fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Usage)
		}
	case "scenario":
		scenarios.Usage(w)
	default:
		return fmt.Errorf("help: no subject is called %q; there are faults, checkers, formats, backends, states and scenario", c.Subject)
	}
	return w.Flush()
}

func helpFaults(w io.Writer) {
	fmt.Fprint(w, "Each fault stands in a scenario as {at: 2s, <kind>: <target>, …, for: 3s}; without for it lasts until the load is over.\n\n")
	for _, k := range chaos.Kinds {
		fmt.Fprintf(w, "%s\t%s\n", k.Name, k.Usage)
		for _, p := range k.Params {
			needed := ""
			if !p.Required {
				needed = ", may be left out"
			}
			want := string(p.Type)
			if p.Type == chaos.Word && len(p.Words) < 8 {
				want = strings.Join(p.Words, "|")
			}
			fmt.Fprintf(w, "  %s: <%s>\t%s%s\n", p.Name, want, p.Usage, needed)
		}
		for _, line := range licenses(k) {
			fmt.Fprintf(w, "  \t%s\n", line)
		}
	}
}

// licenses tells what a kind may break, and where, in lines.
func licenses(k chaos.Kind) (lines []string) {
	lines = breaks(k.Permits, "")
	for _, p := range k.Params {
		if p.Name != "how" {
			continue
		}
		for _, word := range p.Words[1:] {
			lines = append(lines, breaks(k.ByHow[word], " with how: "+word)...)
		}
	}
	for _, d := range []sim.Durability{sim.Memory, sim.OS, sim.Fsync} {
		if less, ok := k.Weakens[d]; ok {
			lines = append(lines, fmt.Sprintf("to faults that come then durability %s is worth %s", d, less))
		}
	}
	return lines
}

// breaks tells what a fault may break that permits so much.
func breaks(permits map[sim.Durability][]string, with string) (lines []string) {
	where := map[string][]string{} // durabilities by promise
	var promises []string
	for _, d := range []sim.Durability{sim.Memory, sim.OS, sim.Fsync} {
		for _, promise := range permits[d] {
			if where[promise] == nil {
				promises = append(promises, promise)
			}
			where[promise] = append(where[promise], string(d))
		}
	}
	for _, promise := range promises {
		lines = append(lines, fmt.Sprintf("may break %s where durability is %s%s", promise, strings.Join(where[promise], " or "), with))
	}
	return lines
}
