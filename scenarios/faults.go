package scenarios

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// readFaults reads the hardships: when, for how long, one kind by its name, and that kind's words.
func readFaults(d *decoder, s *Scenario, n ast.Node) {
	for _, line := range d.list("faults", n) {
		pairs := d.pairs("a fault", line)
		i := slices.IndexFunc(chaos.Kinds, func(k chaos.Kind) bool {
			return slices.ContainsFunc(pairs, func(p pair) bool { return p.name == k.Name })
		})
		if i < 0 {
			d.noKind(line, pairs)
			return
		}
		f := &Fault{Kind: chaos.Kinds[i], Args: chaos.Args{
			Names: map[string]string{}, Durations: map[string]time.Duration{}, Rates: map[string]float64{}, Counts: map[string]int64{},
		}}
		fields(d, "a "+f.Kind.Name+" fault", line, faultKeys(f.Kind), f)
		if d.err != nil {
			return
		}
		if end := s.loadEnd(); f.At >= end {
			d.fail(line, "the fault comes at %v, when the load is over; it ends at %v", f.At, end)
		}
		f.Target = f.Args.Names[f.Kind.Name]
		f.Words = asWritten(pairs)
		inflict, err := f.Kind.New(f.Args)
		if err != nil {
			d.fail(line, "%s", err)
		}
		f.Inflict = inflict
		s.Faults = append(s.Faults, f)
	}
}

// noKind refuses a fault without a kind, at the word that may have been meant to be one.
func (d *decoder) noKind(line ast.Node, pairs []pair) {
	for _, p := range pairs {
		if p.name != "at" && p.name != "for" {
			d.fail(p.key, "no fault is called %q; there are %s", p.name, kindNames())
		}
	}
	d.fail(line, "a fault lacks its kind: one of %s", kindNames())
}

// loadEnd is when the last of the producers is done.
func (s *Scenario) loadEnd() time.Duration {
	var end time.Duration
	for _, p := range s.Producers {
		end = max(end, p.From+p.For)
	}
	return end
}

// faultKeys are what may stand in a fault of a kind.
func faultKeys(k chaos.Kind) []key[Fault] {
	keys := []key[Fault]{
		{name: "at", usage: "when it comes", required: true, typ: &moment, set: func(f *Fault, v any) { f.At = v.(time.Duration) }},
		{name: "for", usage: "how long it lasts (until the load is over)", typ: &duration, set: func(f *Fault, v any) { f.For = v.(time.Duration) }},
	}
	for _, p := range k.Params {
		keys = append(keys, paramKey(p))
	}
	return keys
}

func paramKey(p chaos.Param) key[Fault] {
	k := key[Fault]{name: p.Name, usage: p.Usage, required: p.Required}
	named := func(f *Fault, v any) { f.Args.Names[p.Name] = v.(string) }
	switch p.Type {
	case chaos.Duration:
		k.typ, k.set = &duration, func(f *Fault, v any) { f.Args.Durations[p.Name] = v.(time.Duration) }
	case chaos.Rate:
		k.typ, k.set = &byteRate, func(f *Fault, v any) { f.Args.Rates[p.Name] = v.(float64) }
	case chaos.Bytes:
		k.typ, k.set = &roomOf, func(f *Fault, v any) { f.Args.Counts[p.Name] = v.(int64) }
	case chaos.Count:
		k.typ, k.set = &count, func(f *Fault, v any) { f.Args.Counts[p.Name] = int64(v.(int)) }
	case chaos.Shift:
		k.typ, k.set = &shift, func(f *Fault, v any) { f.Args.Durations[p.Name] = v.(time.Duration) }
	case chaos.Drift:
		k.typ, k.set = &drift, func(f *Fault, v any) { f.Args.Counts[p.Name] = v.(int64) }
	case chaos.Path:
		k.typ, k.set = &text, named
	case chaos.Way:
		k.typ, k.set = &direct, named
	case chaos.Pattern:
		k.typ, k.set = &fileName, named
	case chaos.Word:
		oneOf := words(p.Words...)
		k.typ, k.set = &oneOf, named
	case chaos.Flags:
		k.shape = func() map[string]any { return pattern("") }
		k.read = func(d *decoder, f *Fault, n ast.Node) {
			if v := d.scalar(p.Name, n, text); v != nil {
				d.checkFlags(n, p, f.Args.Names[f.Kind.Name], v.(string))
				named(f, v)
			}
		}
	case chaos.Broker, chaos.Node, chaos.End:
		k.shape = func() map[string]any { return pattern("") }
		k.read = func(d *decoder, f *Fault, n ast.Node) {
			if v := d.scalar(p.Name, n, text); v != nil {
				d.checkEnd(n, p, v.(string))
				named(f, v)
			}
		}
	}
	return k
}

// checkEnd refuses the name of nobody.
func (d *decoder) checkEnd(n ast.Node, p chaos.Param, name string) {
	ends, what := d.brokerNames(), "broker"
	if p.Type != chaos.Broker && len(d.s.Lookups) > 0 {
		ends, what = append(ends, d.lookupNames()...), "node"
	}
	if p.Type == chaos.End {
		what += " or load line"
		for _, l := range d.s.Producers {
			ends = append(ends, l.Name)
		}
		for _, l := range d.s.Consumers {
			ends = append(ends, l.Name)
		}
	}
	if !slices.Contains(ends, name) {
		d.fail(n, "%s: no %s is called %q; there are %s", p.Name, what, name, strings.Join(ends, ", "))
	}
}

// checkFlags refuses flags that a node does not take.
func (d *decoder) checkFlags(n ast.Node, p chaos.Param, node, flags string) {
	kind := sim.Broker
	if slices.Contains(d.lookupNames(), node) {
		kind = sim.Lookupd
	}
	for _, flag := range strings.Fields(flags) {
		if err := kind.CheckArg(flag); err != nil || !strings.Contains(flag, "=") {
			d.fail(n, "%s: %s: %s; want flags as on a command line, such as --msg-timeout=2s", p.Name, flag, cmp.Or(err, errNoValue))
		}
	}
}

// errNoValue is what is wrong with a flag that needs one.
var errNoValue = errors.New("it has no value")

// asWritten is a fault in its own words, without its times.
func asWritten(pairs []pair) string {
	var all []string
	for _, p := range pairs {
		if p.name != "at" && p.name != "for" {
			all = append(all, p.name+": "+p.value.String())
		}
	}
	return strings.Join(all, ", ")
}

func kindNames() string {
	var all []string
	for _, k := range chaos.Kinds {
		all = append(all, k.Name)
	}
	return strings.Join(all, ", ")
}
