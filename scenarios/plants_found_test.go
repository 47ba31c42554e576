package scenarios_test

import "github.com/nsqlab/nsqlab/reports"

// foundPlants are bugs that the broker had, and that random scenarios found: each put back into it, and shown by its scenario of the corpus.
var foundPlants = []plant{
	{
		name: "only the SUB that makes a channel waits until it lasts", file: "cmd_sub.go", scenario: "corpus/sub-of-a-channel-just-made.yaml", promise: "no-loss",
		old: "\tch := t.open(now, name)\n",
		new: "\tmade := t.channel(name) == nil\n\tch := t.open(now, name)\n\tif !made {\n\t\tch.opening = 0\n\t}\n",
	},
	{
		name: "a channel lasts with a sync of which its journal lacks it", file: "sync.go", scenario: "corpus/channel-that-a-sync-left-out.yaml", promise: "no-loss",
		old: "t.opened(t.whole)",
		new: "t.opened(t.points)",
	},
	{
		name: "SUB is answered OK whose channel cannot be written", file: "cmd_sub.go", scenario: "corpus/sub-on-a-full-disk.yaml", promise: "no-loss",
		old: "\treturn true, err\n",
		new: "\treturn true, nil\n",
	},
	{
		name: "what waits at a topic and fills the disk is not given out", file: "cmd_sub.go", scenario: "corpus/backlog-that-fills-the-disk.yaml", promise: "activity", validity: reports.Unknown,
		old: "if err != nil && len(t.visible()) == 1 &&",
		new: "if err != nil && false &&",
	},
	{
		name: "what waits at a topic and fills the disk waits for a sync", file: "cmd_sub.go", scenario: "corpus/backlog-that-fills-a-synced-disk.yaml", promise: "activity", validity: reports.Unknown,
		old: "\t\treturn false, nil\n",
		new: "\t\treturn true, nil\n",
	},
	{
		name: "a channel that comes late has its deferrals by the clock of the start", file: "discover.go", scenario: "corpus/late-channel-after-the-clock-was-set.yaml", promise: "no-early-deferral",
		old: "\t\t\te.Due = max(now.UnixNano()+d.due-tick, 1)\n",
		new: "\t\t\t_ = tick\n\t\t\te.Due = t.broker.time(d.due).UnixNano()\n",
	},
}
