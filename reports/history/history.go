// Package history is what happened in a run: the contract between running and judging.
//
// A history is a header and then operations in order of time. In a file each is one line of JSON; the first line is the
// [Header]. Times are durations since the run began, in nanoseconds. An operation that takes time has two entries,
// its invoke and its completion, as in Jepsen:
//
//	{"t":2000000,"p":"producer-1","type":"invoke","f":"pub","node":"b1","topic":"orders","msg":7,"due":2000000}
//	{"t":2900000,"p":"producer-1","type":"ok","f":"pub","node":"b1","topic":"orders","msg":7}
//	{"t":4100000,"p":"consumer-1","type":"ok","f":"deliver","node":"b1","topic":"orders","channel":"billing","msg":7,"attempt":1}
//	{"t":4100000,"p":"consumer-1","type":"info","f":"fin","node":"b1","topic":"orders","channel":"billing","msg":7}
//
// A producer that does not know whether a publication arrived may invoke it again, with the same message number: then
// the message is perhaps there twice.
//
// An ok happened; a fail certainly did not; an info may have happened, or may still. What each F means, and which fields it
// uses, stands at its constant. [Write] and [Read] are the file; nothing here judges.
package history

import (
	"fmt"
	"time"
)

// A Type says how far an operation got.
type Type string

// The types of an operation.
const (
	Invoke Type = "invoke" // begun
	OK     Type = "ok"     // it happened
	Fail   Type = "fail"   // it certainly did not happen
	Info   Type = "info"   // unknown: it may have happened, or may still
)

// What an operation does (its F), with the fields it uses beside Time, Process, Type and F.
const (
	// Publish is a PUB, MPUB or DPUB of one message: Node, Topic, Msg; After is its deferral; Due, of the invoke, is
	// when the schedule meant it to be sent. A publication that is invoked again, by its producer and to the same node and topic, is the
	// same message once more, with the same body: whichever tries arrive, its channels get as many copies of it.
	Publish = "pub"
	// Deliver is a message that reached its consumer (ok): Node, Topic, Channel, Msg, Attempt, Conn. A body that is
	// not as it was published is a fail with Msg 0; a whole one of another run is an ok with Msg 0.
	Deliver = "deliver"
	// Finish is a FIN: info when it is sent; ok when a later answer on its connection proved that the broker carried it
	// out; fail when the broker refused it. Node, Topic, Channel, Msg, Attempt, Conn.
	Finish = "fin"
	// Requeue is a REQ, with the stages of Finish; After is its delay.
	Requeue = "req"
	// Touch is a TOUCH, with the stages of Finish; Due, of all of them, is when it was sent.
	Touch = "touch"
	// Subscribe is a consumer's SUB: Node, Topic, Channel, Conn; After is the connection's message timeout, Due how long touches can
	// hold a message at the most (0: not known).
	Subscribe = "sub"
	// Ready is an RDY that was sent (info): Node, Topic, Channel, Conn; Count is its number.
	Ready = "rdy"
	// Connect is a client's connection that stands (ok), or that could not be made (fail). Node, Conn.
	Connect = "connect"
	// Disconnect is the end of a connection (info), with the reason in Note. Node, Conn.
	Disconnect = "disconnect"
	// Lookup is a consumer's question to an nsqlookupd who has a topic: Node, which is asked, and Topic. Note, of the ok, is the brokers that
	// it told of, by their names with spaces between.
	Lookup = "lookup"
	// Probe is what a node said of a channel (ok): Node, Topic, Channel (empty: the topic's own queue); Count is depth + in flight + deferred.
	Probe = "probe"
	// Wait is what waits still when the drain is given up (ok), and Due since when. Note says what, in one of the words below. Process is the client
	// that waits, or that holds what waits; "lab" if it is the broker that does.
	Wait = "wait"
	// Administer is what a broker was asked to do with a topic or a channel by its HTTP API, past all links (invoke); that it has done it (ok); that it has
	// no such thing (fail); or that it is not known, until the broker ends, whether it does (info). Node, Topic, Channel (empty: the topic itself); Note is [Pause]
	// or [Unpause].
	Administer = "admin"
	// Phase begins a part of the run (info): Note is "load", "heal" or "drain". The "end" says how the drain went: ok, it was
	// complete; fail, it was not in the time given.
	Phase = "phase"
	// Trace is what a virtual run came to (info): Note is the hash of every chunk of bytes that was delivered, in hex.
	Trace = "trace"
)

// What a broker can be asked to do, the Note of an [Administer].
const (
	// Pause has a channel give nothing to its consumers, or a topic nothing to its channels. It outlives the broker.
	Pause = "pause"
	// Unpause ends that.
	Unpause = "unpause"
)

// What waits still, the Note of a [Wait], with the fields that it uses beside Process, Due and Node.
const (
	// Queued is Count messages that wait for a consumer: Topic, Channel (empty: the topic's own queue). Due is since when nothing has moved in
	// the channel, also what is in flight and deferred. It is there, with a Count of 0, also if the channel holds nothing but those.
	Queued = "queued"
	// Deferred is Count messages that wait for their time: Topic, Channel.
	Deferred = "deferred"
	// InFlight is Count messages that the broker believes at a consumer: Topic, Channel, Conn. After is for how long the client may keep
	// one of them yet; 0: their timeouts are over, as far as it knows.
	InFlight = "in flight"
	// Free is a consumer that waits for messages, as the broker has it: Topic, Channel, Conn; Count is how many more it may be sent.
	Free = "free"
	// Answer is a producer that waits for the answers to Count publications: Topic, Conn; Msg is the first of the oldest, sent at Due.
	Answer = "answer"
	// Connection is a client whose connection is being made since Due: Conn.
	Connection = "connection"
)

// Nemesis is the process that inflicts faults: its F is the fault's kind, Note its words, Node the broker it hits. The invoke begins
// the injection, which may take a while; info says that it is on; ok that it is healed; fail that it shows nothing, for it
// could not be inflicted, or not be healed, or hit nothing (Error); one that may miss and hit nothing is healed with that Error. A fail without an info before and
// without Ends says that it did nothing at all. Of one that puts the node's clocks wrong After is how far its wall clock is
// ahead, and Count how much both clocks gain, in millionths: -1000000 if they stand still. A fault whose healing ends the node once more is
// two, in a row.
const Nemesis = "nemesis"

// An Op is one entry of a history.
type Op struct {
	Time    time.Duration `json:"t"`
	Process string        `json:"p"`
	Type    Type          `json:"type"`
	F       string        `json:"f"`
	Node    string        `json:"node,omitempty"`
	Topic   string        `json:"topic,omitempty"`
	Channel string        `json:"channel,omitempty"`
	Msg     uint64        `json:"msg,omitempty"` // see [Msg]; 0 is none
	Attempt uint16        `json:"attempt,omitempty"`
	Conn    uint64        `json:"conn,omitempty"` // the client's connection, unique in the run; 0 is none
	After   time.Duration `json:"after,omitempty"`
	Due     time.Duration `json:"due,omitempty"`
	Count   int64         `json:"count,omitempty"`
	Note    string        `json:"note,omitempty"`
	Error   string        `json:"error,omitempty"` // why it failed, or is not known
	// Licenses are the promises that a fault may break, of its invoke, or of the info of one that waited: checkers' names; no-loss/orders is that of a topic alone, and
	// "no-loss before 2s" that of messages alone whose publication was invoked before that time.
	Licenses []string `json:"licenses,omitempty"`
	// Durability is what OK promised on the node that a fault hits, likewise; empty if its topics differ in that.
	Durability string `json:"durability,omitempty"`
	// Ends says of a fault that it ends the broker, and that its healing starts that again.
	Ends bool `json:"ends,omitempty"`
	// States are what the node was in the middle of when a fault came, by names that the cluster has for it: of the invoke, and of the
	// info of a fault that waited for its moment.
	States []string `json:"states,omitempty"`
	// Clients says of a fault that it is in what a load line's clients do: nodes and links are as they are without it.
	Clients bool `json:"clients,omitempty"`
	// Asked says of a fault that it is nothing but what a broker was asked to do, as [Administer] has it: nodes and links work as they do without it.
	Asked bool `json:"asked,omitempty"`
	// Lingers says of a fault, in its invoke, how long after its end connections may still suffer by what it did to them.
	Lingers time.Duration `json:"lingers,omitempty"`
	// Waits says, of its invoke, that a fault waits for its moment: until its info it is not there, and without one it never was.
	Waits bool `json:"waits,omitempty"`
}

// Msg makes a message's number in its run from its producer's (1 to 2^24-1) and its place in what that producer sent (from 1).
func Msg(producer uint32, number uint64) uint64 { return uint64(producer)<<40 | number }

// MsgString writes a message's number as producer-number, "3-17".
func MsgString(m uint64) string { return fmt.Sprintf("%d-%d", m>>40, m&(1<<40-1)) }

// A Header says what run a history is of, and what was asked of it.
type Header struct {
	Version  int      `json:"nsqlab_history"`  // 1
	Run      string   `json:"run"`             // unique, in every message body
	Scenario string   `json:"scenario"`        // its file, or its name
	Shows    string   `json:"shows,omitempty"` // the scenario's description
	Backend  string   `json:"backend"`
	Seed     uint64   `json:"seed"`
	Nodes    []string `json:"nodes"`
	// Lookups are the nsqlookupds that each broker registers with and asks, by its name.
	Lookups map[string][]string `json:"lookups,omitempty"`
	// States are all that a node can be in the middle of, as Op.States has it; empty if the cluster does not see that.
	States []string `json:"states,omitempty"`
	// Slack is how far a time in the history may be from the time at the broker without any fault: link delays and
	// scheduling, in nanoseconds.
	Slack  time.Duration `json:"slack"`
	Expect []Expectation `json:"expect,omitempty"` // empty: every promise that has something to judge
	Strict bool          `json:"strict,omitempty"` // licensed loss counts as violation
	Replay string        `json:"replay,omitempty"` // the command that shows it again
	// Source is the scenario as it was played, in its file's form, with each fault that was drawn in its place: enough to play it again.
	Source string `json:"source,omitempty"`
}

// An Expectation is a promise that the scenario names, with its limits if it has any.
type Expectation struct {
	Promise string                   `json:"promise"`
	Limits  map[string]time.Duration `json:"limits,omitempty"`
}
