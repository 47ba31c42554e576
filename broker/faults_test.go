package broker_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/sim"
)

// A patient is a broker on a disk that is harmed, and its lives.
type patient struct {
	*testing.T
	disk *sim.Disk
	opts broker.Options
	now  time.Time
	b    *broker.Broker
}

// newPatient begins the first life.
func newPatient(t *testing.T, durability broker.Durability) *patient {
	p := &patient{T: t, disk: sim.NewDisk(), opts: broker.DefaultOptions("test"), now: time.Unix(1767225600, 0)}
	p.opts.Durability, p.opts.MaxBytesPerFile = durability, 1000
	p.open()
	return p
}

func (p *patient) open() {
	p.Helper()
	var err error
	if p.b, err = broker.Open(p.now, p.opts, p.disk, func() {}); err != nil {
		p.Fatal(err)
	}
}

// kill ends a life, and begins the next.
func (p *patient) kill() {
	p.Helper()
	p.disk.Kill()
	p.open()
}

// cut is kill by a power cut.
func (p *patient) cut() {
	p.Helper()
	p.disk.PowerCut(rand.New(rand.NewPCG(1, 1)))
	p.open()
}

// sync has all lasting that is due.
func (p *patient) sync() error { return p.b.Sync(p.now.Add(time.Hour)) }

// pass lets time go by.
func (p *patient) pass(d time.Duration) {
	p.now = p.now.Add(d)
	p.b.HandleTimeout(p.now)
}

// connect begins a session.
func (p *patient) connect(commands string) *broker.Session {
	s := p.b.Connect(p.now, "c:1", func() {})
	p.send(s, wire.Magic+commands)
	return s
}

func (p *patient) send(s *broker.Session, commands string) {
	_, _ = s.Receive(p.now, []byte(commands))
}

func pub(topic, body string) string { return "PUB " + topic + "\n" + sized(body) }

// told are the answers that a client gets, and the bodies of messages, which it finishes if it is to.
func (p *patient) told(s *broker.Session, finish bool) (all []string) {
	p.Helper()
	if s.NextTimeout().Equal(time.Unix(0, 0)) {
		_ = s.HandleTimeout(p.now)
	}
	for out := s.Transmit(nil); len(out) > 0; out = s.Transmit(nil) {
		for len(out) > 0 {
			size := 4 + binary.BigEndian.Uint32(out)
			data := out[8:size]
			if wire.FrameType(binary.BigEndian.Uint32(out[4:])) != wire.FrameMessage {
				all = append(all, string(data))
			} else {
				all = append(all, string(data[26:]))
				if finish {
					p.send(s, "FIN "+string(data[10:26])+"\n")
				}
			}
			out = out[size:]
		}
	}
	return all
}

// want compares what a client is told.
func (p *patient) want(s *broker.Session, finish bool, want ...string) {
	p.Helper()
	if got := p.told(s, finish); strings.Join(got, " ") != strings.Join(want, " ") {
		p.Fatalf("told %q, want %q", got, want)
	}
}

// TestCarriedUnsynced: a message that was written once more stays where it was as long as a sync of the copy failed.
func TestCarriedUnsynced(t *testing.T) {
	p := newPatient(t, broker.Fsync)
	s := p.connect("SUB t c\n")
	p.send(s, "DPUB t 1800000\n"+sized("kept"))
	for i := range 40 {
		p.send(s, pub("t", fmt.Sprint(i)))
	}
	if err := p.sync(); err != nil {
		t.Fatal(err)
	}
	p.told(s, true)
	p.send(s, "RDY 100\n")
	p.told(s, true)
	if held := p.b.Held(); held != 1 {
		t.Fatalf("%d are held", held)
	}
	fault, _ := p.disk.Fail(sim.DiskSync, "*.log", 0, nil)
	p.send(s, pub("t", "x"))
	if err := p.sync(); err == nil {
		t.Fatal("no error")
	}
	fault.Clear()
	s = p.connect(pub("t", "y"))
	if err := p.sync(); err != nil {
		t.Fatal(err)
	}
	p.want(s, false, "OK")
	p.cut()
	s = p.connect("SUB t c\nRDY 100\n")
	p.pass(30 * time.Minute)
	if got := p.told(s, true); !strings.Contains(strings.Join(got, " "), "kept") {
		t.Fatalf("told %q", got)
	}
}

// TestEphemeralKilled: what an ephemeral channel has finished does not wait at its topic in the next life.
func TestEphemeralKilled(t *testing.T) {
	p := newPatient(t, broker.OS)
	s := p.connect("SUB t c#ephemeral\nRDY 10\n" + pub("t", "a"))
	p.want(s, true, "OK", "OK", "a")
	p.want(s, true)
	p.kill()
	if held := p.b.Held(); held != 0 {
		t.Errorf("%d are held", held)
	}
}

// TestLastChannelDeletedKilled: what the last lasting channel has finished does not wait at its topic in the next life.
func TestLastChannelDeletedKilled(t *testing.T) {
	p := newPatient(t, broker.OS)
	e := p.connect("SUB t e#ephemeral\nRDY 10\n")
	s := p.connect("SUB t c\nRDY 10\n" + pub("t", "a"))
	p.told(s, true)
	p.told(e, true)
	if err := p.b.DeleteChannel(p.now, "t", "c"); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if held := p.b.Held(); held != 0 {
		t.Errorf("%d are held", held)
	}
}

// TestDeletedAfterKill: a topic that is deleted before anything else happens to it stays so.
func TestDeletedAfterKill(t *testing.T) {
	p := newPatient(t, broker.OS)
	p.connect("SUB t c\n" + pub("t", "a"))
	p.kill()
	if err := p.b.DeleteTopic(p.now, "t"); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if topics := p.b.Stats().Topics; len(topics) != 0 {
		t.Errorf("%+v", topics)
	}
}

// TestSubJournalFails: a client whose new channel could not be written down is told, one way or the other.
func TestSubJournalFails(t *testing.T) {
	p := newPatient(t, broker.Fsync)
	p.want(p.connect(pub("t", "a")), false)
	if err := p.sync(); err != nil {
		t.Fatal(err)
	}
	fault, _ := p.disk.Fail(sim.DiskWrite, "*.journal", 1, nil)
	s := p.connect("SUB t c\n")
	fault.Clear()
	for range 10 {
		_ = p.sync()
		p.pass(2 * time.Second)
	}
	if got := p.told(s, false); len(got) == 0 {
		t.Error("told nothing")
	}
}

// TestJournalRetried: what a failed write has left out of the journal is written when the disk is well again, though nothing happens.
func TestJournalRetried(t *testing.T) {
	p := newPatient(t, broker.OS)
	p.opts.MsgTimeout = time.Hour // no timer has the journal looked at
	p.open()
	s := p.connect("SUB t c\nRDY 10\n" + pub("t", "a"))
	fault, _ := p.disk.Fail(sim.DiskWrite, "*.journal", 0, nil)
	p.want(s, true, "OK", "OK", "a")
	fault.Clear()
	for range 10 {
		p.pass(10 * time.Second)
		if next := p.b.NextSync(); !next.IsZero() && !next.After(p.now) {
			_ = p.b.Sync(p.now)
		}
	}
	p.kill()
	if held := p.b.Held(); held != 0 {
		t.Errorf("%d are held", held)
	}
}

// damage spoils the first record that holds the text.
func (p *patient) damage(text string) {
	p.Helper()
	files, err := p.disk.Files("*.log")
	if err != nil {
		p.Fatal(err)
	}
	for _, name := range files {
		data, err := p.disk.ReadFile(name)
		if err != nil {
			p.Fatal(err)
		}
		if i := strings.Index(string(data), text); i >= 0 {
			if err := p.disk.FlipBit(name, int64(i)*8); err != nil {
				p.Fatal(err)
			}
			return
		}
	}
	p.Fatalf("%q is nowhere", text)
}

// backlog publishes so many messages, of 1 KB, that they have to be read from the disk.
func (p *patient) backlog(topic string, n int) {
	for i := range n {
		p.send(p.connect(""), pub(topic, fmt.Sprintf("%04d%s", i, strings.Repeat(".", 1000))))
	}
}

// drain has a client get all it can, and gives how many messages that were.
func (p *patient) drain(s *broker.Session) (n int) {
	for {
		got := p.told(s, true)
		if len(got) == 0 {
			return n
		}
		for _, g := range got {
			if len(g) > 1000 {
				n++
			}
		}
	}
}

// TestLostTwice: a message that is lost is so for each channel, and none is held up.
func TestLostTwice(t *testing.T) {
	for _, lost := range []string{"0000.", "0050.", "0299."} {
		for _, paused := range []bool{false, true} {
			t.Run(lost+fmt.Sprint(paused), func(t *testing.T) {
				p := newPatient(t, broker.OS)
				p.opts.MsgTimeout = time.Hour
				for _, c := range []string{"a", "b"} {
					p.connect("SUB t " + c + "\n").Disconnect(p.now)
				}
				p.backlog("t", 300)
				p.kill()
				p.damage(lost)
				if paused {
					_ = p.b.PauseTopic(p.now, "t", true)
					p.send(p.connect(""), pub("t", strings.Repeat("w", 1001)))
				}
				for _, c := range []string{"a", "b"} {
					s := p.connect("SUB t " + c + "\nRDY 10\n")
					if got := p.drain(s); got != 299 {
						t.Errorf("%s got %d", c, got)
					}
				}
				if paused {
					_ = p.b.PauseTopic(p.now, "t", false)
				}
				p.pass(time.Second)
				if health := p.b.Health(); !strings.HasPrefix(health, "OK") {
					t.Error(health)
				}
				if held, next := p.b.Held(), p.b.NextTimeout(); held != 0 && !paused || held != 2 && paused {
					t.Errorf("%d are held, next %v %+v", held, next, p.b.Stats().Topics)
				}
			})
		}
	}
}

// TestUnreadableAlone: a file that cannot be read holds up only the channel that needs it.
func TestUnreadableAlone(t *testing.T) {
	p := newPatient(t, broker.OS)
	p.connect("SUB t old\n").Disconnect(p.now)
	p.backlog("t", 300)
	files, _ := p.disk.Files("*.log")
	_, _ = p.disk.Fail(sim.DiskRead, files[0], 0, nil)
	p.connect("SUB t old\nRDY 10\n")
	s := p.connect("SUB t new\nRDY 10\n")
	p.told(s, false)
	for range 5 {
		p.connect(pub("t", "x"))
		p.pass(time.Second)
	}
	p.want(s, true, "x", "x", "x", "x", "x")
}

// TestUncountable: what follows a lost message is not lost with it when it cannot be counted.
func TestUncountable(t *testing.T) {
	p := newPatient(t, broker.OS)
	p.opts.MaxBytesPerFile = 1 << 20
	p.open()
	p.connect("SUB t c\n").Disconnect(p.now)
	p.backlog("t", 300)
	p.kill()
	p.damage("0000.")
	fault, _ := p.disk.Fail(sim.DiskRead, "*.log", 4, nil) // those before it look for the next message
	s := p.connect("SUB t c\nRDY 10\n")
	got := p.drain(s)
	if fault.Hits() != 1 || got != 299 {
		t.Errorf("%d of 299 messages come, after %d errors", got, fault.Hits())
	}
	if held := p.b.Held(); held != 0 {
		t.Errorf("%d are held", held)
	}
}

// TestChannelDeletedAfterKill: a channel that is deleted before anything else happens to its topic stays so, though the metadata tells of it yet.
func TestChannelDeletedAfterKill(t *testing.T) {
	p := newPatient(t, broker.OS)
	p.connect("SUB t c\n" + pub("t", "a"))
	if err := p.sync(); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if err := p.b.DeleteChannel(p.now, "t", "c"); err != nil {
		t.Fatal(err)
	}
	p.kill()
	if topics := p.b.Stats().Topics; len(topics) != 1 || len(topics[0].Channels) != 0 {
		t.Errorf("%+v", topics)
	}
}
