package replay

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

// conversations put what arrives on a world's links into words. They hold what is cut off at the end of each direction's chunk, and the
// messages that are in flight on each connection. Those that have ended are forgotten now and then: something may be on its way still.
type conversations struct {
	run   uint64
	all   map[uint64]*conversation
	prune int // of all, at which size
}

// pruneConversations is how many connections are kept at least before it is looked for those that have ended.
const pruneConversations = 1000

// A conversation is one connection.
type conversation struct {
	speaks  speech
	forth   []byte // that the client has said of a command or a body that is not all there
	back    []byte // that the node has said of a frame that is not all there
	sent    map[wire.ID]uint64
	garbled bool // it cannot be put into words any more
	ended   bool
}

// A speech is a protocol.
type speech int

const (
	unknown speech = iota
	v2             // of nsqd and its clients
	v1             // of nsqlookupd and nsqd
	web            // HTTP
)

func newConversations(run uint64) *conversations {
	return &conversations{run: run, all: map[uint64]*conversation{}, prune: pruneConversations}
}

// hear takes an arrival and gives its words.
func (c *conversations) hear(a sim.Arrival) string {
	who := fmt.Sprintf("%s > %s (%d): ", a.From, a.To, a.Conn)
	if a.Turn == sim.Opening && !a.Answer {
		c.begin(a.Conn)
		return who + "connects"
	}
	k := c.all[a.Conn]
	if k == nil { // its beginning was not heard
		k = &conversation{garbled: true}
	}
	switch a.Turn {
	case sim.Opening:
		return who + "accepts"
	case sim.Ending:
		k.ended = true
		return who + "says no more"
	case sim.Broken:
		k.ended = true
		return who + "the connection is broken"
	}
	return who + brief(k.hear(c.run, a.Data, a.Answer), len(a.Data))
}

// begin takes in a new connection.
func (c *conversations) begin(conn uint64) {
	if len(c.all) >= c.prune {
		maps.DeleteFunc(c.all, func(_ uint64, k *conversation) bool { return k.ended })
		c.prune = max(pruneConversations, 2*len(c.all))
	}
	c.all[conn] = &conversation{sent: map[wire.ID]uint64{}}
}

// clone is a copy to hear one more arrival on a connection.
func (c *conversations) clone(conn uint64) *conversations {
	other := newConversations(c.run)
	if k := c.all[conn]; k != nil {
		own := *k
		own.forth, own.back, own.sent = slices.Clone(k.forth), slices.Clone(k.back), maps.Clone(k.sent)
		other.all[conn] = &own
	}
	return other
}

// maxParts bounds what is told of one chunk.
const maxParts = 12

// brief joins the parts of a chunk.
func brief(parts []string, size int) string {
	more := ""
	if n := len(parts) - maxParts; n > 0 {
		parts, more = parts[:maxParts], fmt.Sprintf("; and %d more", n)
	}
	return fmt.Sprintf("%s%s [%d bytes]", strings.Join(parts, "; "), more, size)
}

// hear puts a chunk of one direction into words.
func (k *conversation) hear(run uint64, p []byte, answer bool) []string {
	rest := &k.forth
	if answer {
		rest = &k.back
	}
	whole := append(*rest, p...)
	var parts []string
	for len(whole) > 0 && !k.garbled {
		var words string
		var n int
		if answer {
			words, n = k.frame(run, whole)
		} else {
			words, n = k.command(run, whole)
		}
		if n == 0 {
			break
		}
		parts = append(parts, words)
		whole = whole[n:]
	}
	if k.garbled {
		*rest = nil
		return append(parts, "bytes that are no NSQ protocol")
	}
	*rest = append((*rest)[:0], whole...)
	if len(whole) > 0 {
		parts = append(parts, "a part of what follows")
	}
	return parts
}

// maxSaid bounds a command's body and a frame, so that what is no protocol is not gathered for ever.
const maxSaid = 64 << 20

// command reads what a client says next; n is 0 if it is not all there.
func (k *conversation) command(run uint64, p []byte) (words string, n int) {
	switch k.speaks {
	case unknown:
		return k.greeting(p)
	case web:
		return firstLine(p), len(p)
	case v1:
		return k.lookupCommand(p)
	}
	c, n, err := wire.ParseLine(p)
	if err != nil {
		k.garbled = true
	}
	if n == 0 {
		return "", 0
	}
	words = line(p[:n])
	switch name := string(c.Name); name {
	case "FIN", "REQ", "TOUCH":
		return k.about(name, c), n
	case "PUB", "DPUB", "MPUB", "IDENTIFY", "AUTH":
		body, m := k.body(p[n:])
		if m == 0 {
			return "", 0
		}
		switch name {
		case "PUB", "DPUB":
			words += " " + msgWords(scenarios.ReadBody(run, body))
		case "MPUB":
			words += " " + batch(run, body)
		}
		return words, n + m
	}
	return words, n
}

// greeting reads what a client says first.
func (k *conversation) greeting(p []byte) (words string, n int) {
	switch {
	case len(p) < len(wire.Magic):
		return "", 0
	case bytes.HasPrefix(p, []byte(wire.Magic)):
		k.speaks = v2
	case bytes.HasPrefix(p, []byte(wire.MagicV1)):
		k.speaks = v1
	case bytes.HasPrefix(p, []byte("GET ")) || bytes.HasPrefix(p, []byte("POST")):
		k.speaks = web
		return firstLine(p), len(p)
	default:
		k.garbled = true
		return "", 0
	}
	return strings.TrimSpace(string(p[:len(wire.Magic)])), len(wire.Magic)
}

// lookupCommand reads what an nsqd says to an nsqlookupd.
func (k *conversation) lookupCommand(p []byte) (words string, n int) {
	name, _, n, err := wire.ParseLookupLine(p)
	if err != nil {
		k.garbled = true
	}
	if n == 0 {
		return "", 0
	}
	words = line(p[:n])
	if name != "IDENTIFY" {
		return words, n
	}
	_, m := k.body(p[n:])
	if m == 0 {
		return "", 0
	}
	return words, n + m
}

// body reads a body with its size before it; n is 0 if it is not all there.
func (k *conversation) body(p []byte) (body []byte, n int) {
	size, ok := wire.ParseSize(p)
	if size < 0 || size > maxSaid {
		k.garbled = true
		return nil, 0
	}
	if !ok || len(p) < 4+int(size) {
		return nil, 0
	}
	return p[4 : 4+size], 4 + int(size)
}

// about is a command on a message that is in flight.
func (k *conversation) about(name string, c wire.Command) string {
	var id wire.ID
	copy(id[:], c.Args[0])
	words := name + " " + msgWords(k.sent[id])
	if name == "REQ" {
		words += " after " + string(c.Args[1]) + " ms"
	}
	if name != "TOUCH" {
		delete(k.sent, id)
	}
	return words
}

// frame reads what a node says next; n is 0 if it is not all there.
func (k *conversation) frame(run uint64, p []byte) (words string, n int) {
	switch k.speaks {
	case web:
		return firstLine(p), len(p)
	case v1:
		data, n, ok := wire.ParseAnswer(p, maxSaid)
		k.garbled = !ok
		return line(data), n
	}
	f, n, err := wire.ParseFrame(p, maxSaid)
	if err != nil {
		k.garbled = true
		return "", 0
	}
	switch {
	case n == 0:
		return "", 0
	case f.Type == wire.FrameError:
		return "error " + line(f.Data), n
	case f.Type == wire.FrameResponse:
		return line(f.Data), n
	}
	m, err := wire.ParseMessage(f.Data)
	if err != nil {
		return "a message that is too short", n
	}
	msg := scenarios.ReadBody(run, m.Body)
	k.sent[m.ID] = msg
	return fmt.Sprintf("message %s attempt %d", msgWords(msg), m.Attempts), n
}

// batch lists the messages of an MPUB.
func batch(run uint64, p []byte) string {
	var all []string
	for p = p[min(4, len(p)):]; ; {
		size, ok := wire.ParseSize(p)
		if !ok || size < 0 || len(p) < 4+int(size) {
			return strings.Join(all, " ")
		}
		all = append(all, msgWords(scenarios.ReadBody(run, p[4:4+size])))
		p = p[4+size:]
	}
}

// msgWords is a message's number, if it is one of the run.
func msgWords(msg uint64) string {
	if msg == 0 {
		return "(of no message of this run)"
	}
	return history.MsgString(msg)
}

// maxShownLine bounds what is told of a line or of data.
const maxShownLine = 100

// line is a command line, or data, on one line of legible bytes.
func line(p []byte) string {
	p = bytes.TrimRight(p, "\r\n")
	more := ""
	if len(p) > maxShownLine {
		p, more = p[:maxShownLine], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, string(p)) + more
}

// firstLine is that of an HTTP message.
func firstLine(p []byte) string {
	first, _, _ := bytes.Cut(p, []byte("\n"))
	return "HTTP " + line(first)
}
