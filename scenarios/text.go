package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsqlab/nsqlab/sim"
)

// Text is the scenario as a file that it can be read from, in which nothing is left to be told by where a line stands. Reading it gives
// the same scenario. That of a scenario that was Drawn has every fault with its time.
func (s *Scenario) Text() string {
	var b strings.Builder
	for _, k := range scenarioKeys {
		if v := k.get(s); v != "" {
			b.WriteString(k.name + ":" + indented(v) + "\n")
		}
	}
	return b.String()
}

// indented is a value behind its key: on the same line, or a block below it.
func indented(v string) string {
	if strings.HasPrefix(v, "\n") {
		return v
	}
	return " " + v
}

// flow writes what a table has of a thing as a mapping on one line.
func flow[T any](keys []key[T], of *T) string {
	var all []string
	for _, k := range keys {
		if v := k.get(of); v != "" {
			all = append(all, k.name+": "+v)
		}
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func (s *Scenario) nodesText(nodes []sim.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		var all []string
		if n.Kind == sim.Broker && !slices.Equal(n.Lookupds, nodeNames(s.Lookups)) {
			all = append(all, "lookups: ["+strings.Join(n.Lookupds, ", ")+"]")
		}
		for _, arg := range n.Args {
			name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			all = append(all, strings.ReplaceAll(name, "-", "_")+": "+quoted(value))
		}
		fmt.Fprintf(&b, "\n  %s: {%s}", quoted(n.Name), strings.Join(all, ", "))
	}
	return b.String()
}

func (s *Scenario) seedText() string {
	if s.Seed == defaultSeed {
		return ""
	}
	return strconv.FormatUint(s.Seed, 10)
}

func (s *Scenario) linksText() string {
	if s.Links == sim.DefaultLinks {
		return ""
	}
	return flow(linkKeys, &s.Links)
}

func (s *Scenario) loadText() string {
	var b strings.Builder
	for _, p := range s.Producers {
		b.WriteString("\n  - " + flow(producerKeys, p))
	}
	for _, c := range s.Consumers {
		b.WriteString("\n  - " + flow(consumerKeys, c))
	}
	return b.String()
}

func (s *Scenario) faultsText() string {
	var b strings.Builder
	for _, f := range s.Faults {
		fmt.Fprintf(&b, "\n  - {at: %s, %s", timed(f.At), f.Words)
		if f.For > 0 {
			b.WriteString(", for: " + timed(f.For))
		}
		if f.MayMiss {
			b.WriteString(", may_miss: true")
		}
		b.WriteString("}")
	}
	return b.String()
}

func (s *Scenario) expectText() string {
	var all []string
	for _, e := range s.Expect {
		one := e.Promise
		if len(e.Limits) > 0 {
			var limits []string
			for name, d := range e.Limits { // sorted below
				limits = append(limits, name+": "+timed(d))
			}
			slices.Sort(limits)
			one = fmt.Sprintf("{%s: {%s}}", e.Promise, strings.Join(limits, ", "))
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// onText are the brokers of a consumer that does not find them.
func (c *Consumer) onText() string {
	if c.Find != "" {
		return ""
	}
	return namesText(c.On)
}

func namesText(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, quoted(n))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func plain(v string) string {
	if v == "" {
		return ""
	}
	return quoted(v)
}

// bare is what YAML takes for a string, or for the number that is meant.
var bare = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_./%+-]*$`)

func quoted(v string) string {
	if bare.MatchString(v) && !slices.Contains([]string{"null", "Null", "NULL", "yes", "no", "on", "off"}, v) {
		return v
	}
	return strconv.Quote(v)
}

// lasting is a duration; nothing if it is the one that holds when none is given.
func lasting(d, none time.Duration) string {
	if d == none {
		return ""
	}
	return timed(d)
}

func timed(d time.Duration) string { return strings.Replace(d.String(), "µ", "u", 1) }

func number(n, none int) string {
	if n == none {
		return ""
	}
	return strconv.Itoa(n)
}

func rateText(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + "/s" }

func shareText(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v*100, 'g', 14, 64) + "%"
}

func flagText(v bool) string {
	if !v {
		return ""
	}
	return "true"
}
