package reports

import (
	"fmt"
	"strings"
	"time"
)

// hostile is what a string from a scenario or a node may hold at worst, one piece for each format.
const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)></title></pre>|`**_[x](y)\x1b[2J\x00\r\n\u202e]]>\ufffe{{.}}\xff"

const ms = time.Millisecond

// fullReport has one of everything.
func fullReport() *Report {
	return &Report{
		Scenario: "scenarios/kill.yaml", Shows: "a broker is killed and comes back", Backend: "virtual", Seed: 42, Run: "5f0c1d2e", Nodes: []string{"b1", "b2"},
		Validity: Invalid, Reason: "no-loss was violated: 13 of 1,997 acknowledged messages never reached orders/billing.",
		Took:     12345 * ms,
		Promises: fullPromises(),
		Counts: Counts{Published: 2000, Acknowledged: 1997, Failed: 1, Uncertain: 2, Recovered: 1, Delivered: 1991, Redelivered: 6,
			Finished: 1985, Lost: 13, Unjudged: 0},
		Ack:      Quantiles{Count: 1997, P50: 412 * time.Microsecond, P90: 21 * ms, P99: 48 * ms, P999: 51 * ms, Max: 53200 * time.Microsecond},
		EndToEnd: Quantiles{Count: 1985, P50: 903 * time.Microsecond, P90: 44 * ms, P99: 2013 * ms, P999: 2044 * ms, Max: 2051 * ms},
		Slices:   someSlices(12, time.Second),
		Faults: []Band{
			{Kind: "delay", Target: "b1", From: 2 * time.Second, To: 5 * time.Second, Note: "held up 812 chunks"},
			{Kind: "kill", Target: "b1", From: 3 * time.Second, To: 5 * time.Second, Note: "ended 4 connections"},
			{Kind: "skew", Target: "b2", From: 8 * time.Second, To: 9 * time.Second, Note: "hit nothing"},
			{Kind: "delay", Target: "b1", From: 9500 * ms, To: 10 * time.Second},
		},
		Coverage: []Coverage{
			{Kind: "kill", Hits: 2, States: []StateHits{{"syncing", 0}, {"in-flight", 2}, {"backlog", 1}, {"idle", 0}}},
			{Kind: "skew", Hits: 0, States: []StateHits{{"syncing", 0}, {"in-flight", 0}, {"backlog", 0}, {"idle", 0}}},
		},
		Trace:  "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
		Replay: "nsqlab run --seed 42 scenarios/kill.yaml",
	}
}

func fullPromises() []Promise {
	return []Promise{
		{Name: "no-loss", Promise: "A message that was acknowledged is delivered in each channel of its topic.", Validity: Invalid, Events: 1997,
			Summary: "13 lost, 2 of them while a fault could lose them", Count: 13, Findings: []Finding{
				{Validity: Licensed, What: "an acknowledged message was lost while b1 was killed", Msg: "1-599", At: 2990 * ms, Biography: []Event{
					{At: 2990 * ms, Process: "producer-1", What: "pub to b1", Broken: []string{"delay b1"}},
				}},
				{Validity: Invalid, What: "an acknowledged message was never delivered in orders/billing", Msg: "1-617", At: 3012 * ms, Biography: []Event{
					{At: 3012 * ms, Process: "producer-1", What: "pub to b2 was meant for 3.010s"},
					{At: 3013200 * time.Microsecond, Process: "producer-1", What: "OK from b2"},
					{At: 3500 * ms, Process: "nemesis", What: "kill b1", Broken: []string{"delay b1", "kill b1"}},
					{At: 12345 * ms, Process: "nsqlab", What: "the run ended, with nothing left in orders/billing"},
				}},
				{Validity: Invalid, What: "an acknowledged message was never delivered in orders/billing", At: 3017 * ms},
			}},
		{Name: "no-phantoms", Promise: "What is delivered was published.", Validity: Valid, Events: 1991, Summary: "1,991 deliveries, each of a message that was published"},
		{Name: "redelivery", Promise: "A message is delivered again only if it was not finished.", Validity: Licensed, Events: 6,
			Summary: "6 again after a FIN that had no proof", Count: 1, Findings: []Finding{
				{Validity: Licensed, What: "delivered again after a FIN that was sent as b1 was killed", Msg: "1-590", At: 5100 * ms, Biography: []Event{
					{At: 2950 * ms, Process: "consumer-1", What: "FIN sent", Broken: []string{"delay b1"}},
					{At: 5100 * ms, Process: "consumer-1", What: "delivered by b1, attempt 2"},
				}},
			}},
		{Name: "latency", Promise: "The p99 of the latency end to end is under 3s.", Validity: Unknown, Events: 1985, Summary: "the run did not drain", Count: 1,
			Findings: []Finding{{Validity: Unknown, What: "4 messages were still in orders/billing at the end", At: 12345 * ms}}},
		{Name: "deferral", Promise: "A deferred message is not delivered before it is due.", Validity: Valid},
	}
}

// someSlices has a dip and a gap, as a killed broker makes them.
func someSlices(n int, length time.Duration) []Slice {
	var list []Slice
	for i := range n {
		s := Slice{At: time.Duration(i) * length, Length: length, Published: 200, Acknowledged: 199 - i%7, Delivered: 195 + i%11,
			P50: time.Duration(700+40*(i%5)) * time.Microsecond, P99: time.Duration(5+i%9) * ms}
		switch {
		case i > n/4 && i < n/3+1:
			s.Acknowledged, s.Delivered, s.P50, s.P99 = 0, 0, 0, 0
		case i >= n/3+1 && i < n/2:
			s.Delivered, s.P50, s.P99 = 420, 350*ms, 2010*ms
		}
		list = append(list, s)
	}
	return list
}

// wildReport is as much of everything as there can be, with long and hostile strings.
func wildReport() *Report {
	r := fullReport()
	r.Slices, r.Took = someSlices(300, 100*ms), 30*time.Second
	r.Scenario, r.Backend, r.Run, r.Trace, r.Replay = hostile, hostile, hostile, strings.Repeat("ab", 64), strings.Repeat("nsqlab run ", 60)+hostile
	r.Reason = strings.Repeat("The reason is told at length. ", 30) + strings.Repeat("x", 300) + hostile
	r.Nodes = nil
	for i := range 40 {
		r.Nodes = append(r.Nodes, fmt.Sprintf("a-node-with-a-long-name-%d", i))
	}
	r.Faults = nil
	for i := range 90 {
		from := time.Duration(i*300) * ms
		r.Faults = append(r.Faults, Band{Kind: "partition", Target: fmt.Sprintf("a-node-with-a-long-name-%d from the rest", i%20),
			From: from, To: from + 6*time.Second, Note: "refused 12 connections"})
	}
	r.Faults = append(r.Faults, Band{Kind: hostile, Target: hostile, From: -time.Second, To: -2 * time.Second, Note: hostile + strings.Repeat("y", 200)})
	long := make([]Event, 1000)
	for i := range long {
		long[i] = Event{At: time.Duration(i) * 20 * ms, Process: hostile, What: hostile + strings.Repeat("z", i%300), Broken: []string{hostile, hostile}}
	}
	for i := range 40 {
		c := Coverage{Kind: fmt.Sprintf("a-kind-with-a-long-name-%d", i), Hits: 1234567890}
		for j := range 60 {
			c.States = append(c.States, StateHits{fmt.Sprintf("a-state-with-a-long-name-%d", j), 123456789 * (j % 3)})
		}
		r.Coverage = append(r.Coverage, c)
	}
	r.Coverage = append(r.Coverage, Coverage{Kind: hostile, Hits: -1, States: []StateHits{{hostile, 1}}})
	f := Finding{Validity: Invalid, What: hostile + strings.Repeat("w", 300), Msg: hostile, At: time.Second, Biography: long}
	r.Promises = append(r.Promises, Promise{Name: hostile, Promise: hostile, Summary: hostile + strings.Repeat("v", 200), Validity: Invalid,
		Events: 1234567890, Count: 987654321, Findings: []Finding{f, f, f}})
	r.Counts = Counts{Published: 1234567890, Delivered: 9876543210}
	return r
}

// oddReport has figures that make no sense.
func oddReport() *Report {
	return &Report{
		Validity: "odd", Took: -time.Second,
		Promises: []Promise{{Name: "odd", Validity: "odd", Events: -1, Count: -1}},
		Slices:   []Slice{{}, {At: time.Second, Published: 5, P50: 1, P99: 1}, {At: -time.Second, Length: -time.Second, Delivered: -3, P99: -5}},
		Faults:   []Band{{}, {Kind: "kill", From: 5 * time.Second, To: time.Second}},
	}
}

// fixtures are the reports by name, in order of size.
var fixtures = []struct {
	name string
	make func() *Report
}{
	{"empty", func() *Report { return &Report{} }},
	{"held", func() *Report {
		return &Report{Scenario: "scenarios/calm.yaml", Backend: "virtual", Validity: Valid, Reason: "5 promises held.", Slices: someSlices(1, time.Second),
			Promises: []Promise{{Name: "no-loss", Promise: "A message is not lost.", Validity: Valid, Events: 1, Summary: "1 of 1"}}, Replay: "nsqlab run calm.yaml"}
	}},
	{"faults", func() *Report {
		return &Report{Validity: Unknown, Reason: "no message was published.", Faults: fullReport().Faults, Replay: "nsqlab run calm.yaml"}
	}},
	{"odd", oddReport},
	{"full", fullReport},
	{"licensed", func() *Report {
		r := fullReport()
		r.Validity, r.Reason, r.Promises = Licensed, "what was lost, a fault may lose.", r.Promises[1:3]
		return r
	}},
	{"wild", wildReport},
}
