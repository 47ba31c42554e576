package sim

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsqlab/nsqlab/broker/store"
	"github.com/nsqlab/nsqlab/broker/wire"
)

// A Point is a place in the middle of what a broker does.
type Point string

// A PointUsage says where a point is, in a sentence.
type PointUsage struct {
	Point Point
	Usage string
}

// The points that are not of a disk.
const (
	inWrite   Point = "in-write"
	inRoll    Point = "in-roll"
	beforeAck Point = "before-ack"
	afterAck  Point = "after-ack"
)

// PointUsages are all the points there are. A log is a topic's messages, a journal what has happened to them.
var PointUsages = []PointUsage{
	{"before-write", "messages are about to be written to the log"},
	{inWrite, "half the bytes of a write to the log are written"},
	{"after-write", "messages are written to the log, and nothing was done about it"},
	{"before-sync", "the log is about to be synced"},
	{"after-sync", "the log is synced, and nobody was told"},
	{inRoll, "the log's next segment file was created, and is empty"},
	{"before-journal", "the journal is about to be written, such as a FIN"},
	{"after-journal", "the journal is written, and not synced"},
	{"before-rename", "a file that was made anew is about to take its name"},
	{"after-rename", "a file that was made anew has its name, and the folder is not synced"},
	{"before-remove", "a file that nobody needs is about to be removed"},
	{"after-remove", "a file is removed, and the folder is not synced"},
	{beforeAck, "the answer OK to a publication is about to be sent"},
	{afterAck, "the answer OK to a publication is on its way, and the broker did nothing since"},
}

// diskPoints are the points around operations of a disk, on files whose names match.
var diskPoints = []struct {
	op            DiskOp
	pattern       string
	before, after Point
}{
	{DiskWrite, "*.log", "before-write", "after-write"},
	{DiskSync, "*.log", "before-sync", "after-sync"},
	{DiskWrite, "*.journal", "before-journal", "after-journal"},
	{DiskRename, "*", "before-rename", "after-rename"},
	{DiskRemove, "*", "before-remove", "after-remove"},
}

// A trap is what Trip has set.
type trap struct {
	point     Point
	nth, seen int
	f         func()
}

// Trip implements Points.
func (w *World) Trip(name string, p Point, nth int, f func()) (remove func() (seen int), err error) {
	n, err := w.find(name)
	switch {
	case err != nil:
		return nil, err
	case n.spec.Kind != Broker:
		return nil, fmt.Errorf("sim: %s is no broker: %w", name, errors.ErrUnsupported)
	case nth < 1:
		return nil, fmt.Errorf("sim: nothing comes to a point for time number %d", nth)
	case !slices.ContainsFunc(PointUsages, func(u PointUsage) bool { return u.Point == p }):
		return nil, fmt.Errorf("sim: no point is called %q", p)
	}
	t := &trap{point: p, nth: nth, f: f}
	n.traps = append(n.traps, t)
	n.disk.reached = n.reach
	return func() int {
		n.traps = slices.DeleteFunc(n.traps, func(other *trap) bool { return other == t })
		if len(n.traps) == 0 {
			n.disk.reached = nil
		}
		return t.seen
	}, nil
}

// reach is the broker's coming to a point.
func (n *node) reach(p Point) {
	if n.life == nil {
		return
	}
	for _, t := range slices.Clone(n.traps) {
		if t.point != p {
			continue
		}
		if t.seen++; t.seen == t.nth {
			n.at = p
			t.f()
			n.at = ""
		}
	}
}

// pass tells who watches that an operation is about to be done, or was done.
func (d *Disk) pass(op DiskOp, name string, done bool) {
	if d.reached == nil {
		return
	}
	for _, p := range diskPoints {
		if ok, err := path.Match(p.pattern, name); p.op != op || !ok || err != nil {
			continue
		}
		if done {
			d.reach(p.after)
		} else {
			d.reach(p.before)
		}
	}
}

// reach tells who watches of a point. At the point before they may have ceased to.
func (d *Disk) reach(p Point) {
	if d.reached != nil {
		d.reached(p)
	}
}

// roll tells who watches of a new file, if it is the next segment of a log.
func (d *Disk) roll(name string) {
	log, _, ok := store.ParseFileName(name)
	if d.reached == nil || !ok {
		return
	}
	for other := range d.names { // any will do
		if l, _, ok := store.ParseFileName(other); ok && l == log && other != name {
			d.reached(inRoll)
			return
		}
	}
}

// A mount is a disk as one life of a process has it: when that is over nothing it does has an effect.
type mount struct {
	disk *Disk
	life int
}

// mount gives the disk to the process that lives now.
func (d *Disk) mount() store.FS { return mount{d, d.life} }

// dead is the error of a process that is gone.
func (m mount) dead() error {
	if m.life != m.disk.life {
		return errKilled
	}
	return nil
}

// Create implements store.FS.
func (m mount) Create(name string) (store.File, error) {
	if err := m.dead(); err != nil {
		return nil, err
	}
	f, err := m.disk.Create(name)
	if err == nil {
		m.disk.roll(name)
	}
	return f, err
}

// Open implements store.FS.
func (m mount) Open(name string) (store.File, error) {
	if err := m.dead(); err != nil {
		return nil, err
	}
	return m.disk.Open(name)
}

// Size implements store.FS.
func (m mount) Size(name string) (int64, error) {
	if err := m.dead(); err != nil {
		return 0, err
	}
	return m.disk.Size(name)
}

// Remove implements store.FS.
func (m mount) Remove(name string) error {
	return m.around(DiskRemove, name, func() error { return m.disk.Remove(name) })
}

// Rename implements store.FS.
func (m mount) Rename(from, to string) error {
	return m.around(DiskRename, from, func() error { return m.disk.Rename(from, to) })
}

// around does an operation between its points.
func (m mount) around(op DiskOp, name string, do func() error) error {
	if err := m.dead(); err != nil {
		return err
	}
	m.disk.pass(op, name, false)
	if err := m.dead(); err != nil {
		return err
	}
	err := do()
	if err == nil {
		m.disk.pass(op, name, true)
	}
	return err
}

// List implements store.FS.
func (m mount) List() ([]string, error) {
	if err := m.dead(); err != nil {
		return nil, err
	}
	return m.disk.List()
}

// SyncDir implements store.FS.
func (m mount) SyncDir() error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.disk.SyncDir()
}

// A dialogue is what a node's end of a connection knows of commands and their answers, while somebody watches the node.
type dialogue []bool // the commands that wait for an answer; true is a publication

// hear takes in what commands a broker has consumed.
func (d *dialogue) hear(p []byte) {
	p = bytes.TrimPrefix(p, []byte(wire.Magic))
	for len(p) > 0 {
		c, n, err := wire.ParseLine(p)
		if err != nil || n == 0 {
			return
		}
		p = p[n:]
		switch name := string(c.Name); name {
		case "IDENTIFY", "AUTH", "PUB", "MPUB", "DPUB":
			size, ok := wire.ParseSize(p)
			if !ok || size < 0 || int(size) > len(p)-4 {
				return
			}
			p = p[4+size:]
			*d = append(*d, strings.HasSuffix(name, "PUB"))
		case "SUB", "CLS":
			*d = append(*d, false)
		}
	}
}

// say takes in what a broker is about to send, and gives how many publications it says OK to.
func (d *dialogue) say(p []byte) (acks int) {
	for len(p) > 0 && len(*d) > 0 {
		f, n, err := wire.ParseFrame(p, len(p))
		if err != nil || n == 0 {
			return acks
		}
		p = p[n:]
		switch {
		case f.Type == wire.FrameResponse && string(f.Data) != wire.Heartbeat:
			if (*d)[0] && string(f.Data) == "OK" {
				acks++
			}
			*d = (*d)[1:]
		case f.Type == wire.FrameError && bytes.Contains(f.Data, []byte("PUB")): // E_PUB_FAILED, E_DPUB_FAILED, …
			*d = (*d)[1:]
		}
	}
	return acks
}

// heed takes in what a node's endpoint has consumed.
func (e *end) heed(p []byte) {
	if e.node == nil || len(p) == 0 {
		return
	}
	if p[0] == 'P' || p[0] == 'M' || p[0] == 'D' { // PUB, MPUB, DPUB: every command begins anew
		e.owes, e.publishes = true, true
	}
	if len(e.node.traps) > 0 {
		e.talk.hear(p)
	} else {
		e.talk = nil
	}
}

// acknowledge sends what a node has to say, all of it, with its points.
func (l *way) acknowledge(n *node) {
	e := l.from
	acks := e.talk.say(l.rest)
	for range acks {
		if n.reach(beforeAck); !e.there {
			l.rest = nil
			return
		}
	}
	for len(l.rest) > 0 {
		l.rest = l.sendSome(l.rest)
	}
	for range acks {
		if n.reach(afterAck); !e.there {
			return
		}
	}
	l.full = l.onWay >= window
}
