package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/sim"
)

// scenarioKeys are what stands at the top of a file.
var scenarioKeys = []key[Scenario]{
	{name: "description", usage: "what the scenario shows", typ: &text, set: func(s *Scenario, v any) { s.Description = v.(string) }, get: func(s *Scenario) string { return plain(s.Description) }},
	{name: "seed", usage: "the seed it is played under, if none is given (1)", typ: &seedOf, set: func(s *Scenario, v any) { s.Seed = v.(uint64) }, get: func(s *Scenario) string { return s.seedText() }},
	{name: "lookups", usage: "the nsqlookupds by name, each with its flags (inactive_producer_timeout: 30s)", read: readLookups, shape: lookupsShape, get: func(s *Scenario) string { return s.nodesText(s.Lookups) }},
	{name: "brokers", usage: "the brokers by name, each with nsqd's flags (msg_timeout: 2s)", required: true, read: readBrokers, shape: brokersShape, get: func(s *Scenario) string { return s.nodesText(s.Brokers) }},
	{name: "links", usage: "how the virtual links are without faults", read: readLinks, shape: shapeOf(linkKeys), get: func(s *Scenario) string { return s.linksText() }},
	{name: "load", usage: "lines that produce or consume", required: true, read: readLoad, shape: loadShape, get: func(s *Scenario) string { return s.loadText() }},
	{name: "faults", usage: "hardships and when they come (nsqlab help faults)", read: readFaults, shape: faultsShape, get: func(s *Scenario) string { return s.faultsText() }},
	{name: "swarm", usage: "hardships that each seed draws for itself, with quiet times between", read: readSwarm, shape: shapeOf(swarmKeys), get: func(s *Scenario) string { return s.swarmText() }},
	{name: "drain", usage: "how long what is owed may take to arrive once all is healed (5m); what is stuck can be told from what is slow after three message timeouts", typ: &duration, set: func(s *Scenario, v any) { s.Drain = v.(time.Duration) }, get: func(s *Scenario) string { return lasting(s.Drain, defaultDrain) }},
	{name: "expect", usage: "the promises to hold (nsqlab help checkers); left out, all that apply", read: readExpect, shape: expectShape, get: func(s *Scenario) string { return s.expectText() }},
	{name: "strict", usage: "whether a loss that a fault permits counts as a violation (false)", typ: &yesNo, set: func(s *Scenario, v any) { s.Strict = v.(bool) }, get: func(s *Scenario) string { return flagText(s.Strict) }},
}

var linkKeys = []key[sim.Links]{
	{name: "delay", usage: "one way", typ: &span, set: func(l *sim.Links, v any) { l.Delay = v.(time.Duration) }, get: func(l *sim.Links) string { return timed(l.Delay) }},
	{name: "jitter", usage: "up to so much more", typ: &span, set: func(l *sim.Links, v any) { l.Jitter = v.(time.Duration) }, get: func(l *sim.Links) string { return timed(l.Jitter) }},
}

var producerKeys = []key[Producer]{
	{name: "produce", usage: "the topic to publish to", required: true, typ: &topic, set: func(p *Producer, v any) { p.Topic = v.(string) }, get: func(p *Producer) string { return plain(p.Topic) }},
	{name: "name", usage: "what faults and reports call it (producer-1, …)", typ: &topic, set: func(p *Producer, v any) { p.Name = v.(string) }, get: func(p *Producer) string { return plain(p.Name) }},
	{name: "rate", usage: "messages a second, of all its clients together", required: true, typ: &perSec, set: func(p *Producer, v any) { p.Rate = v.(float64) }, get: func(p *Producer) string { return rateText(p.Rate) }},
	{name: "for", usage: "how long", required: true, typ: &duration, set: func(p *Producer, v any) { p.For = v.(time.Duration) }, get: func(p *Producer) string { return lasting(p.For, 0) }},
	{name: "from", usage: "when it begins (0s)", typ: &moment, set: func(p *Producer, v any) { p.From = v.(time.Duration) }, get: func(p *Producer) string { return lasting(p.From, 0) }},
	{name: "size", usage: "bytes of a message (100)", typ: &bytesOf, set: func(p *Producer, v any) { p.Size = v.(int) }, get: func(p *Producer) string { return number(p.Size, 100) }},
	{name: "clients", usage: "clients for each broker (1)", typ: &count, set: func(p *Producer, v any) { p.Clients = v.(int) }, get: func(p *Producer) string { return number(p.Clients, 1) }},
	{name: "to", usage: "the brokers to publish to (all)", read: func(d *decoder, p *Producer, n ast.Node) { p.To = d.brokers("to", n) }, shape: namesShape, get: func(p *Producer) string { return namesText(p.To) }},
	{name: "batch", usage: "messages in one MPUB (1: PUB)", typ: &count, set: func(p *Producer, v any) { p.Batch = v.(int) }, get: func(p *Producer) string { return number(p.Batch, 1) }},
	{name: "defer", usage: "publish with DPUB, deferred by so much", typ: &duration, set: func(p *Producer, v any) { p.Defer = v.(time.Duration) }, get: func(p *Producer) string { return lasting(p.Defer, 0) }},
}

var consumerKeys = []key[Consumer]{
	{name: "consume", usage: "the topic/channel to consume", required: true, typ: &queue, set: func(c *Consumer, v any) { q := v.([2]string); c.Topic, c.Channel = q[0], q[1] }, get: func(c *Consumer) string { return plain(c.Topic + "/" + c.Channel) }},
	{name: "name", usage: "what faults and reports call it (consumer-1, …)", typ: &topic, set: func(c *Consumer, v any) { c.Name = v.(string) }, get: func(c *Consumer) string { return plain(c.Name) }},
	{name: "in_flight", usage: "messages that a connection may hold, its RDY (1)", typ: &count, set: func(c *Consumer, v any) { c.InFlight = v.(int) }, get: func(c *Consumer) string { return number(c.InFlight, 1) }},
	{name: "clients", usage: "how many, each connected to all its brokers (1)", typ: &count, set: func(c *Consumer, v any) { c.Clients = v.(int) }, get: func(c *Consumer) string { return number(c.Clients, 1) }},
	{name: "on", usage: "the brokers to consume from (all)", read: func(d *decoder, c *Consumer, n ast.Node) { c.On = d.brokers("on", n) }, shape: namesShape, get: func(c *Consumer) string { return c.onText() }},
	{name: "find", usage: "lookup: it knows no broker and asks the nsqlookupds, over HTTP, as go-nsq does", typ: &findBy, set: func(c *Consumer, v any) { c.Find = v.(string) }, get: func(c *Consumer) string { return plain(c.Find) }},
	{name: "poll", usage: "how often it asks them, and up to a third more (1s)", typ: &duration, set: func(c *Consumer, v any) { c.Poll = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.Poll, 0) }},
	{name: "from", usage: "when it begins (0s)", typ: &moment, set: func(c *Consumer, v any) { c.From = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.From, 0) }},
	{name: "work", usage: "how long it holds a message before it finishes it (0s)", typ: &span, set: func(c *Consumer, v any) { c.Work = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.Work, 0) }},
	{name: "touch", usage: "how often it touches a message it works on (never)", typ: &duration, set: func(c *Consumer, v any) { c.Touch = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.Touch, 0) }},
	{name: "requeue", usage: "the share of deliveries that it requeues (0%)", typ: &share, set: func(c *Consumer, v any) { c.Requeue = v.(float64) }, get: func(c *Consumer) string { return shareText(c.Requeue) }},
	{name: "requeue_after", usage: "the delay of a requeue (0s)", typ: &span, set: func(c *Consumer, v any) { c.RequeueAfter = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.RequeueAfter, 0) }},
	{name: "crash_every", usage: "how often a client drops its connections with what it holds (never)", typ: &duration, set: func(c *Consumer, v any) { c.CrashEvery = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.CrashEvery, 0) }},
	{name: "crash_for", usage: "how long it stays away then (1s)", typ: &duration, set: func(c *Consumer, v any) { c.CrashFor = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.CrashFor, time.Second) }},
	{name: "msg_timeout", usage: "the message timeout it asks for (the broker's)", typ: &duration, set: func(c *Consumer, v any) { c.MsgTimeout = v.(time.Duration) }, get: func(c *Consumer) string { return lasting(c.MsgTimeout, 0) }},
}

func readLinks(d *decoder, s *Scenario, n ast.Node) { fields(d, "links", n, linkKeys, &s.Links) }

// readLookups reads each nsqlookupd's flags.
func readLookups(d *decoder, s *Scenario, n ast.Node) {
	for _, l := range d.pairs("lookups", n) {
		s.Lookups = append(s.Lookups, d.node("lookups", sim.Lookupd, l))
	}
}

// readBrokers reads each broker's flags, and which nsqlookupds it knows.
func readBrokers(d *decoder, s *Scenario, n ast.Node) {
	for _, b := range d.pairs("brokers", n) {
		s.Brokers = append(s.Brokers, d.node("brokers", sim.Broker, b))
	}
	if len(s.Brokers) == 0 {
		d.fail(n, "brokers: want at least one, such as {b1: {}}")
	}
}

// node reads a node with its flags, under their names in a config file.
func (d *decoder) node(what string, kind sim.Kind, from pair) sim.Node {
	if _, ok := readName(from.name); !ok {
		d.fail(from.key, "%s: %q is not a name: want letters, digits, . _ or -", what, from.name)
	}
	node := sim.Node{Name: from.name, Kind: kind}
	if kind == sim.Broker {
		node.Lookupds = d.lookupNames()
	}
	for _, p := range d.pairs(from.name, from.value) {
		if kind == sim.Broker && p.name == "lookups" {
			node.Lookupds = d.someOf("lookups", "nsqlookupd", d.lookupNames(), p.value)
			continue
		}
		v := d.scalar(p.name, p.value, option)
		if v == nil {
			break
		}
		if strings.Contains(p.name, "-") {
			d.fail(p.key, "%s: %s: want _ for -, as in msg_timeout", from.name, p.name)
		}
		arg := "--" + strings.ReplaceAll(p.name, "_", "-") + "=" + v.(string)
		if err := kind.CheckArg(arg); err != nil {
			d.fail(p.key, "%s: %s: %s; want one of %s", from.name, p.name, err, flagsOf[kind])
		}
		node.Args = append(node.Args, arg)
	}
	return node
}

// flagsOf says which flags a node takes.
var flagsOf = map[sim.Kind]string{
	sim.Broker:  "nsqd's flags with _ for -, such as msg_timeout: 2s",
	sim.Lookupd: "inactive_producer_timeout: 30s and tombstone_lifetime: 10s",
}

func readLoad(d *decoder, s *Scenario, n ast.Node) {
	lines := map[any]ast.Node{} // by producer and consumer
	for _, line := range d.list("load", n) {
		pairs := d.pairs("a load line", line)
		has := func(name string) bool { return slices.ContainsFunc(pairs, func(p pair) bool { return p.name == name }) }
		switch {
		case has("produce"):
			p := &Producer{Size: 100, Clients: 1, Batch: 1}
			fields(d, "a produce line", line, producerKeys, p)
			d.checkProducer(line, p)
			s.Producers = append(s.Producers, p)
			lines[p] = line
		case has("consume"):
			c := &Consumer{InFlight: 1, Clients: 1, CrashFor: time.Second}
			fields(d, "a consume line", line, consumerKeys, c)
			d.checkConsumer(line, c)
			s.Consumers = append(s.Consumers, c)
			lines[c] = line
		default:
			d.fail(line, "a load line lacks produce: <topic> or consume: <topic>/<channel>")
		}
	}
	d.complete(n, lines)
}

// complete puts in what the load lines leave out, and checks what they say together.
func (d *decoder) complete(n ast.Node, lines map[any]ast.Node) {
	s := d.s
	taken := slices.Concat(d.lookupNames(), d.brokerNames())
	for i, name := range taken {
		if slices.Contains(taken[:i], name) {
			d.fail(n, "brokers: a broker and an nsqlookupd are called %q", name)
		}
	}
	name := func(line ast.Node, given *string, kind string, i int) {
		if *given == "" {
			*given = fmt.Sprintf("%s-%d", kind, i+1)
		}
		if slices.Contains(taken, *given) {
			d.fail(line, "load: two of the nodes and load lines are called %q", *given)
		}
		taken = append(taken, *given)
	}
	brokers := func(given *[]string) {
		if len(*given) == 0 {
			*given = d.brokerNames()
		}
	}
	for i, p := range s.Producers {
		name(lines[p], &p.Name, "producer", i)
		brokers(&p.To)
	}
	for i, c := range s.Consumers {
		name(lines[c], &c.Name, "consumer", i)
		brokers(&c.On)
	}
	if len(s.Producers) == 0 {
		d.fail(n, "load: want at least one line with produce")
	}
	for _, p := range s.Producers {
		for _, b := range p.To {
			if !slices.ContainsFunc(s.Consumers, func(c *Consumer) bool { return c.Topic == p.Topic && slices.Contains(c.On, b) }) {
				d.fail(n, "load: nobody consumes %s on %s, so it would never be drained; want a line {consume: %s/<channel>}", p.Topic, b, p.Topic)
			}
		}
		if total := p.Rate * p.For.Seconds(); total > maxMessages {
			d.fail(n, "load: %s would publish %.0f messages; want %d at the most", p.Name, total, maxMessages)
		}
	}
}

// maxMessages bounds what one line publishes in a run.
const maxMessages = 20_000_000

func (d *decoder) checkProducer(line ast.Node, p *Producer) {
	if p.Batch > 1 && p.Defer > 0 {
		d.fail(line, "a produce line has batch or defer, not both: NSQ has no deferred MPUB")
	}
}

func (d *decoder) checkConsumer(line ast.Node, c *Consumer) {
	switch {
	case c.Find != "" && len(d.s.Lookups) == 0:
		d.fail(line, "a consume line has find: lookup, and there is no nsqlookupd; want lookups, such as {l1: {}}")
	case c.Find != "" && len(c.On) > 0:
		d.fail(line, "a consume line has find or on, not both")
	case c.Find == "" && c.Poll > 0:
		d.fail(line, "a consume line has poll, and finds no brokers by that; want find: lookup")
	case c.Find != "" && c.Poll == 0:
		c.Poll = time.Second
	}
}

// brokers reads one name of a broker, or a list of them.
func (d *decoder) brokers(what string, n ast.Node) []string {
	return d.someOf(what, "broker", d.brokerNames(), n)
}

// someOf reads one of some names, or a list of them.
func (d *decoder) someOf(what, kind string, names []string, n ast.Node) []string {
	items := []ast.Node{n}
	if _, ok := n.(*ast.SequenceNode); ok {
		items = d.list(what, n)
	}
	var all []string
	for _, item := range items {
		v := d.scalar(what, item, text)
		if v == nil {
			return nil
		}
		if !slices.Contains(names, v.(string)) {
			d.fail(item, "%s: no %s is called %q; there are %s", what, kind, v, strings.Join(names, ", "))
		}
		all = append(all, v.(string))
	}
	return all
}

func (d *decoder) brokerNames() []string { return nodeNames(d.s.Brokers) }

func (d *decoder) lookupNames() []string { return nodeNames(d.s.Lookups) }

func nodeNames(nodes []sim.Node) (all []string) {
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	return all
}

// readExpect reads promises: a name, or a name with limits.
func readExpect(d *decoder, s *Scenario, n ast.Node) {
	for _, item := range d.list("expect", n) {
		e := history.Expectation{}
		at := item
		if _, ok := item.(*ast.StringNode); ok {
			e.Promise = item.GetToken().Value
		} else if pairs := d.pairs("expect", item); len(pairs) == 1 {
			e.Promise, at = pairs[0].name, pairs[0].key
			for _, p := range d.pairs(e.Promise, pairs[0].value) {
				if v := d.scalar(p.name, p.value, duration); v != nil {
					if e.Limits == nil {
						e.Limits = map[string]time.Duration{}
					}
					e.Limits[p.name] = v.(time.Duration)
				}
			}
		} else {
			d.fail(item, "expect: want a promise's name, or a name with its limits, such as {latency: {p99: 3s}}")
		}
		if err := reports.CheckExpectation(e); err != nil {
			d.fail(at, "expect: %s", err)
		}
		if slices.ContainsFunc(s.Expect, func(other history.Expectation) bool { return other.Promise == e.Promise }) {
			d.fail(at, "expect: %s stands here twice", e.Promise)
		}
		s.Expect = append(s.Expect, e)
	}
}
