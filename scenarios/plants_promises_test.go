package scenarios_test

// promisePlants are bugs of counting attempts, of pausing and of keeping to RDY, and some that break what is old in another way.
var promisePlants = []plant{
	{
		name: "a timeout does not count", file: "topic.go", scenario: "testdata/attempts.yaml", promise: "counts-attempts",
		old: "\t\t\td.channel.timeouts++\n",
		new: "\t\t\td.channel.timeouts++\n\t\t\td.attempts--\n",
	},
	{
		name: "what is delivered again counts twice", file: "channel.go", scenario: "testdata/attempts.yaml", promise: "counts-attempts",
		old: "if d.attempts++; d.attempts == 0 {",
		new: "if d.attempts += 1 + min(d.attempts, 1); d.attempts == 0 {",
	},
	{
		name: "attempts are forgotten in a crash", file: "recover.go", scenario: "testdata/attempts.yaml", promise: "counts-attempts",
		old: "d.attempts, d.exception = e.Attempts, true",
		new: "d.attempts, d.exception = 0, true",
	},
	{
		name: "the journal is not told of attempts", file: "channel.go", scenario: "testdata/attempts.yaml", promise: "counts-attempts",
		old: "if d.attempts > 1 || d.exception {",
		new: "if false {",
	},
	{
		name: "a paused channel goes on with what comes again", file: "channel.go", scenario: "pauses.yaml", promise: "no-leak-while-paused",
		old: "\tif c.paused || c.deleted {\n",
		new: "\tif c.paused && c.again.len() == 0 || c.deleted {\n",
	},
	{
		name: "a paused channel goes on when a consumer comes", file: "cmd_sub.go", scenario: "pauses.yaml", promise: "no-leak-while-paused",
		old: "\tch.consumers = append(ch.consumers, s)\n",
		new: "\tch.consumers = append(ch.consumers, s)\n\tch.paused = false\n",
	},
	{
		name: "a pause is forgotten in a crash", file: "recover.go", scenario: "pauses.yaml", promise: "no-leak-while-paused",
		old: "\t\tch.paused = c.paused\n",
		new: "",
	},
	{
		name: "the journal is not told of a pause", file: "channel.go", scenario: "pauses.yaml", promise: "no-leak-while-paused",
		old: "\tc.note(store.Entry{Op: op})\n",
		new: "\t_ = op\n",
	},
	{
		name: "a paused topic hands over", file: "topic.go", scenario: "pauses.yaml", promise: "no-leak-while-paused",
		old: "if t.paused || len(t.channels) == 0 || t.deleted {",
		new: "if len(t.channels) == 0 || t.deleted {",
	},
	{
		name: "a topic's pause is forgotten in a crash", file: "recover.go", scenario: "pauses.yaml", promise: "no-leak-while-paused",
		old: "t.numbers, t.paused, t.handed = m.numbers, m.paused, max(",
		new: "t.numbers, t.paused, t.handed = m.numbers, false, max(",
	},
	{
		name: "a channel does not go on after a pause", file: "channel.go", scenario: "testdata/paused.yaml", promise: "nothing-stuck",
		old: "\tc.paused = paused\n\tc.stir()\n",
		new: "\tc.paused = paused\n",
	},
	{
		name: "a consumer gets one message too many", file: "consumer.go", scenario: "testdata/attempts.yaml", promise: "no-overrun",
		old: "c.inFlight < c.ready",
		new: "c.inFlight <= c.ready",
	},
	{
		name: "an RDY of less than before is not heard", file: "cmd_rdy.go", scenario: "bad-consumers.yaml", promise: "no-overrun",
		old: "\ts.ready = int64(n)\n",
		new: "\ts.ready = max(s.ready, int64(n))\n",
	},
	{
		name: "what is requeued makes room for two", file: "channel.go", scenario: "testdata/attempts.yaml", promise: "no-overrun",
		old: "\tc.requeues++\n",
		new: "\tc.requeues++\n\tif len(c.consumers) > 0 {\n\t\tc.consumers[0].inFlight--\n\t}\n",
	},
	{
		name: "recovery does not sort what was finished", file: "recover.go", scenario: "testdata/attempts.yaml", promise: "no-duplicates",
		old: "\t\tslices.Sort(c.finished)\n",
		new: "",
	},
	{
		name: "the journal is not told of a FIN of what came again", file: "channel.go", scenario: "testdata/attempts.yaml", promise: "no-duplicates", seeds: 5,
		old: "\tc.note(store.Entry{Op: store.Finished, ID: d.offset})\n",
		new: "\tif d.attempts == 1 {\n\t\tc.note(store.Entry{Op: store.Finished, ID: d.offset})\n\t}\n",
	},
	{
		name: "a new channel misses one message", file: "topic.go", scenario: "testdata/backlog.yaml", promise: "no-loss",
		old: "\tt.release()\n\tt.urgent = true\n",
		new: "\tt.release()\n\tt.urgent = true\n\tif t.waiting > 0 {\n\t\tt.waiting--\n\t}\n",
	},
	{
		name: "a timeout is never armed", file: "topic.go", scenario: "testdata/crash.yaml", promise: "no-late-redelivery",
		old: "\tt.soonest = min(t.soonest, d.due)\n",
		new: "",
	},
}
