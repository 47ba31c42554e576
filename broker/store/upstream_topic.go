package store

import (
	"errors"
	"slices"
)

// writeBytes is how much of a queue is gathered for one write.
const writeBytes = 512 << 10

// take removes what there is of an earlier try, appends a topic's queues to its log, and journals what is owed to whom. When the journal
// lasts the log does.
func (m *migration) take(t *upstreamTopic, k mark) error {
	files, err := m.undo(k)
	if err != nil {
		return err
	}
	s, err := openStanding(m.fs, t.name, files)
	if err != nil {
		return err
	}
	if s.torn > 0 {
		m.say("%s: %d bytes at the end of its journal could not be read", t.name, s.torn)
	}
	for _, c := range s.channels {
		t.channel(c.name)
	}
	l, err := m.openLog(s, t.name, files)
	if err != nil {
		return err
	}
	l.Skip(k.End)
	start := l.end
	if len(l.segments) > 0 {
		start = l.segments[0].base
	}
	err = m.fill(l, t)
	l.part()
	sealed := l.Seals(true)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	return m.snapshot(s.journal, t.entries(s, start, k.End, sealed))
}

// undo removes the segments of a topic that came after the mark, makes that last, and gives the files that stay. A journal that came after it
// has no whole snapshot, and does no harm.
func (m *migration) undo(k mark) (files []string, err error) {
	for _, f := range m.ours[k.Topic] {
		if _, base, ok := ParseFileName(f); !ok || base < k.End {
			files = append(files, f)
		} else if err := m.fs.Remove(f); err != nil {
			return nil, err
		}
	}
	if len(files) == len(m.ours[k.Topic]) {
		return files, nil
	}
	return files, m.fs.SyncDir()
}

// openLog opens a topic's log. Nothing of it is given up here.
func (m *migration) openLog(s *standing, topic string, files []string) (*Log, error) {
	owed := func(Offset, Record) int64 { return 1 }
	l, _, err := Open(m.fs, topic, files, s.past, Options{SegmentBytes: m.opts.SegmentBytes}, owed, nil)
	return l, err
}

// fill appends the channels' messages, then the topic's, and makes them last.
func (m *migration) fill(l *Log, t *upstreamTopic) (err error) {
	for _, c := range t.channels {
		if c.run, err = m.fillRun(l, t.name+"/"+c.name, c.queues, &c.back); err != nil {
			return err
		}
	}
	if t.run, err = m.fillRun(l, t.name, t.queues, nil); err != nil {
		return err
	}
	if err := l.Write(); err != nil {
		return err
	}
	p := l.SyncPoint(nil)
	if p == nil {
		return nil
	}
	err = p.Sync()
	l.Synced(p, err)
	return err
}

// fillRun appends the messages of one channel, or of the topic. Those that a channel's consumers were given before wait apart from its cursor: as if
// they had been deferred, until they were published.
func (m *migration) fillRun(l *Log, name string, queues []*upstreamQueue, back *[]attempted) (run Range, err error) {
	run = Range{From: l.End(), To: l.End()}
	for _, q := range queues {
		count := 0
		err := m.reader.read(q, func(message upstreamMessage) error {
			r := Record{At: message.at, Body: message.body}
			again := back != nil && message.attempts > 0
			if again {
				r.Due = max(r.At, 1)
			}
			o := l.Append(r)
			l.Owe(o, 1)
			if again {
				*back = append(*back, attempted{o, message.attempts})
			}
			count++
			if bytes, _ := l.Gathered(); bytes < writeBytes {
				return nil
			}
			return l.Write()
		})
		if err != nil {
			return run, err
		}
		m.say("%s: %d messages taken over from nsqd", name, count)
	}
	run.To = l.End()
	return run, nil
}

// makeListed makes a journal for the topics of nsqd.dat that have nothing else.
func (m *migration) makeListed() error {
	for _, listed := range m.meta.Topics {
		files := m.ours[listed.Name]
		if slices.ContainsFunc(files, isSegment) {
			continue
		}
		if whole, err := m.whole(listed.Name, 0); err != nil {
			return err
		} else if whole {
			continue
		}
		s, err := openStanding(m.fs, listed.Name, files)
		if err != nil {
			return err
		}
		t := &upstreamTopic{name: listed.Name}
		t.list(listed)
		t.run = Range{From: m.first(), To: m.first()}
		if err := m.snapshot(s.journal, t.entries(s, m.first(), m.first(), nil)); err != nil {
			return err
		}
		m.say("%s: made, as nsqd.dat has it", t.name)
	}
	return nil
}

// A standing is what a topic's journal says of it.
type standing struct {
	journal  *Journal
	torn     int64
	entries  []Entry // since the topic was last deleted
	opened   bool    // the topic
	paused   bool    // the topic
	past     Past
	passed   Offset // what lies before was handed to the channels
	high     Offset // it is behind all that the entries name
	channels []numbered
	last     uint32 // the largest number of a channel so far
}

// numbered is a channel.
type numbered struct {
	name   string
	number uint32
}

func openStanding(fs FS, topic string, files []string) (*standing, error) {
	s := &standing{}
	j, torn, err := OpenJournal(fs, topic, files, s.replay)
	s.journal, s.torn = j, torn
	return s, err
}

func (s *standing) replay(e Entry) {
	s.high = max(s.high, e.ID, e.To)
	if e.Op == Finished || e.Op == Returned { // a record begins there
		s.high = max(s.high, e.ID+1)
	}
	s.last = max(s.last, e.Channel)
	s.entries = append(s.entries, e)
	switch {
	case e.Channel == 0:
		s.replayTopic(e)
	case e.Op == Opened:
		s.channels = append(s.channels, numbered{e.Name, e.Channel})
	case e.Op == Deleted:
		s.channels = slices.DeleteFunc(s.channels, func(c numbered) bool { return c.number == e.Channel })
	}
}

func (s *standing) replayTopic(e Entry) {
	defer s.past.Replay(e)
	switch e.Op {
	case Opened:
		s.opened, s.passed = true, e.ID
	case Passed:
		s.passed = e.ID
	case Paused, Unpaused:
		s.paused, s.passed = e.Op == Paused, e.ID
	case Deleted:
		*s = standing{high: s.high}
	}
}

// number gives a channel's number, a new one if it was not there before.
func (s *standing) number(channel string) (number uint32, before bool) {
	for _, c := range s.channels {
		if c.name == channel {
			return c.number, true
		}
	}
	s.last++
	return s.last, false
}

// entries is the snapshot of a topic whose log begins at start and ended at end before its queues were appended. Each channel is owed its
// own run and the topic's, which is the last. What waited at the topic before goes to the channels with that, also if the topic is paused: it stands
// before the channels' runs.
func (t *upstreamTopic) entries(s *standing, start, end Offset, sealed []Seal) []Entry {
	all := s.entries
	passed := s.passed
	if !s.opened {
		all = append(all, Entry{Op: Opened, ID: start})
		passed = start
	}
	waiting := passed < end && (s.paused || len(s.channels) == 0)
	handed := t.run.From
	if waiting && handed == end {
		handed = passed
	}
	all = append(all, Entry{Op: Synced, ID: t.run.To})
	for _, r := range sealed {
		all = append(all, Entry{Op: Sealed, ID: r.From, To: r.To})
	}
	for _, c := range t.channels {
		run := c.run
		if run.From == run.To {
			run = Range{From: t.run.From, To: t.run.From}
		}
		opened := run.From
		if waiting {
			opened = passed
		}
		number, before := s.number(c.name)
		if before {
			opened = 0
		} else {
			all = append(all, Entry{Op: Opened, Channel: number, ID: opened, Name: c.name})
		}
		all = appendEmptied(all, number, Range{max(opened, end), run.From})
		all = appendEmptied(all, number, Range{run.To, t.run.From})
		all = appendPaused(all, number, 0, c.listed, c.paused, before)
		for _, b := range c.back {
			all = append(all, Entry{Op: Returned, Channel: number, ID: b.id, Attempts: b.attempts})
		}
	}
	// Last, so that new channels are there when what waits is handed to the channels.
	all = append(all, Entry{Op: Passed, ID: handed})
	return appendPaused(all, 0, handed, t.listed, t.paused, s.opened)
}

func appendEmptied(all []Entry, channel uint32, r Range) []Entry {
	if r.From >= r.To {
		return all
	}
	return append(all, Entry{Op: Emptied, Channel: channel, ID: r.From, To: r.To})
}

// appendPaused says what nsqd.dat says of a channel or topic, which may have stood here before.
func appendPaused(all []Entry, channel uint32, id Offset, listed, paused, before bool) []Entry {
	switch {
	case listed && paused:
		return append(all, Entry{Op: Paused, Channel: channel, ID: id})
	case listed && before:
		return append(all, Entry{Op: Unpaused, Channel: channel, ID: id})
	}
	return all
}
