package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// receive hands bytes in as a driver does: what is left is handed in again with more behind it, from elsewhere.
func (c *talker) receive(p []byte) {
	if c.gone() {
		return
	}
	in := append(slices.Clone(c.inbox), p...)
	n, err := c.s.Receive(c.talk.now, in)
	c.inbox = slices.Clone(in[n:])
	for i := range in {
		in[i] = '?'
	}
	c.stirred = true
	if err != nil {
		c.look()
		c.end(err)
	}
}

func (c *talker) handleTimeout() {
	err := c.s.HandleTimeout(c.talk.now)
	c.stirred = true
	if err != nil {
		c.look()
		c.end(err)
	}
}

func (c *talker) gone() bool { return !slices.Contains(c.talk.clients, c) }

// end closes the connection, after everything was sent.
func (c *talker) end(err error) {
	if c.gone() {
		return
	}
	var told *protocolError
	if err == nil || errors.As(err, &told) || strings.Contains(err.Error(), "magic") {
		c.talk.say("%s: closed", c.name)
	} else {
		c.talk.say("%s: closed: %v", c.name, err)
	}
	k := c.talk
	k.clients = slices.DeleteFunc(k.clients, func(other *talker) bool { return other == c })
	c.s.Disconnect(k.now)
	k.woken = true
}

// look asks the session what a driver asks after each call and when it was woken.
func (c *talker) look() {
	c.stirred = false
	if !c.deaf {
		c.out = append(c.out, c.s.Transmit(nil)...)
	}
	c.next = c.s.NextTimeout()
	defer c.showNeed()
	for len(c.out) > 0 {
		f, n, err := wire.ParseFrame(c.out, 1<<30)
		if err != nil || n == 0 {
			c.talk.say("%s: bad frame %q: %v", c.name, c.out, err)
			c.out = nil
			return
		}
		c.show(f)
		c.out = c.out[n:]
	}
}

// show writes a frame as a line.
func (c *talker) show(f wire.Frame) {
	switch {
	case f.Type == wire.FrameMessage:
		m, err := wire.ParseMessage(f.Data)
		if err != nil {
			c.talk.say("%s: %v", c.name, err)
		} else if c.talk.quiet >= 0 {
			c.talk.quiet++
		} else {
			c.talk.say("%s: message %s attempts=%d body=%s%s", c.name, c.label(m.ID), m.Attempts, quote(m.Body), c.age(m))
		}
	case f.Type == wire.FrameError:
		c.talk.say("%s: error %s", c.name, quote(f.Data))
	case string(f.Data) == wire.Heartbeat && !c.manual:
		c.receive([]byte("NOP\n"))
	default:
		c.talk.say("%s: response %s", c.name, quote(f.Data))
	}
}

// label names a message #1, #2 … in the order in which the conversation sees them.
func (c *talker) label(id wire.ID) string {
	k := c.talk
	l := label{c.s.channel.topic.name, id}
	if k.labels[l] == "" {
		k.labels[l] = fmt.Sprintf("#%d", len(k.labels)+1)
		k.ids[k.labels[l]] = id
	}
	return k.labels[l]
}

// age is how long ago a message was published, if not just now.
func (c *talker) age(m wire.Message) string {
	if age := c.talk.now.Sub(time.Unix(0, m.Timestamp)); age != 0 {
		return fmt.Sprintf(" age=%v", age)
	}
	return ""
}

// quote makes data readable: JSON as it is, else in quotes, shortened in the middle if it is long.
func quote(data []byte) string {
	s := string(data)
	switch {
	case len(s) > 400:
		return fmt.Sprintf("%q… (%d bytes)", s[:10], len(s))
	case strings.HasPrefix(s, "{"):
		return s
	case strings.Contains(s, `"`) && strconv.CanBackquote(s):
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

var (
	labelWord = regexp.MustCompile(`#[0-9]+\b`)
	notation  = regexp.MustCompile(`^(?:("(?:[^"\\]|\\.)*")(?:\*(\d+))?|int32:(-?\d+))`)
)

// encode writes lines as a client sends them. A line is a command line; #1 in it stands for the id of that message; what
// follows <- is its body: "text", "x"*100 for many, several for MPUB, {…} for JSON. raw gives bytes as they are: "text" or
// int32:5.
func (k *talk) encode(input string) (p []byte, err error) {
	for line := range strings.SplitSeq(input, "\n") {
		for _, l := range labelWord.FindAllString(line, -1) {
			if _, ok := k.ids[l]; !ok {
				return nil, fmt.Errorf("no message %s was seen", l)
			}
		}
		line = labelWord.ReplaceAllStringFunc(line, func(l string) string { return k.ids[l].String() })
		if rest, ok := strings.CutPrefix(line, "raw "); ok {
			parts, err := tokens(rest)
			if err != nil {
				return nil, err
			}
			p = append(p, slices.Concat(parts...)...)
			continue
		}
		text, body, hasBody := strings.Cut(line, " <- ")
		p = append(p, text+"\n"...)
		if !hasBody {
			continue
		}
		if strings.HasPrefix(body, "{") {
			p = wire.AppendBody(p, []byte(body))
			continue
		}
		parts, err := tokens(body)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(text, "MPUB") {
			p = wire.AppendBodies(p, parts)
		} else {
			p = wire.AppendBody(p, parts[0])
		}
	}
	return p, nil
}

// tokens reads "text", "text"*n and int32:n, with blanks between them.
func tokens(s string) (parts [][]byte, err error) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		m := notation.FindStringSubmatch(s)
		if m == nil {
			return nil, fmt.Errorf("%s: want \"text\", \"text\"*n or int32:n", s)
		}
		s = s[len(m[0]):]
		if m[3] != "" {
			n, err := strconv.ParseInt(m[3], 10, 32)
			if err != nil {
				return nil, err
			}
			parts = append(parts, binary.BigEndian.AppendUint32(nil, uint32(n)))
			continue
		}
		text, err := strconv.Unquote(m[1])
		if err != nil {
			return nil, err
		}
		times := 1
		if m[2] != "" {
			if times, err = strconv.Atoi(m[2]); err != nil {
				return nil, err
			}
		}
		parts = append(parts, []byte(strings.Repeat(text, times)))
	}
	return parts, nil
}

func (k *talk) publish(td *datadriven.TestData) error {
	bodies, err := tokens(td.Input)
	if err != nil {
		return err
	}
	var deferral time.Duration
	if arg, ok := td.Arg("defer"); ok {
		if deferral, err = time.ParseDuration(arg.Vals[0]); err != nil {
			return err
		}
	}
	k.refused(publish(k.b, k.now, td.CmdArgs[0].Key, deferral, bodies...))
	return nil
}

func (k *talk) refused(err error) {
	if err != nil {
		k.say("refused: %v", err)
	}
}

func (k *talk) administer(td *datadriven.TestData) error {
	topic := td.CmdArgs[0].Key
	if len(td.CmdArgs) == 1 {
		switch td.Cmd {
		case "create":
			k.refused(k.b.CreateTopic(k.now, topic))
		case "delete":
			k.refused(k.b.DeleteTopic(k.now, topic))
		case "empty":
			k.refused(k.b.EmptyTopic(k.now, topic))
		default:
			k.refused(k.b.PauseTopic(k.now, topic, td.Cmd == "pause"))
		}
		return nil
	}
	channel := td.CmdArgs[1].Key
	switch td.Cmd {
	case "create":
		k.refused(k.b.CreateChannel(k.now, topic, channel))
	case "delete":
		k.refused(k.b.DeleteChannel(k.now, topic, channel))
	case "empty":
		k.refused(k.b.EmptyChannel(k.now, topic, channel))
	default:
		k.refused(k.b.PauseChannel(k.now, topic, channel, td.Cmd == "pause"))
	}
	return nil
}

func (k *talk) close(*datadriven.TestData) error {
	k.b.Close(k.now)
	return nil
}

func (k *talk) drain(td *datadriven.TestData) error {
	k.b.Drain(!td.HasArg("off"))
	return nil
}

// holdings shows where messages are, the most first.
func (k *talk) holdings(*datadriven.TestData) error {
	k.say("draining=%t held=%d", k.b.Draining(), k.b.Held())
	for _, h := range k.b.Holdings() {
		name := strings.TrimSpace(h.Topic + " " + h.Channel)
		k.say("%s", strings.TrimSpace(fmt.Sprintf("%s: %d %s", name, h.Messages, h.Stuck)))
	}
	return nil
}

func (k *talk) stats(*datadriven.TestData) error {
	st := k.b.Stats()
	for _, t := range st.Topics {
		k.say("%s: depth=%d messages=%d bytes=%d%s", t.Name, t.Depth, t.Messages, t.MessageBytes, pausedWord(t.Paused))
		for _, c := range t.Channels {
			k.say("  %s: depth=%d in-flight=%d deferred=%d messages=%d requeues=%d timeouts=%d%s%s", c.Name, c.Depth,
				c.InFlight, c.Deferred, c.Messages, c.Requeues, c.Timeouts, pausedWord(c.Paused), k.localities(c.LocalityCounts))
			for _, s := range c.Clients {
				k.say("    %q: state=%d ready=%d in-flight=%d messages=%d finished=%d requeued=%d%s", s.ClientID, s.State,
					s.Ready, s.InFlight, s.Messages, s.Finished, s.Requeued, k.localities(s.LocalityCounts))
			}
		}
	}
	for _, p := range st.Producers {
		k.say("producer %q: state=%d published=%v", p.ClientID, p.State, p.Published)
	}
	return nil
}

// localities tells where messages went, if there are experiments.
func (k *talk) localities(n LocalityCounts) string {
	if len(k.b.opts.Experiments) == 0 {
		return ""
	}
	return fmt.Sprintf(" zone=%d region=%d global=%d", n.ZoneLocal, n.RegionLocal, n.Global)
}

func pausedWord(paused bool) string {
	if paused {
		return " paused"
	}
	return ""
}

// memory shows what is kept, topic by topic.
func (k *talk) memory(*datadriven.TestData) error {
	k.say("sessions=%d calls=%d", len(k.b.sessions), len(k.b.due.topics))
	for _, name := range k.b.names() {
		t := k.b.topics[name]
		k.say("%s: owed=%d timers=%d", name, t.log.Owed(), t.timers.count())
		for _, c := range t.channels {
			k.say("  %s: unfinished=%d", c.name, c.window.len())
		}
	}
	return nil
}

// showNeed writes what the session has come to wait for.
func (c *talker) showNeed() {
	n := c.s.Need()
	if n == c.need || c.gone() {
		return
	}
	c.need = n
	switch n.Kind {
	case wire.NeedTLS:
		c.talk.say("%s: needs TLS", c.name)
	case wire.NeedSnappy:
		c.talk.say("%s: needs snappy", c.name)
	case wire.NeedDeflate:
		c.talk.say("%s: needs deflate %d", c.name, n.Level)
	case wire.NeedAuthority:
		c.talk.say("%s: needs authority for %+v", c.name, n.Question)
	}
}

// answer meets what a session waits for, and hands in again what it has not consumed.
func (k *talk) answer(td *datadriven.TestData) error {
	c, err := k.client(td)
	if err != nil {
		return err
	}
	if c.need.Kind == wire.NoNeed {
		return fmt.Errorf("%s needs nothing", c.name)
	}
	var a wire.Answer
	switch {
	case td.HasArg("error"):
		a.Err = errors.New(td.Input)
	case c.need.Kind == wire.NeedTLS:
		a.TLS = wire.TLSState{Version: 0x0304, CipherSuite: 0x1301, CommonName: td.Input}
	default:
		a.Body = []byte(td.Input)
	}
	c.need = wire.Need{}
	err = c.s.Answer(k.now, a)
	c.stirred = true
	if err != nil {
		c.look()
		c.end(err)
	} else if len(c.inbox) > 0 {
		c.look()
		c.receive(nil)
	}
	return nil
}
