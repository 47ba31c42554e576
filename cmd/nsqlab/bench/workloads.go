package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Workload is a way to load a server.
type Workload struct {
	Name  string
	Usage string
	Quick bool // measured when none is named
	Amount
	run func(*load) error
}

// An Amount is what a workload counts: what bounds it, or what it is made of.
type Amount struct {
	Of    string // messages, connections …
	count int
	piles bool // the messages stay on the server, so that maxBacklog bounds them as well
	queue int  // --mem-queue-size with room for what waits, so that upstream's nsqd stays off the disk; 0: its default
	lasts bool // every message is synced: with the flags by which any nsqd does what it can
}

// flags are what the server is started with.
func (a Amount) flags() []string {
	switch {
	case a.lasts:
		return []string{"--mem-queue-size=0", "--sync-every=1"}
	case a.queue > 0:
		return []string{"--mem-queue-size=" + strconv.Itoa(a.queue)}
	}
	return nil
}

const (
	maxBacklog = 1 << 30 // bytes of bodies that a workload leaves on the server, unless it is told a count
	deep       = 4 << 20 // messages of a backlog
	shallow    = 1 << 16 // more than waits when consumers keep up

	quick    = true
	windowed = 500 // commands on their way, pipelined
	inBatch  = 200 // messages of an MPUB
	batches  = 10  // MPUBs on their way
)

// atMost is an end before the time is over.
func atMost(messages int) Amount {
	return Amount{Of: "messages at the most", count: messages, piles: true, queue: deep}
}

// durable is an end before the time is over, of messages that are synced.
func durable() Amount {
	return Amount{Of: "messages at the most", count: deep, piles: true, lasts: true}
}

// backlog is messages on the server.
func backlog(messages int) Amount {
	return Amount{Of: "messages", count: messages, piles: true, queue: deep}
}

// timed is deliveries that wait for their time, in channels of about as many.
func timed() Amount { return Amount{Of: "deliveries", count: 1_000_000, piles: true} }

// passing is messages that are consumed as they come.
func passing() Amount { return Amount{Of: "messages at the most", count: maxCount, queue: shallow} }

// standing is things that the server keeps, with nothing in them.
func standing(of string, n int) Amount { return Amount{Of: of, count: n} }

// Workloads is their table.
var Workloads = []Workload{
	{"pub-1", "PUB, one at a time, on 1 connection", quick, atMost(deep), publish(1, 1, 1)},
	{"pub-16", "PUB, one at a time, on each of 16 connections", quick, atMost(deep), publish(16, 1, 1)},
	{"pub-64", "PUB, one at a time, on each of 64 connections", !quick, atMost(deep), publish(64, 1, 1)},
	{"pub-pipelined", "PUB on 1 connection, 500 on their way", quick, atMost(deep), publish(1, 1, windowed)},
	{"mpub", "MPUB of 200 messages on 1 connection, 10 on their way", quick, atMost(deep), publish(1, inBatch, batches)},
	{"sync-1", "as pub-1, every message synced: --mem-queue-size=0 --sync-every=1", !quick, durable(), publish(1, 1, 1)},
	{"sync-16", "as pub-16, every message synced", !quick, durable(), publish(16, 1, 1)},
	{"sync-64", "as pub-64, every message synced", !quick, durable(), publish(64, 1, 1)},
	{"sync-window", "as pub-pipelined, every message synced", quick, durable(), publish(1, 1, windowed)},
	{"sync-mpub", "as mpub, every message synced", !quick, durable(), publish(1, inBatch, batches)},
	{"drain", "consume a channel's backlog on 1 connection", quick, backlog(deep / 2), drain},
	{"pubsub", "PUB, pipelined, and 1 consumer, 10,000 messages behind at the most", quick, passing(), stream(1, 1, windowed)},
	{"pubsub-mpub", "the same with MPUB of 200 messages", !quick, passing(), stream(1, inBatch, batches)},
	{"open-1k", "1,000 PUBs a second, whatever becomes of them, and 1 consumer", quick, passing(), open(1_000)},
	{"open-50k", "50,000 PUBs a second, whatever becomes of them, and 1 consumer", !quick, passing(), open(50_000)},
	{"fanout-1", "as pubsub", !quick, passing(), stream(1, 1, windowed)},
	{"fanout-4", "as pubsub, to 4 channels with a consumer each", quick, passing(), stream(4, 1, windowed)},
	{"fanout-16", "as pubsub, to 16 channels with a consumer each", !quick, passing(), stream(16, 1, windowed)},
	{"idle-1k", "1,000 connections, idle", !quick, standing("connections", 1_000), idle},
	{"idle-10k", "10,000 connections, idle", !quick, standing("connections", 10_000), idle},
	{"topics-1k", "1,000 topics with a channel and a client each, idle", !quick, standing("topics", 1_000), topics},
	{"deferred-1m", "a million DPUBs, and how late a twentieth of them comes when due", !quick, backlog(1_000_000), deferred},
	{"timers-deferred", "a million DPUBs, to 1,000 topics with a channel and a client each, and how late they come", !quick, timed(), timersDeferred},
	{"timers-channels", "1,000 DPUBs to 1,000 channels of a topic with a client each, and how late they come", !quick, timed(), timersChannels},
	{"timers-in-flight", "a million PUBs, never finished, in 1,000 topics, and how late after their timeout others get them", !quick, timed(), timersInFlight},
}

// Quick are the workloads that are measured when none is named.
func Quick() []Workload {
	return slices.DeleteFunc(slices.Clone(Workloads), func(w Workload) bool { return !w.Quick })
}

// Named finds workloads by their names, each once; "all" means all.
func Named(names []string) ([]Workload, error) {
	var all []Workload
	for _, name := range names {
		if name == "all" {
			return slices.Clone(Workloads), nil
		}
		i := slices.IndexFunc(Workloads, func(w Workload) bool { return w.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no workload is called %q; there are %s, and all", name, strings.Join(Names(), ", "))
		}
		if !slices.ContainsFunc(all, func(w Workload) bool { return w.Name == name }) {
			all = append(all, Workloads[i])
		}
	}
	return all, nil
}

// Names are the names of all workloads.
func Names() []string {
	var all []string
	for _, w := range Workloads {
		all = append(all, w.Name)
	}
	return all
}
