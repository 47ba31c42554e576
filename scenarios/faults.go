package scenarios

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

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
			Names: map[string]string{}, Lists: map[string][]string{}, Durations: map[string]time.Duration{},
			Rates: map[string]float64{}, Shares: map[string]float64{}, Counts: map[string]int64{},
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
		var err error
		if f.Kind.OfClients() {
			f.Conduct, err = f.Kind.Conduct(f.Args)
		} else {
			f.Inflict, err = f.Kind.New(f.Args)
		}
		if err == nil && f.Kind.Fits != nil {
			err = f.Kind.Fits(f.Args, d.ends())
		}
		if err != nil {
			d.fail(line, "%s", err)
		}
		s.Faults = append(s.Faults, f)
	}
}

// ofEveryFault are the words that any fault may have.
var ofEveryFault = []string{"at", "for", "may_miss"}

// noKind refuses a fault without a kind, at the word that may have been meant to be one.
func (d *decoder) noKind(line ast.Node, pairs []pair) {
	for _, p := range pairs {
		if !slices.Contains(ofEveryFault, p.name) {
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
		{name: "may_miss", usage: "whether the run shows something though this hits nobody (false)", typ: &yesNo, set: func(f *Fault, v any) { f.MayMiss = v.(bool) }},
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
	case chaos.Number:
		k.typ, k.set = &fromZero, func(f *Fault, v any) { f.Args.Counts[p.Name] = int64(v.(int)) }
	case chaos.Share:
		k.typ, k.set = &part, func(f *Fault, v any) { f.Args.Shares[p.Name] = v.(float64) }
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
	case chaos.Ends:
		k.shape = func() map[string]any { return listOf(pattern("")) }
		k.read = func(d *decoder, f *Fault, n ast.Node) { f.Args.Lists[p.Name] = d.endsOf(n, p) }
	case chaos.Broker, chaos.Node, chaos.End, chaos.Consumers, chaos.Producers, chaos.Topic, chaos.Channel:
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
	switch p.Type {
	case chaos.End, chaos.Ends:
		ends, what = append(ends, d.lineNames()...), what+" or load line"
	case chaos.Consumers:
		ends, what = d.consumerNames(), "consume line"
	case chaos.Producers:
		ends, what = d.producerNames(), "produce line"
	case chaos.Topic:
		ends, what = d.s.topics(), "topic"
	case chaos.Channel:
		ends, what = d.s.channels(""), "channel"
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

// endsOf reads a list of ends, each of which stands there once.
func (d *decoder) endsOf(n ast.Node, p chaos.Param) (all []string) {
	for _, item := range d.list(p.Name, n) {
		v := d.scalar(p.Name, item, text)
		if v == nil {
			return nil
		}
		d.checkEnd(item, p, v.(string))
		if slices.Contains(all, v.(string)) {
			d.fail(item, "%s: %s stands here twice", p.Name, v)
		}
		all = append(all, v.(string))
	}
	if len(all) == 0 {
		d.fail(n, "%s: want at least one end, such as [%s]", p.Name, d.s.Brokers[0].Name)
	}
	return all
}

// ends are all ends of links that a scenario has.
func (d *decoder) ends() []string {
	return slices.Concat(d.brokerNames(), d.lookupNames(), d.lineNames())
}

func (d *decoder) lineNames() []string { return slices.Concat(d.producerNames(), d.consumerNames()) }

func (d *decoder) producerNames() (all []string) {
	for _, l := range d.s.Producers {
		all = append(all, l.Name)
	}
	return all
}

func (d *decoder) consumerNames() (all []string) {
	for _, l := range d.s.Consumers {
		all = append(all, l.Name)
	}
	return all
}

// asWritten is a fault in its own words, without its times.
func asWritten(pairs []pair) string {
	var all []string
	for _, p := range pairs {
		if !slices.Contains(ofEveryFault, p.name) {
			all = append(all, p.name+": "+inFlow(p.value))
		}
	}
	return strings.Join(all, ", ")
}

// wordsOf takes a fault's words apart again.
func wordsOf(words string) []pair {
	f, err := parser.ParseBytes([]byte("{"+words+"}"), 0)
	if err != nil || len(f.Docs) != 1 {
		return nil
	}
	d := &decoder{}
	return d.pairs("a fault", f.Docs[0].Body)
}

// inFlow is a value as it was written, a list on one line.
func inFlow(n ast.Node) string {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return n.String()
	}
	var all []string
	for _, item := range list.Values {
		all = append(all, item.String())
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func kindNames() string {
	var all []string
	for _, k := range chaos.Kinds {
		all = append(all, k.Name)
	}
	return strings.Join(all, ", ")
}
