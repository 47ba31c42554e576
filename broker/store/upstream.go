package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"
)

// MigrateOptions are what Migrate needs to know.
type MigrateOptions struct {
	First        Offset                 // where the log of a new topic begins
	SegmentBytes int64                  // as in Options
	MaxBody      int64                  // the largest body that nsqd took, its --max-msg-size; 0 is this package's
	Valid        func(name string) bool // whether topics and channels may be called so
}

// Migrate takes over what an upstream nsqd left in the folder: its disk queues become logs and journals, and their files are renamed to
// <name>.migrated. It is called before anything else in the folder is opened, and done is what it has to tell, in lines; without such
// files that is nothing. What nsqd.dat names and has neither queue nor log nor journal is made, empty.
//
// The messages of a channel's queue are owed to that channel, those of a topic's to all its channels. A topic that has a log already, since
// nsqd ran here in between, goes on with it. After an error, or a crash, the next call goes on where this one ended: each message is
// taken over once.
//
// What is begun stands in a file: for each topic, where its log ended and the number of its last journal. A topic is taken over when it has a
// later journal with a whole snapshot, which is made when its log is synced; before that, all that is newer is removed, and made again.
// The queues' files are renamed when all topics are taken over, and after that the file goes.
func Migrate(fs FS, opts MigrateOptions) (done []string, err error) {
	if opts.MaxBody <= 0 || opts.MaxBody > MaxBody {
		opts.MaxBody = MaxBody
	}
	m := &migration{fs: fs, opts: opts}
	m.reader = queueReader{fs: fs, maxBody: opts.MaxBody, say: m.say}
	if err := m.run(); err != nil {
		return m.lines, fmt.Errorf("store: migration: %w", err)
	}
	return m.lines, nil
}

// migrationFile tells what was begun, as JSON. It is there from before the first new file to after the last renaming.
const migrationFile = "nsqd.migration"

// maxMigration is how much is read of it, in bytes.
const maxMigration = 256 << 20

// migratedSuffix is given to the files of the queues that were taken over.
const migratedSuffix = ".migrated"

// A migration is one call of Migrate.
type migration struct {
	fs     FS
	opts   MigrateOptions
	meta   Metadata
	files  []string            // in the folder, sorted
	ours   map[string][]string // of each topic, those that are not nsqd's
	reader queueReader
	lines  []string
}

// A mark is what there was of a topic before its queues were taken over.
type mark struct {
	Topic   string `json:"topic"`
	Journal uint64 `json:"journal"` // the number of its last journal, or 0
	End     Offset `json:"end"`     // where its log goes on, or begins
}

// An upstreamTopic is what nsqd left of a topic.
type upstreamTopic struct {
	name     string
	listed   bool // in nsqd.dat
	paused   bool
	queues   []*upstreamQueue // its own: one or none
	channels []*upstreamChannel
	run      Range // of its messages, in the log
}

// An upstreamChannel is what nsqd left of a channel.
type upstreamChannel struct {
	name   string
	listed bool
	paused bool
	queues []*upstreamQueue // none or one; two if nsqd ran on Windows and elsewhere
	run    Range
	back   []attempted
}

// An attempted message was delivered before.
type attempted struct {
	id       Offset
	attempts uint16
}

func (m *migration) say(format string, args ...any) {
	m.lines = append(m.lines, fmt.Sprintf(format, args...))
}

func (m *migration) run() error {
	var warning string
	var err error
	if m.meta, warning, err = ReadMetadata(m.fs, m.opts.Valid); err != nil {
		return err
	}
	migrated := false
	for {
		if err = m.look(); err != nil {
			return err
		}
		topics := m.topics()
		marks, err := m.begun(topics)
		if err != nil {
			return err
		}
		if marks == nil {
			break
		}
		if warning != "" {
			m.say("%s", warning)
			warning = ""
		}
		if err := m.finish(topics, marks); err != nil {
			return err
		}
		migrated = true
	}
	m.leftAlone(migrated)
	return m.makeListed()
}

// look lists the folder.
func (m *migration) look() (err error) {
	if m.files, err = m.fs.List(); err == nil {
		m.ours, err = Files(m.fs)
	}
	return err
}

// topics gives the topics of which there is a queue, with all that nsqd.dat says of them.
func (m *migration) topics() (topics []*upstreamTopic) {
	for _, f := range m.files {
		prefix, number, ok := parseQueueFile(f)
		topic, channel, isChannel := splitPrefix(prefix)
		if !ok || !m.opts.Valid(topic) || isChannel && !m.opts.Valid(channel) {
			continue
		}
		i, found := find(topics, topic)
		if !found {
			topics = slices.Insert(topics, i, &upstreamTopic{name: topic})
		}
		queues := &topics[i].queues
		if isChannel {
			queues = &topics[i].channel(channel).queues
		}
		addQueueFile(queues, prefix, number)
	}
	for _, listed := range m.meta.Topics {
		if i, found := find(topics, listed.Name); found {
			topics[i].list(listed)
		}
	}
	return topics
}

// find gives a topic's place among those in the order of their names.
func find(topics []*upstreamTopic, name string) (i int, found bool) {
	return slices.BinarySearchFunc(topics, name, func(t *upstreamTopic, name string) int { return cmp.Compare(t.name, name) })
}

// splitPrefix tells whose a queue is.
func splitPrefix(prefix string) (topic, channel string, isChannel bool) {
	if i := strings.IndexAny(prefix, ":;"); i >= 0 {
		return prefix[:i], prefix[i+1:], true
	}
	return prefix, "", false
}

func addQueueFile(queues *[]*upstreamQueue, prefix string, number int64) {
	i := slices.IndexFunc(*queues, func(q *upstreamQueue) bool { return q.prefix == prefix })
	if i < 0 {
		i = len(*queues)
		*queues = append(*queues, &upstreamQueue{prefix: prefix})
	}
	q := (*queues)[i]
	if number == metaNumber {
		q.hasMeta = true
		return
	}
	q.numbers = append(q.numbers, number)
	slices.Sort(q.numbers) // those of seven digits and more come otherwise in the folder
}

// channel finds a channel by its name, or adds it; they are in the order of their names.
func (t *upstreamTopic) channel(name string) *upstreamChannel {
	i, found := slices.BinarySearchFunc(t.channels, name, func(c *upstreamChannel, name string) int { return cmp.Compare(c.name, name) })
	if !found {
		t.channels = slices.Insert(t.channels, i, &upstreamChannel{name: name})
	}
	return t.channels[i]
}

// list adds what nsqd.dat says.
func (t *upstreamTopic) list(listed TopicMetadata) {
	t.listed, t.paused = true, listed.Paused
	for _, l := range listed.Channels {
		c := t.channel(l.Name)
		c.listed, c.paused = true, l.Paused
	}
}

// allQueues are the topic's and its channels'.
func (t *upstreamTopic) allQueues() []*upstreamQueue {
	all := slices.Clone(t.queues)
	for _, c := range t.channels {
		all = append(all, c.queues...)
	}
	return all
}

// begun gives the marks of the topics that are being taken over, and makes them lasting if that only begins; nil: there is nothing to do.
func (m *migration) begun(topics []*upstreamTopic) ([]mark, error) {
	p, err := readFile(m.fs, migrationFile, maxMigration)
	switch {
	case err == nil:
		marks := []mark{}
		if err := json.Unmarshal(p, &marks); err != nil {
			return nil, fmt.Errorf("%s: %w", migrationFile, err)
		}
		return marks, nil
	case !errors.Is(err, iofs.ErrNotExist):
		return nil, err
	case len(topics) == 0:
		return nil, nil
	}
	var marks []mark
	for _, t := range topics {
		k, err := m.mark(t.name)
		if err != nil {
			return nil, err
		}
		marks = append(marks, k)
	}
	if p, err = json.Marshal(marks); err != nil {
		return nil, err
	}
	return marks, replaceFile(m.fs, migrationFile, p)
}

// mark looks where a topic stands.
func (m *migration) mark(topic string) (mark, error) {
	files := m.ours[topic]
	s, err := openStanding(m.fs, topic, files)
	if err != nil {
		return mark{}, err
	}
	k := mark{Topic: topic, Journal: s.journal.Number(), End: s.high}
	if !slices.ContainsFunc(files, isSegment) {
		k.End = max(k.End, m.first())
	}
	l, err := m.openLog(s, topic, files)
	if err != nil {
		return k, err
	}
	k.End = max(k.End, l.End())
	return k, l.Close()
}

// first is where a log begins.
func (m *migration) first() Offset { return max(m.opts.First, m.meta.Offsets) }

func isSegment(file string) bool {
	_, _, ok := ParseFileName(file)
	return ok
}

// finish takes over what is not yet, puts the queues' files aside, and forgets that it was begun.
func (m *migration) finish(topics []*upstreamTopic, marks []mark) error {
	var taken []*upstreamTopic
	for _, k := range marks {
		i, found := find(topics, k.Topic)
		if !found {
			continue // its files were put aside
		}
		taken = append(taken, topics[i])
		done, err := m.whole(k.Topic, k.Journal)
		switch {
		case err != nil:
		case done:
			err = m.again(k.Topic)
		default:
			err = m.take(topics[i], k)
		}
		if err != nil {
			return fmt.Errorf("topic %s: %w", k.Topic, err)
		}
	}
	for _, t := range taken {
		for _, q := range t.allQueues() {
			if err := m.putAside(q); err != nil {
				return err
			}
		}
	}
	if err := m.fs.SyncDir(); err != nil {
		return err
	}
	if err := m.fs.Remove(migrationFile); err != nil {
		return err
	}
	return m.fs.SyncDir()
}

// putAside renames a queue's files. A name that is taken, by a migration before, gets a number.
func (m *migration) putAside(q *upstreamQueue) error {
	for _, f := range q.files() {
		to := f + migratedSuffix
		for n := 2; m.exists(to); n++ {
			to = fmt.Sprintf("%s%s.%d", f, migratedSuffix, n)
		}
		if err := m.fs.Rename(f, to); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) exists(file string) bool {
	_, found := slices.BinarySearch(m.files, file)
	return found
}

// whole says whether a topic has a whole journal of a number above one.
func (m *migration) whole(topic string, above uint64) (bool, error) {
	for _, f := range m.ours[topic] {
		_, n, ok := ParseJournalName(f)
		if !ok || n <= above {
			continue
		}
		entries, _, err := readJournal(m.fs, topic, n)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(entries, func(e Entry) bool { return e.Op == snapshotEnd }) {
			return true, nil
		}
	}
	return false, nil
}

// again writes the journal of a topic that was taken over once more: whether the one that can be read was synced is not known.
func (m *migration) again(topic string) error {
	var all []Entry
	j, _, err := OpenJournal(m.fs, topic, m.ours[topic], func(e Entry) { all = append(all, e) })
	if err != nil {
		return err
	}
	m.say("%s: had been taken over from nsqd before the process ended", topic)
	return m.snapshot(j, all)
}

// snapshot writes a journal, makes it last, and closes it.
func (m *migration) snapshot(j *Journal, all []Entry) error {
	if err := j.Snapshot(slices.Values(all)); err != nil {
		return errors.Join(err, j.Close())
	}
	l := &Log{fs: m.fs} // what the journal is of was synced
	p := l.SyncPoint(j)
	err := p.Sync()
	l.Synced(p, err)
	return errors.Join(err, j.Close())
}

// leftAlone tells of the files that nobody reads: those of no topic, and after a migration those that nsqd gave up.
func (m *migration) leftAlone(migrated bool) {
	for _, f := range m.files {
		if _, _, ok := parseQueueFile(f); ok {
			m.say("%s: left alone, for its name is not that of a topic or channel", f)
		}
		damaged, bad := strings.CutSuffix(f, badSuffix)
		if _, _, ok := parseQueueFile(damaged); ok && bad && migrated {
			m.say("%s: left alone; nsqd could not read all of it", f)
		}
	}
}
