package broker

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// FuzzFragments: a stream of commands cut up in any way answers as it does in whole commands, and leaves the same state. A
// stream that does not subscribe answers so also in one read. What the session needs is met at once, but for the need that refused
// counts, from 1. So it is where AUTH is required, and each permit has expired by the next read.
func FuzzFragments(f *testing.F) {
	authorized := wire.AppendBody([]byte(wire.Magic+"AUTH\n"), []byte("secret"))
	for _, lines := range fragmentSeeds {
		p, err := (&talk{}).encode(strings.TrimSpace(lines))
		if err != nil {
			f.Fatal(err)
		}
		p = append([]byte(wire.Magic), p...)
		f.Add(p, []byte{}, 0, false)
		f.Add(p, []byte{3, 1, 40}, 0, false)
		f.Add(p, []byte{100}, 1, false)
		f.Add(p, []byte{7}, 2, false)
		f.Add(append(authorized, p[len(wire.Magic):]...), []byte{3, 1, 40}, 0, true)
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte, refused int, auth bool) {
		if len(stream) > 32<<10 {
			t.Skip("long")
		}
		if auth {
			refused = 0 // how many needs there are depends on the reads
		}
		inPieces := play(stream, pieces(len(stream), cuts), refused, auth)
		if whole := play(stream, append(inPieces.consumed, len(stream)), refused, auth); whole.log != inPieces.log {
			t.Fatalf("in pieces:\n%s\nin whole commands:\n%s", inPieces.log, whole.log)
		}
		if inPieces.subscribed {
			return // when it is given messages depends on what comes in one read
		}
		if atOnce := play(stream, []int{len(stream)}, refused, auth); atOnce.log != inPieces.log {
			t.Fatalf("in pieces:\n%s\nat once:\n%s", inPieces.log, atOnce.log)
		}
	})
}

// pieces gives the ends of pieces as long as the cuts say, again and again.
func pieces(length int, cuts []byte) (ends []int) {
	if len(cuts) == 0 {
		cuts = []byte{1}
	}
	for end, i := 0, 0; end < length; i++ {
		end = min(length, end+max(1, int(cuts[i%len(cuts)])))
		ends = append(ends, end)
	}
	return ends
}

// A played stream is what was answered, and what it left.
type played struct {
	log        string
	consumed   []int // of the stream, after each read that consumed something and did not fail
	subscribed bool
	needs      int
}

// meet answers all that the session needs, and says whether there was anything.
func (p *played) meet(s *Session, now time.Time, refused int) (met bool, err error) {
	for need := s.Need(); need.Kind != wire.NoNeed && err == nil; need = s.Need() {
		var a wire.Answer
		switch p.needs++; {
		case p.needs == refused:
			a.Err = errors.New("refused")
		case need.Kind == wire.NeedTLS:
			a.TLS.CommonName = "peer"
		case need.Kind == wire.NeedAuthority:
			a.Body = []byte(fragmentPermit)
		}
		err = s.Answer(now, a)
		met = true
	}
	return met, err
}

// play feeds a stream to a session, cut at the ends, beside a consumer that looks on, and lets an hour pass.
func play(stream []byte, ends []int, refused int, auth bool) (p played) {
	b, now := fragmentBroker()
	watcher := b.Connect(now, "watcher:1", func() {})
	receive(watcher, now, wire.Magic+"SUB t watch\nRDY 2500\n")
	_ = b.CreateChannel(now, "t", "c")
	_ = publish(b, now, "t", 0, []byte("1"), []byte("2"), []byte("3"))
	b.opts.AuthRequired = auth

	s := b.Connect(now, "client:1", func() {})
	var err error
	at := 0
	for _, end := range ends {
		for met := true; met && at < end && err == nil; {
			var n int
			in := bytes.Clone(stream[at:end])
			n, err = s.Receive(now, in)
			clear(in) // the driver may use it again
			if at += n; err != nil {
				break
			}
			if n > 0 {
				p.consumed = append(p.consumed, at)
			}
			met, err = p.meet(s, now, refused)
		}
		if s.permit != nil {
			s.permit.expires = now
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		_, err = s.Receive(now, nil)
	}
	p.subscribed = s.channel != nil
	var log strings.Builder
	look := func() {
		fmt.Fprintf(&log, "client %q\nwatcher %q\n%+v\n", s.Transmit(nil), watcher.Transmit(nil), b.Stats())
	}
	fmt.Fprintf(&log, "used %d, %v\n", at, err)
	look()
	s.Disconnect(now)
	b.HandleTimeout(now.Add(time.Hour))
	look()
	p.log = log.String()
	return p
}

// fragmentPermit lets a client publish to all topics but new#ephemeral, and consume.
const fragmentPermit = `{"ttl":9,"authorizations":[{"topic":"^[^#]*$","channels":[""],"permissions":["publish","subscribe"]},
{"topic":"#","channels":["tail"],"permissions":["publish","subscribe"]}]}`

// fragmentBroker has small limits, so that short streams reach them.
func fragmentBroker() (*Broker, time.Time) {
	opts := DefaultOptions("fragments")
	opts.NodeID = 0
	opts.MaxMsgSize, opts.MaxBodySize, opts.MemQueueSize = 40, 200, 3
	opts.TLS = true
	b, err := Open(birth, opts, nil, func() {})
	if err != nil {
		panic(err)
	}
	return b, time.UnixMicro(1)
}

// receive hands in whole commands, which must be right.
func receive(s *Session, now time.Time, text string) {
	if n, err := s.Receive(now, []byte(text)); n != len(text) || err != nil {
		panic(fmt.Sprintf("%q: consumed %d of %d bytes, %v", text, n, len(text), err))
	}
}

// fragmentSeeds are streams in the notation of the conversations. Messages of the topic t have the ids 1 to 3.
var fragmentSeeds = []string{
	`PUB t <- "hello"
DPUB t 1000 <- "later"
MPUB t <- "a" "bc" "def"
PUB new#ephemeral <- "x"
MPUB new#ephemeral <- "a" "b" "c" "d"
NOP
NOP surplus`,
	`IDENTIFY <- {"client_id":"x","feature_negotiation":true,"msg_timeout":5000}
SUB t c
RDY 2
FIN 0000000000000001
TOUCH 0000000000000002
REQ 0000000000000002 1000
REQ 0000000000000003 0
FIN 0000000000000009
RDY 5
PUB t <- "four"
CLS
FIN 0000000000000003
NOP`,
	`IDENTIFY <- {"feature_negotiation":true,"tls_v1":true,"snappy":true}
PUB t <- "inside"
IDENTIFY <- {"feature_negotiation":true,"tls_v1":true,"deflate":true}
PUB t <- "still"
SUB t c
RDY 1`,
	`PUB t <- "before"
IDENTIFY <- {"feature_negotiation":true,"deflate":true,"deflate_level":9}
OOPS`,
	`IDENTIFY <- {"feature_negotiation":true,"tls_v1":true}
AUTH <- "secret"
PUB t <- "x"
PUB u <- "x"`,
	`SUB t c
RDY 10
RDY
raw "RDY \n"
RDY 2501`,
	`SUB new#ephemeral tail#ephemeral
RDY 1
MPUB new#ephemeral <- "1" "2" "3" "4" "5" "6"
FIN 0000000000000001
SUB t c`,
	"PUB", "PUB no! <- \"x\"", "PUB t <- \"\"", "PUB t <- \"x\"*41", `raw "PUB t\n" int32:-1`, `raw "PUB t\n" int32:3 "ab"`,
	"PUB t <- \"x\"*40", `raw "PUB t\r\n" int32:1 "xNOP\r\n"`, `raw "PUB t"`, `raw "PUB t\n\x00\x00"`,
	"MPUB t <- \"a\" \"\"", "MPUB t <- \"a\" \"b\"*41", `raw "MPUB t\n" int32:0`, `raw "MPUB t\n" int32:201`,
	`raw "MPUB t\n" int32:1 int32:2 int32:1 "a" int32:1 "b" "NOP\n"`, `raw "MPUB t\n" int32:200 int32:40`,
	`raw "MPUB t\n" int32:200 int32:39 int32:1 "a" int32:1`, `raw "MPUB late\n" int32:200`, "MPUB", "MPUB a!",
	`raw "MPUB t\n" int32:9 int32:8 int32:40 "1"*40 int32:40 "2"*40 int32:40 "3"*40 int32:40 "4"*40 int32:40 "5"*40`,
	"DPUB", "DPUB t", "DPUB t x", "DPUB t 3600001", "DPUB t 18446744073709551617 <- \"x\"", "DPUB t 3600000 <- \"x\"",
	"IDENTIFY <- \"{\"", "IDENTIFY <- {\"sample_rate\":50}\nSUB t c\nRDY 3",
	`raw "IDENTIFY\n" int32:201`, `raw "IDENTIFY\n" int32:9 "{}"`,
	"IDENTIFY <- {}\nIDENTIFY <- {\"heartbeat_interval\":-1}\nSUB t c", "AUTH <- \"x\"", "AUTH x", `raw "AUTH\n" int32:3 "ab"`,
	"SUB", "SUB t", "SUB t!", "SUB t c!", "SUB t c\nSUB t c", "FIN 1", "CLS", "REQ", "TOUCH", "RDY", "nop", `raw "\n"`, `raw "\n\n"`,
	"SUB t c\nFIN", "SUB t c\nFIN 1", "SUB t c\nREQ 0000000000000001", "SUB t c\nREQ 0000000000000001 x", "SUB t c\nTOUCH short",
	"SUB t c\nCLS\nCLS", "SUB t c\nCLS\nRDY x\nPUB t <- \"y\"",
	`raw "NOP " "x"*16379 "\n"`, `raw "NOP " "x"*16380 "\n"`,
}
