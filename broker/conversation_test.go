package broker

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/nsqlab/nsqlab/broker/wire"
)

// TestConversations plays the files of testdata: what clients say over one broker and what each of them is told, under a
// clock that only `advance` moves. A client is looked at after it acted or was woken, and at no other time.
//
//	broker k=v …            begins anew, with options by their flags, or tls, tls-required, auth-required
//	connect a b [manual]    clients; one that is not manual answers heartbeats, unseen
//	dial a [remote=h:p]     a client that has sent no magic
//	send a [by=n]           the lines below, at once or in pieces of n bytes; see encode for how they are written
//	eof a, disconnect a     no more bytes will come; the connection is gone
//	deaf a, listen a        it stops reading, it reads again
//	answer a [error]        what a needs is met, or fails with the text below; otherwise the text is what came of it
//	advance 60s [quiet]     time passes, step by step; quiet counts the messages instead of showing them
//	step d                  time passes, or goes back, and no timer fires
//	publish t [defer=d]     the bodies below, not by a client
//	create|delete|empty|pause|unpause t [c]
//	drain [off]             the broker drains, or does so no longer
//	close, stats, holdings, memory
//
// With asleep behind it, a directive keeps the clients' drivers from looking until the next.
func TestConversations(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no conversations:", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			talk := &talk{}
			datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
				t.Helper()
				if err := talk.do(td); err != nil {
					td.Fatalf(t, "%v", err)
				}
				return talk.flush()
			})
		})
	}
}

var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A talk is one conversation.
type talk struct {
	b       *Broker
	woken   bool
	next    time.Time // of the broker, as it was last asked
	now     time.Time
	clients []*talker
	labels  map[label]string
	ids     map[string]wire.ID
	passing bool // time passes: lines tell when
	quiet   int  // messages not shown, -1 if all are
	out     strings.Builder
}

// A label is how a message is told from others: ids are unique in a topic.
type label struct {
	topic string
	id    wire.ID
}

// A talker is one client and the driver of its session.
type talker struct {
	name    string
	talk    *talk
	s       *Session
	inbox   []byte
	out     []byte
	next    time.Time
	stirred bool // it acted or was woken
	deaf    bool
	manual  bool
	need    wire.Need // as it was last shown
}

var directives = map[string]func(*talk, *datadriven.TestData) error{
	"broker": (*talk).start, "connect": (*talk).connect, "dial": (*talk).connect, "send": (*talk).send, "eof": (*talk).act,
	"disconnect": (*talk).act, "deaf": (*talk).act, "listen": (*talk).act, "advance": (*talk).advance, "step": (*talk).advance,
	"publish": (*talk).publish, "create": (*talk).administer, "delete": (*talk).administer, "empty": (*talk).administer,
	"pause": (*talk).administer, "unpause": (*talk).administer, "close": (*talk).close, "stats": (*talk).stats,
	"memory": (*talk).memory, "answer": (*talk).answer,
	"drain": (*talk).drain, "holdings": (*talk).holdings,
}

func (k *talk) do(td *datadriven.TestData) error {
	f := directives[td.Cmd]
	if f == nil {
		return fmt.Errorf("no directive %q", td.Cmd)
	}
	if k.b == nil && td.Cmd != "broker" {
		if err := k.start(&datadriven.TestData{}); err != nil {
			return err
		}
	}
	k.quiet = -1
	asleep := td.HasArg("asleep")
	td.CmdArgs = slices.DeleteFunc(td.CmdArgs, func(a datadriven.CmdArg) bool { return a.Key == "asleep" })
	if err := f(k, td); err != nil || asleep {
		return err
	}
	return k.settle()
}

func (k *talk) flush() string {
	defer k.out.Reset()
	return k.out.String()
}

func (k *talk) say(format string, args ...any) {
	if k.passing {
		fmt.Fprintf(&k.out, "%v ", k.now.Sub(birth))
	}
	fmt.Fprintf(&k.out, format+"\n", args...)
}

func (k *talk) start(td *datadriven.TestData) (err error) {
	opts := DefaultOptions("conversation")
	opts.NodeID = 745 // the ids in the files have it
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	opts.Flags(fs)
	for _, a := range td.CmdArgs {
		if granted := map[string]*bool{"tls": &opts.TLS, "tls-required": &opts.TLSRequired, "auth-required": &opts.AuthRequired}[a.Key]; granted != nil {
			*granted = true
			continue
		}
		if err := fs.Set(a.Key, strings.Join(a.Vals, ",")); err != nil {
			return err
		}
	}
	*k = talk{now: birth, labels: map[label]string{}, ids: map[string]wire.ID{}}
	k.b, err = Open(birth, opts, nil, func() { k.woken = true })
	return err
}

func (k *talk) connect(td *datadriven.TestData) error {
	for _, a := range td.CmdArgs {
		if a.Key == "manual" || a.Key == "remote" {
			continue
		}
		if slices.ContainsFunc(k.clients, func(c *talker) bool { return c.name == a.Key }) {
			return fmt.Errorf("%s is connected", a.Key)
		}
		c := &talker{name: a.Key, talk: k, manual: td.HasArg("manual")}
		remote := c.name + ":4000"
		if arg, ok := td.Arg("remote"); ok {
			remote = arg.Vals[0]
		}
		c.s = k.b.Connect(k.now, remote, func() { c.stirred = true })
		c.stirred = true
		k.clients = append(k.clients, c)
		if td.Cmd == "connect" {
			c.receive([]byte(wire.Magic))
		}
	}
	return nil
}

func (k *talk) client(td *datadriven.TestData) (*talker, error) {
	for _, c := range k.clients {
		if len(td.CmdArgs) > 0 && c.name == td.CmdArgs[0].Key {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s: no such client", td.FullCmd())
}

func (k *talk) send(td *datadriven.TestData) error {
	c, err := k.client(td)
	if err != nil {
		return err
	}
	p, err := k.encode(td.Input)
	if err != nil {
		return err
	}
	by := len(p)
	if arg, ok := td.Arg("by"); ok {
		if _, err := fmt.Sscan(arg.Vals[0], &by); err != nil {
			return err
		}
	}
	for piece := range slices.Chunk(p, by) {
		c.receive(piece)
	}
	return nil
}

func (k *talk) act(td *datadriven.TestData) error {
	c, err := k.client(td)
	if err != nil {
		return err
	}
	switch td.Cmd {
	case "eof":
		_, err := c.s.Receive(k.now, nil)
		c.look()
		c.end(err)
	case "disconnect":
		c.end(nil)
		k.flush()
	case "deaf":
		c.deaf = true
	case "listen":
		c.deaf, c.stirred = false, true
	}
	return nil
}

func (k *talk) advance(td *datadriven.TestData) error {
	d, err := time.ParseDuration(td.CmdArgs[0].Key)
	if err != nil {
		return err
	}
	until := k.now.Add(d)
	if td.Cmd == "step" {
		k.now = until
		return nil
	}
	k.passing = true
	defer func() { k.passing = false }()
	if td.HasArg("quiet") {
		k.quiet = 0
	}
	for k.step(until) {
		if err := k.settle(); err != nil {
			return err
		}
	}
	k.now = until
	if k.quiet > 0 {
		k.say("%d messages", k.quiet)
	}
	return nil
}

// step fires the first timer, if it is due before or at until.
func (k *talk) step(until time.Time) bool {
	var first *talker
	next := k.next
	for _, c := range k.clients {
		if !c.next.IsZero() && (next.IsZero() || c.next.Before(next)) {
			next, first = c.next, c
		}
	}
	if next.IsZero() || next.After(until) {
		return false
	}
	if next.After(k.now) {
		k.now = next
	}
	if first != nil {
		first.handleTimeout()
	} else {
		k.b.HandleTimeout(k.now)
		k.woken = true
	}
	return true
}

// settle lets everyone who acted or was woken send, until no one has.
func (k *talk) settle() error {
	for range 100 {
		busy := k.woken
		if k.woken {
			k.woken = false
			k.next = k.b.NextTimeout()
		}
		for _, c := range slices.Clone(k.clients) {
			if c.stirred {
				busy = true
				c.look()
			}
			if !c.next.IsZero() && !c.next.After(k.now) {
				busy = true
				c.handleTimeout()
			}
		}
		if !busy {
			return nil
		}
	}
	return fmt.Errorf("the broker does not come to rest")
}
