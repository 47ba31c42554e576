package scenarios

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/nsqlab/nsqlab/sim"
)

var rewrite = flag.Bool("rewrite", false, "write schema.json anew")

// base is a file to make mistakes in; each @ is replaced.
const base = `brokers: {b1: {}, b2: {msg_timeout: 2s}}
load:
  - {produce: orders, rate: 10/s, for: 1s}
  - {consume: orders/billing}
`

// mistakes are what the loader refuses, with what it says.
var mistakes = []struct{ name, file, want string }{
	{"an unknown key", base + "colour: red\n", `bad.yaml:5:1: the scenario has no key "colour"; it has description, seed, lookups, brokers`},
	{"a seed below 0", base + "seed: -1\n", `bad.yaml:5:7: seed: "-1" is not a whole number from 0`},
	{"an unknown key of a load line", strings.Replace(base, "for: 1s", "for: 1s, sise: 3", 1), `bad.yaml:3:44: a produce line has no key "sise"; it has produce, name`},
	{"a missing unit", strings.Replace(base, "for: 1s", "for: 1", 1), `bad.yaml:3:40: for: "1" is not a duration of more than 0 with its unit, such as 20ms or 1m30s`},
	{"a rate without a unit", strings.Replace(base, "10/s", "10", 1), `bad.yaml:3:29: rate: "10" is not a number a second, such as 200/s`},
	{"a negative rate", strings.Replace(base, "10/s", "-10/s", 1), `bad.yaml:3:29: rate: "-10/s" is not a number a second, such as 200/s`},
	{"a rate of infinity", strings.Replace(base, "10/s", "Inf/s", 1), `bad.yaml:3:29: rate: "Inf/s" is not a number a second`},
	{"a node that is not there", base + "faults:\n  - {at: 0s, kill: b3}\n", `bad.yaml:6:20: kill: no broker is called "b3"; there are b1, b2`},
	{"a kill of a load line", base + "faults:\n  - {at: 0s, kill: producer-1}\n", `bad.yaml:6:20: kill: no broker is called "producer-1"; there are b1, b2`},
	{"an end that is not there", base + "faults:\n  - {at: 0s, partition: b1, from: b9}\n", `bad.yaml:6:35: from: no broker or load line is called "b9"; there are b1, b2, producer-1, consumer-1`},
	{"a fault without a kind", base + "faults:\n  - {at: 0s, explode: b1}\n", `bad.yaml:6:14: no fault is called "explode"; there are kill, pause`},
	{"a fault of no kind", base + "faults:\n  - {at: 1s}\n", `bad.yaml:6:5: a fault lacks its kind: one of kill, pause`},
	{"a fault when all is over", base + "faults:\n  - {at: 20s, kill: b1}\n", `bad.yaml:6:5: the fault comes at 20s, when the load is over; it ends at 1s`},
	{"a flag with a dash", strings.Replace(base, "msg_timeout", "msg-timeout", 1), `bad.yaml:1:24: b2: msg-timeout: want _ for -`},
	{"a promise twice", base + "expect: [no-loss, no-loss]\n", `bad.yaml:5:19: expect: no-loss stands here twice`},
	{"a fault without a time", base + "faults:\n  - {kill: b1}\n", `bad.yaml:6:5: a kill fault lacks at: when it comes`},
	{"a fault's unknown word", base + "faults:\n  - {at: 0s, kill: b1, signal: 9}\n", `bad.yaml:6:24: a kill fault has no key "signal"; it has at, for, may_miss, kill`},
	{"a fault without what it needs", base + "faults:\n  - {at: 0s, delay: b1}\n", `bad.yaml:6:5: a delay fault lacks by: how much longer, one way`},
	{"a way that is none", base + "faults:\n  - {at: 0s, partition: b1, way: up}\n", `bad.yaml:6:34: way: "up" is not in, out or both`},
	{"an nsqlookupd that is not there", strings.Replace(base, "b1: {}", "b1: {lookups: [l1]}", 1), `bad.yaml:1:26: lookups: no nsqlookupd is called "l1"; there are `},
	{"an nsqlookupd of a broker's name", "lookups: {b1: {}}\n" + base, `brokers: a broker and an nsqlookupd are called "b1"`},
	{"an nsqlookupd's unknown flag", "lookups: {l1: {msg_timeout: 2s}}\n" + base, `bad.yaml:1:16: l1: msg_timeout: flag provided but not defined`},
	{"an nsqlookupd's bad name", "lookups: {l 1: {}}\n" + base, `bad.yaml:1:11: lookups: "l 1" is not a name`},
	{"a node that is not there, with nsqlookupds", "lookups: {l1: {}}\n" + base + "faults:\n  - {at: 0s, kill: b3}\n", `bad.yaml:7:20: kill: no node is called "b3"; there are b1, b2, l1`},
	{"a disk of an nsqlookupd", "lookups: {l1: {}}\n" + base + "faults:\n  - {at: 0s, lyingdisk: l1}\n", `bad.yaml:7:25: lyingdisk: no broker is called "l1"; there are b1, b2`},
	{"finding without an nsqlookupd", strings.Replace(base, "orders/billing", "orders/billing, find: lookup", 1), `bad.yaml:4:5: a consume line has find: lookup, and there is no nsqlookupd`},
	{"finding by what is none", strings.Replace(base, "orders/billing", "orders/billing, find: luck", 1), `find: "luck" is not lookup`},
	{"finding what is known", "lookups: {l1: {}}\n" + strings.Replace(base, "orders/billing", "orders/billing, find: lookup, on: b1", 1), `a consume line has find or on, not both`},
	{"polling for nothing", "lookups: {l1: {}}\n" + strings.Replace(base, "orders/billing", "orders/billing, poll: 1s", 1), `a consume line has poll, and finds no brokers by that`},
	{"a consumers' fault of a produce line", base + "faults:\n  - {at: 0s, forget: producer-1}\n", `bad.yaml:6:22: forget: no consume line is called "producer-1"; there are consumer-1`},
	{"a producers' fault of a consume line", base + "faults:\n  - {at: 0s, republish: consumer-1, after: 1s}\n", `bad.yaml:6:25: republish: no produce line is called "consumer-1"; there are producer-1`},
	{"a clients' fault of a broker", base + "faults:\n  - {at: 0s, die: b1}\n", `bad.yaml:6:19: die: no consume line is called "b1"; there are consumer-1`},
	{"a share of nothing", base + "faults:\n  - {at: 0s, forget: consumer-1, share: 0%}\n", `bad.yaml:6:41: share: "0%" is not a share of more than 0% and at most 100%`},
	{"an RDY that nsqd refuses", base + "faults:\n  - {at: 0s, ready: consumer-1, rdy: 2501}\n", `bad.yaml:6:5: ready: rdy is 2501, want 2500 at the most`},
	{"an RDY that is none", base + "faults:\n  - {at: 0s, ready: consumer-1, rdy: -1}\n", `bad.yaml:6:38: rdy: "-1" is not a whole number from 0 to 10000`},
	{"a swarm of a kind that is none", base + "swarm: {faults: [kill, explode]}\n", `bad.yaml:5:24: faults: no fault is called "explode"; there are kill, pause`},
	{"a swarm that is all quiet", base + "swarm: {every: 1s, quiet: 995ms}\n", `bad.yaml:5:8: swarm: a spell begins every 1s, and 995ms of that are quiet: want 10ms or more for faults`},
	{"a swarm beyond the load", base + "swarm: {until: 2s}\n", `bad.yaml:5:8: swarm: it lasts until 2s, and the load is over at 1s`},
	{"a swarm of no time", base + "swarm: {from: 995ms}\n", `bad.yaml:5:8: swarm: it begins at 995ms and ends at 1s: want 10ms or more for faults`},
	{"two kinds", base + "faults:\n  - {at: 0s, kill: b1, pause: b1}\n", `bad.yaml:6:24: a kill fault has no key "pause"`},
	{"a room without a unit", base + "faults:\n  - {at: 0s, diskfull: b1, room: 64}\n", `bad.yaml:6:34: room: "64" is not a number of bytes with its unit, such as 0B, 500B, 64KB or 2MB`},
	{"a room of half a byte", base + "faults:\n  - {at: 0s, diskfull: b1, room: 0.5B}\n", `bad.yaml:6:34: room: "0.5B" is not a number of bytes`},
	{"an operation that is none", base + "faults:\n  - {at: 0s, diskerror: b1, op: chew}\n", `bad.yaml:6:33: op: "chew" is not create, open, size, read, write, sync, rename, remove, list or syncdir`},
	{"a pattern that is none", base + "faults:\n  - {at: 0s, bitflip: b1, files: \"[\"}\n", `bad.yaml:6:34: files: "[" is not a pattern of names of files, such as "*.log"`},
	{"an operation number 0", base + "faults:\n  - {at: 0s, diskerror: b1, op: sync, nth: 0}\n", `bad.yaml:6:44: nth: "0" is not a whole number from 1 to 10000`},
	{"a clock that is off by nothing", base + "faults:\n  - {at: 0s, clockoffset: b1, by: 0s}\n", `bad.yaml:6:35: by: "0s" is not a duration with a sign, not 0, such as 30s or -1h`},
	{"a drift without a unit", base + "faults:\n  - {at: 0s, clockdrift: b1, by: 5}\n", `bad.yaml:6:34: by: "5" is not how much too fast, not 0, more than -100% and 100% at the most, such as 10%, -50% or 200ppm`},
	{"a clock that goes back", base + "faults:\n  - {at: 0s, clockdrift: b1, by: -100%}\n", `bad.yaml:6:34: by: "-100%" is not how much too fast`},
	{"a clock that goes too fast", base + "faults:\n  - {at: 0s, clockdrift: b1, by: 1000001ppm}\n", `bad.yaml:6:34: by: "1000001ppm" is not how much too fast`},
	{"a restart with an unknown flag", base + "faults:\n  - {at: 0s, restart: b1, flags: \"--msg-timeout=1s --colour=red\"}\n", `bad.yaml:6:34: flags: --colour=red: flag provided but not defined`},
	{"a restart with a flag's wrong value", base + "faults:\n  - {at: 0s, restart: b1, flags: --msg-timeout=soon}\n", `bad.yaml:6:34: flags: --msg-timeout=soon: invalid value "soon"`},
	{"a restart with what is no flag", base + "faults:\n  - {at: 0s, restart: b1, flags: msg-timeout}\n", `bad.yaml:6:34: flags: msg-timeout: `},
	{"a restart of an nsqlookupd with nsqd's flag", "lookups: {l1: {}}\n" + base + "faults:\n  - {at: 0s, restart: l1, flags: --msg-timeout=1s}\n", `bad.yaml:7:34: flags: --msg-timeout=1s: flag provided but not defined`},
	{"a restart in no way", base + "faults:\n  - {at: 0s, restart: b1, how: gently}\n", `bad.yaml:6:32: how: "gently" is not stop, kill or powercut`},
	{"a crash nowhere", base + "faults:\n  - {at: 0s, crash: b1, point: anywhere}\n", `bad.yaml:6:32: point: "anywhere" is not before-write, in-write`},
	{"a crash in order", base + "faults:\n  - {at: 0s, crash: b1, point: in-roll, how: stop}\n", `bad.yaml:6:46: how: "stop" is not kill or powercut`},
	{"a crash of an nsqlookupd", "lookups: {l1: {}}\n" + base + "faults:\n  - {at: 0s, crash: l1, point: in-roll}\n", `bad.yaml:7:21: crash: no broker is called "l1"; there are b1, b2`},
	{"a disk of a load line", base + "faults:\n  - {at: 0s, lyingdisk: producer-1}\n", `bad.yaml:6:25: lyingdisk: no broker is called "producer-1"; there are b1, b2`},
	{"a durability that is none", strings.Replace(base, "msg_timeout: 2s", "durability: steel", 1), `bad.yaml:1:24: b2: durability: invalid value "steel"`},
	{"an unknown flag", strings.Replace(base, "msg_timeout", "message_timeout", 1), `bad.yaml:1:24: b2: message_timeout: flag provided but not defined`},
	{"a flag's wrong value", strings.Replace(base, "2s}", "soon}", 1), `bad.yaml:1:24: b2: msg_timeout: invalid value "soon"`},
	{"a broker's bad name", strings.Replace(base, "b1:", "b 1:", 1), `bad.yaml:1:11: brokers: "b 1" is not a name`},
	{"no brokers", "load: []\n", `bad.yaml:1:1: the scenario lacks brokers: the brokers by name`},
	{"no broker", strings.Replace(base, "{b1: {}, b2: {msg_timeout: 2s}}", "{}", 1), `bad.yaml:1:10: brokers: want at least one, such as {b1: {}}`},
	{"no producer", "brokers: {b1: {}}\nload:\n  - {consume: a/b}\n", `load: want at least one line with produce`},
	{"nobody consumes", "brokers: {b1: {}}\nload:\n  - {produce: a, rate: 1/s, for: 1s}\n", `nobody consumes a on b1, so it would never be drained; want a line {consume: a/<channel>}`},
	{"a line that is neither", strings.Replace(base, "consume:", "eat:", 1), `bad.yaml:4:5: a load line lacks produce: <topic> or consume: <topic>/<channel>`},
	{"a bad topic", strings.Replace(base, "produce: orders", "produce: or:ders", 1), `bad.yaml:3:15: produce: "or:ders" is not a topic's name`},
	{"a channel left out", strings.Replace(base, "orders/billing", "orders", 1), `bad.yaml:4:15: consume: "orders" is not topic/channel`},
	{"a small size", strings.Replace(base, "for: 1s", "for: 1s, size: 10", 1), `bad.yaml:3:50: size: "10" is not a number of bytes, 24 or more`},
	{"two of a name", strings.Replace(base, "{consume:", "{name: b1, consume:", 1), `bad.yaml:4:5: load: two of the nodes and load lines are called "b1"`},
	{"a target that is not there", strings.Replace(base, "for: 1s", "for: 1s, to: [b1, b4]", 1), `bad.yaml:3:53: to: no broker is called "b4"; there are b1, b2`},
	{"a half of nobody", base + "faults:\n  - {at: 0s, halves: []}\n", `bad.yaml:6:22: halves: want at least one end, such as [b1]`},
	{"a half of all", base + "faults:\n  - {at: 0s, halves: [b1, b2, producer-1, consumer-1]}\n", `bad.yaml:6:5: halves: nobody is left for the other half`},
	{"a half of somebody else", base + "faults:\n  - {at: 0s, halves: [b1, b9]}\n", `bad.yaml:6:27: halves: no broker or load line is called "b9"; there are b1, b2, producer-1, consumer-1`},
	{"a half of one twice", base + "faults:\n  - {at: 0s, halves: [b1, b1]}\n", `bad.yaml:6:27: halves: b1 stands here twice`},
	{"a half that is no list", base + "faults:\n  - {at: 0s, halves: b1}\n", `bad.yaml:6:22: halves: want a list, not a string`},
	{"a ring of three", base + "faults:\n  - {at: 0s, ring: [b1, b2, producer-1]}\n", `bad.yaml:6:5: ring: want four ends or more`},
	{"a bridge on a side", base + "faults:\n  - {at: 0s, bridge: b1, side: [b1, producer-1]}\n", `bad.yaml:6:5: bridge: it stands on neither side`},
	{"a bridge to nobody", base + "faults:\n  - {at: 0s, bridge: b1, side: [b2, producer-1, consumer-1]}\n", `bad.yaml:6:5: bridge: nobody is left for the other side`},
	{"a swizzle of one", base + "faults:\n  - {at: 0s, swizzle: [b1], round: 1s}\n", `bad.yaml:6:5: swizzle: want two ends or more`},
	{"a loss without a unit", base + "faults:\n  - {at: 0s, loss: b1, share: 0.1}\n", `bad.yaml:6:31: share: "0.1" is not a share of more than 0% and at most 100%`},
	{"a word that nobody says", base + "faults:\n  - {at: 0s, said: b1, say: HELLO, do: drop}\n", `bad.yaml:6:29: say: "HELLO" is not IDENTIFY, SUB, PUB`},
	{"an answer to what has none", base + "faults:\n  - {at: 0s, said: b1, say: OK, to: FIN, do: drop}\n", `bad.yaml:6:5: said: to: FIN has no answer when it succeeds`},
	{"an answer of a command", base + "faults:\n  - {at: 0s, said: b1, say: FIN, to: PUB, do: drop}\n", `bad.yaml:6:5: said: to: only an OK and an error answer a command`},
	{"a delay by nothing", base + "faults:\n  - {at: 0s, said: b1, say: FIN, do: delay}\n", `bad.yaml:6:5: said: by is how much later`},
	{"a cut by a time", base + "faults:\n  - {at: 0s, said: b1, say: FIN, do: cut, by: 1s}\n", `bad.yaml:6:5: said: by is how much later`},
	{"a delay after some bytes", base + "faults:\n  - {at: 0s, said: b1, say: FIN, do: delay, by: 1s, after: 3}\n", `bad.yaml:6:5: said: after goes with do: drop and do: cut`},
	{"too many messages", strings.Replace(strings.Replace(base, "10/s", "1000000/s", 1), "1s", "1h", 1), `producer-1 would publish 3600000000 messages; want 20000000 at the most`},
	{"batch and defer", strings.Replace(base, "for: 1s", "for: 1s, batch: 2, defer: 1s", 1), `a produce line has batch or defer, not both`},
	{"an unknown promise", base + "expect: [no-los]\n", `bad.yaml:5:10: expect: no promise is called "no-los"; there are no-loss,`},
	{"an unknown limit", base + "expect: [{latency: {p98: 1s}}]\n", `bad.yaml:5:11: expect: latency has no limit "p98"; it has p50`},
	{"a limit without a unit", base + "expect: [{latency: {p99: 1}}]\n", `bad.yaml:5:26: p99: "1" is not a duration`},
	{"a share beyond all", strings.Replace(base, "orders/billing", "orders/billing, requeue: 120%", 1), `requeue: "120%" is not a share, from 0% to 100%`},
	{"a list for a mapping", "brokers: [b1]\nload: []\n", `bad.yaml:1:10: brokers: want a mapping of keys and values, not a list`},
	{"a mapping for a scalar", strings.Replace(base, "10/s", "{a: 1}", 1), `bad.yaml:3:29: rate: want a number a second, such as 200/s, not a mapping`},
	{"a value left out", strings.Replace(base, "10/s", "", 1), `rate: want a number a second, such as 200/s, not a missing value`},
	{"a key twice", base + "strict: true\nstrict: false\n", "strict"},
	{"no YAML", "brokers: {b1: {}\n", "bad.yaml:"},
	{"nothing", "", "bad.yaml:1:1: want one YAML document with brokers, load and faults"},
	{"two documents", base + "---\n" + base, "bad.yaml:1:1: want one YAML document"},
}

func TestMistakes(t *testing.T) {
	for _, test := range mistakes {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("dir/bad.yaml", []byte(test.file))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want one with file, line and column", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error\n  %v, want one with\n  %s", err, test.want)
			}
		})
	}
}

func TestBaseIsRight(t *testing.T) {
	s, err := Parse("base.yaml", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Brokers) != 2 || s.Brokers[1].Args[0] != "--msg-timeout=2s" {
		t.Errorf("brokers %+v", s.Brokers)
	}
	p, c := s.Producers[0], s.Consumers[0]
	if p.Rate != 10 || p.For != time.Second || p.Name != "producer-1" || len(p.To) != 2 || c.Channel != "billing" || c.InFlight != 1 {
		t.Errorf("load %+v %+v", p, c)
	}
}

// TestEveryKey reads a file with every key there is, so that no table entry is dead.
func TestEveryKey(t *testing.T) {
	file := `
description: all of it
lookups: {l1: {inactive_producer_timeout: 17s}, l2: {}}
brokers: {b1: {durability: fsync, topic_durability: "u=memory,v=os", lookups: l2}, b2: {}}
links: {delay: 1ms, jitter: 2ms}
load:
  - {produce: t, name: p, rate: 1.5/s, for: 1s, from: 2s, size: 30, clients: 2, to: b1, batch: 3}
  - {produce: t, rate: 1/s, for: 1s, defer: 4s}
  - {consume: t/c, name: q, in_flight: 5, clients: 6, on: [b1, b2], from: 7s, work: 8s, touch: 9s, requeue: 10%, requeue_after: 11s, crash_every: 12s, crash_for: 13s, msg_timeout: 14s}
  - {consume: t/d, find: lookup, poll: 18s}
faults:
  - {at: 2s, partition: q, from: b1, way: out, for: 2s}
  - {at: 2s, bandwidth: p, rate: 1.5MB/s}
  - {at: 2s, diskfull: b1, room: 64KB}
  - {at: 2s, diskerror: b1, op: sync, files: "*.log", nth: 3}
  - {at: 2s, halves: [b1, p], way: in}
  - {at: 2s, ring: [b1, p, b2, q]}
  - {at: 2s, bridge: b2, side: [b1, p]}
  - {at: 2s, delay: b2, by: 1ms, as: pareto}
  - {at: 2s, loss: b2, share: 5%, after: 3}
  - {at: 2s, halfopen: b2, from: p, way: out}
  - {at: 2s, slowclose: b2, by: 3s}
  - {at: 2s, stall: b2, from: p, way: in}
  - {at: 2s, slice: b2, bytes: 3, gap: 1ms}
  - {at: 2s, clog: b2, hold: 300ms, free: 1s}
  - {at: 2s, swizzle: [b1, b2, q], round: 2s}
  - {at: 2s, said: p, say: OK, to: PUB, nth: 5, do: cut, after: 2}
swarm: {faults: [kill, delay], every: 400ms, quiet: 100ms, lasting: 200ms, at_once: 2, from: 300ms, until: 1500ms}
drain: 15s
expect: [no-loss, {no-late-deferral: {within: 16s}}]
strict: true
`
	s, err := Parse("all.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	p, d, c := s.Producers[0], s.Producers[1], s.Consumers[0]
	f, b, full, failing := s.Faults[0], s.Faults[1], s.Faults[2].Args, s.Faults[3].Args
	for what, ok := range map[string]bool{
		"top":      s.Description == "all of it" && s.Links.Delay == time.Millisecond && s.Links.Jitter == 2*time.Millisecond && s.Drain == 15*time.Second && s.Strict,
		"producer": p.Name == "p" && p.Rate == 1.5 && p.From == 2*time.Second && p.Size == 30 && p.Clients == 2 && p.To[0] == "b1" && p.Batch == 3,
		"deferred": d.Defer == 4*time.Second && d.Name == "producer-2",
		"consumer": c.InFlight == 5 && c.Clients == 6 && c.On[0] == "b1" && c.From == 7*time.Second && c.Work == 8*time.Second && c.Touch == 9*time.Second,
		"requeue":  c.Requeue == 0.1 && c.RequeueAfter == 11*time.Second && c.CrashEvery == 12*time.Second && c.CrashFor == 13*time.Second && c.MsgTimeout == 14*time.Second,
		"fault":    f.At == 2*time.Second && f.For == 2*time.Second && f.Target == "q" && f.Args.Names["way"] == "out" && f.Words == "partition: q, from: b1, way: out",
		"disk":     full.Counts["room"] == 64000 && failing.Counts["nth"] == 3 && failing.Names["op"] == "sync" && failing.Names["files"] == "*.log",
		"lists":    slices.Equal(s.Faults[4].Args.Lists["halves"], []string{"b1", "p"}) && slices.Equal(s.Faults[6].Args.Lists["side"], []string{"b1", "p"}),
		"share":    s.Faults[8].Args.Shares["share"] == 0.05,
		"broker":   slices.Equal(s.Brokers[0].Args, []string{"--durability=fsync", "--topic-durability=u=memory,v=os"}),
		"lookups":  s.Lookups[0].Kind == sim.Lookupd && s.Lookups[0].Args[0] == "--inactive-producer-timeout=17s" && len(s.Nodes()) == 4,
		"knows":    slices.Equal(s.Brokers[0].Lookupds, []string{"l2"}) && slices.Equal(s.Brokers[1].Lookupds, []string{"l1", "l2"}),
		"finder":   s.Consumers[1].Find == "lookup" && s.Consumers[1].Poll == 18*time.Second,
		"swarm":    reflect.DeepEqual(s.Swarm, &Swarm{[]string{"kill", "delay"}, 400 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 2, 300 * time.Millisecond, 1500 * time.Millisecond}),
		"rate":     b.Args.Rates["rate"] == 1.5e6,
		"expect":   s.Expect[0].Promise == "no-loss" && s.Expect[1].Limits["within"] == 16*time.Second,
	} {
		if !ok {
			t.Errorf("%s is not as written: %+v", what, s)
		}
	}
}

// TestSchema holds schema.json to the loader: it is what the tables say, every scenario passes it, and mistakes do not.
func TestSchema(t *testing.T) {
	if *rewrite {
		if err := os.WriteFile("schema.json", Schema(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := os.ReadFile("schema.json")
	if err != nil || !bytes.Equal(onDisk, Schema()) {
		t.Fatalf("schema.json is not what the tables say (%v); write it with go test ./scenarios -run TestSchema -rewrite", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(onDisk))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(src []byte) error {
		var v any
		if err := yaml.Unmarshal(src, &v); err != nil {
			return err
		}
		return schema.Validate(v)
	}
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d scenarios, want 8 or more (%v)", len(files), err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(src); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if !bytes.HasPrefix(src, []byte("# ")) {
			t.Errorf("%s does not begin with a comment that says what it shows", f)
		}
	}
	for _, bad := range []string{
		base + "colour: red\n", strings.Replace(base, "10/s", "10", 1), strings.Replace(base, "for: 1s", "for: 1", 1),
		base + "faults:\n  - {at: 0s, explode: b1}\n", base + "expect: [no-los]\n",
	} {
		if valid([]byte(bad)) == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("*.yaml")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		_, err := Parse("f.yaml", src)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error without a place: %v", err)
		}
	})
}
