package scenarios_test

import "github.com/nsqlab/nsqlab/reports"

// diskPlants are the bugs of the disk: in what is written, in what is synced, in how files go, and in what a broker that comes back makes of them.
var diskPlants = []plant{
	{
		name: "OK comes before the write", file: "commit.go", scenario: "kill-os.yaml", promise: "no-loss",
		old: "t.durability == Memory ||",
		new: "t.durability != Fsync ||",
	},
	{
		name: "a failed write is acknowledged", file: "commit.go", scenario: "diskfull.yaml", promise: "no-loss",
		old: "-b.deferred]\n\t\treturn err\n",
		new: "-b.deferred]\n\t\treturn nil\n",
	},
	{
		name: "an abandoned batch is written later", file: "commit.go", scenario: "diskfull.yaml", promise: "no-loss",
		old: "t.log.Abandon(b.from, b.records, int64(b.deferred), b.records)",
		new: "",
	},
	{
		name: "a write goes on behind a torn one", file: "store/log.go", scenario: "eio.yaml", promise: "no-loss",
		old: "\tif err != nil {\n\t\tl.part()\n",
		new: "\tif err != nil {\n",
	},
	{
		name: "a disk that was full is not tried again", file: "commit.go", scenario: "testdata/full.yaml", promise: "activity", validity: reports.Unknown,
		old: "&& t.broker.tick(now) < t.retry {",
		new: "{",
	},
	{
		name: "what is in memory is not written on a clean stop", file: "sync.go", scenario: "memory-clean-stop.yaml", promise: "no-loss",
		old: "\terr := t.log.Write()\n",
		new: "\tvar err error\n",
	},
	{
		name: "the journal is not written", file: "commit.go", scenario: "testdata/finished.yaml", promise: "latency",
		old: "t.suffer(t.journal.Write())",
		new: "t.journal.Forget()",
	},
	{
		name: "OK comes before the sync", file: "reply.go", scenario: "powercut-fsync.yaml", promise: "no-loss",
		old: "t.syncs() && err == nil",
		new: "false",
	},
	{
		name: "SUB is answered before its channel lasts", file: "cmd_sub.go", scenario: "testdata/first_moment.yaml", promise: "no-loss",
		old: "t.syncs() && ch.opening > 0",
		new: "false",
	},
	{
		name: "messages are not synced", file: "store/sync.go", scenario: "powercut-fsync.yaml", promise: "no-loss",
		old: "if s.end > l.synced {",
		new: "if false {",
	},
	{
		name: "the journal is not synced", file: "store/sync.go", scenario: "testdata/finished.yaml", promise: "latency",
		old: "if j != nil && j.size > j.synced {",
		new: "if false {",
	},
	{
		name: "the old journal goes before the new is synced", file: "store/journal.go", scenario: "testdata/finished.yaml", promise: "latency", seeds: 20,
		old: "\tj.Add(Entry{Op: snapshotEnd})\n",
		new: "\tj.Add(Entry{Op: snapshotEnd})\n\tfor ; len(j.garbage) > 0; j.garbage = j.garbage[1:] {\n\t\t_ = j.fs.Remove(j.garbage[0])\n\t}\n",
	},
	{
		name: "the folder is not synced", file: "store/sync.go", scenario: "powercut-fsync.yaml", promise: "no-loss",
		old: "if p.dir {",
		new: "if false {",
	},
	{
		name: "a failed sync is taken for one", file: "sync.go", scenario: "failed-sync.yaml", promise: "no-loss", seeds: 5,
		old: "\terr := p.Sync()\n",
		new: "\terr := p.Sync()\n\terr = nil\n",
	},
	{
		name: "old files go before the new are synced", file: "store/sync.go", scenario: "testdata/carried.yaml", promise: "no-loss", seeds: 20,
		old: "\tif p.file != nil {\n",
		new: "\tfor _, name := range p.garbage {\n\t\t_ = p.log.fs.Remove(name)\n\t}\n\tp.removed, p.garbage = len(p.garbage), nil\n\tif p.file != nil {\n",
	},
	{
		name: "what was carried goes with a failed sync", file: "store/sync.go", scenario: "testdata/carried.yaml", promise: "no-loss", seeds: 20,
		old: "bool { return s.failed })",
		new: "bool { return false })",
	},
	{
		name: "a file goes before what is carried is written", file: "commit.go", scenario: "testdata/carried.yaml", promise: "no-loss", seeds: 10,
		old: "if err := t.log.Write(); err != nil {",
		new: "if err := error(nil); err != nil {",
	},
	{
		name: "what was carried is found twice", file: "recover.go", scenario: "testdata/carried.yaml", promise: "no-duplicates", seeds: 10,
		old: "if r.covers(rec.ID) || r.carried[rec.ID] {",
		new: "if false {",
	},
	{
		name: "files never go", file: "store/sync.go", scenario: "testdata/full.yaml", promise: "activity", validity: reports.Unknown,
		old: "range p.garbage {",
		new: "range p.garbage[:0] {",
	},
	{
		name: "a file goes when one channel of two has done with it", file: "topic.go", scenario: "testdata/small_files.yaml", promise: "no-loss",
		old: "t.log.OweLast(n, more)",
		new: "_ = n",
	},
	{
		name: "a file goes one FIN too early", file: "store/segments.go", scenario: "kill-os.yaml", promise: "no-loss",
		old: "s.owed <= 0 &&",
		new: "s.owed <= 1 &&",
	},
	{
		name: "the end of a file is noted too early", file: "store/segments.go", scenario: "testdata/small_files.yaml", promise: "no-loss",
		old: "Seal{Range: Range{s.base, s.end}}",
		new: "Seal{Range: Range{s.base, s.end - 1}}",
	},
	{
		name: "the cursor takes two steps from one file to the next", file: "store/read.go", scenario: "testdata/backlog.yaml", promise: "no-loss",
		old: "\t\tif state == good {\n\t\t\treturn o,",
		new: "\t\tif next := o + Offset(size); state == good && next == s.end && next < l.written {\n" +
			"\t\t\tp, _ := new(Window).fill(l.segment(next), next)\n\t\t\tsecond, _ := measure(p)\n\t\t\treturn o, next + Offset(second), nil\n" +
			"\t\t}\n\t\tif state == good {\n\t\t\treturn o,",
	},
	{
		name: "what cannot be read is given up", file: "channel.go", scenario: "eio.yaml", promise: "no-loss",
		old: "err != nil && c.misread(tick, err)",
		new: "err != nil && false",
	},
	{
		name: "what cannot be read is tried again after an hour", file: "channel.go", scenario: "eio.yaml", promise: "no-loss", validity: reports.Unknown,
		old: "tick+int64(retryTime)",
		new: "tick+int64(time.Hour)",
	},
	{
		name: "what one channel finished is taken for another's", file: "recover.go", scenario: "kill-os.yaml", promise: "no-loss",
		old: "\t\tm.channels[i].replay(e)\n",
		new: "\t\tif e.Op == store.Finished {\n\t\t\ti = len(m.channels) - 1 - i\n\t\t}\n\t\tm.channels[i].replay(e)\n",
	},
	{
		name: "what was in flight at a crash is finished", file: "recover.go", scenario: "kill-os.yaml", promise: "no-loss",
		old: "if id < c.base ||",
		new: "if id < c.cursor ||",
	},
	{
		name: "what was finished before a snapshot is owed after a crash", file: "recover.go", scenario: "testdata/finished.yaml", promise: "latency",
		old: "if id < c.base ||",
		new: "if false ||",
	},
	{
		name: "what was deferred at a crash is finished", file: "recover.go", scenario: "kill-os.yaml", promise: "no-loss",
		old: "\t\tc.returned[e.ID] = e\n",
		new: "\t\tif e.Due == 0 {\n\t\t\tc.returned[e.ID] = e\n\t\t} else {\n\t\t\tc.finished = append(c.finished, e.ID)\n\t\t}\n",
	},
	{
		name: "a deferral is forgotten in a crash", file: "recover.go", scenario: "deferred-powercut.yaml", promise: "no-early-deferral",
		old: "\t\te.Due = rec.Due\n",
		new: "",
	},
	{
		name: "a deferral begins anew after a crash", file: "recover.go", scenario: "deferred-powercut.yaml", promise: "no-late-deferral",
		old: "\t\te.Due = rec.Due\n",
		new: "\t\te.Due = r.now.UnixNano() + rec.Due - rec.At\n",
	},
	{
		name: "a snapshot forgets when a message is due", file: "commit.go", scenario: "deferred-powercut.yaml", promise: "no-early-deferral",
		old: "if d.holder == nil && c.topic.timers.waits(d) {",
		new: "if false {",
	},
	{
		name: "a snapshot forgets what is in flight", file: "commit.go", scenario: "memory-clean-stop.yaml", promise: "no-loss",
		old: "\t\tif !yield(e) {\n",
		new: "\t\tif d.holder == nil && !yield(e) {\n",
	},
	{
		name: "a new channel begins at the end", file: "topic.go", scenario: "testdata/backlog.yaml", promise: "no-loss",
		old: "store.Opened, ID: c.cursor,",
		new: "store.Opened, ID: t.log.End(),",
	},
	{
		name: "what waits at a topic is not counted after a crash", file: "recover.go", scenario: "testdata/backlog.yaml", promise: "no-loss",
		old: "\t\tt.waiting++\n",
		new: "",
	},
	{
		name: "a file that is not read after a crash is done with", file: "recover.go", scenario: "testdata/backlog.yaml", promise: "no-loss",
		old: "return s.Plain * int64(len(t.channels)), true",
		new: "return 0, true",
	},
	{
		name: "a file is not read after a crash that was half done with", file: "recover.go", scenario: "testdata/backlog.yaml", promise: "no-loss",
		old: "s.From < max(p.high, p.base, p.cursor)",
		new: "s.From < p.base",
	},
	{
		name: "a torn end of the journal is taken for whole", file: "store/journal.go", scenario: "powercut-os.yaml", promise: "activity", seeds: 30,
		validity: reports.Unknown,
		old:      "!= batchSum(number, int64(at), payload) {",
		new:      "!= batchSum(number, int64(at), payload) && false {",
	},
	{
		name: "offsets are used again after a crash", file: "recover.go", scenario: "slow-disk.yaml", promise: "no-loss", seeds: 30,
		old: "\tlog.Skip(",
		new: "\t_ = (",
	},
	{
		name: "the last record of a file is left behind", file: "store/recover.go", scenario: "kill-os.yaml", promise: "no-loss",
		old: "\t\tcase !r.More || o <= synced:\n",
		new: "\t\tcase o < s.end:\n",
	},
	{
		name: "what stands behind a bad record is not found", file: "store/recover.go", scenario: "testdata/damaged.yaml", promise: "no-loss",
		old: "if o, err = s.resync(o); err != nil {",
		new: "if o = s.end; err != nil {",
	},
	{
		name: "a record's sum is not looked at", file: "store/record.go", scenario: "bitflip.yaml", promise: "no-corruption", seeds: 20,
		old: "!= sum(o, p) {",
		new: "!= sum(o, p) && false {",
	},
}
