package scenarios_test

import "github.com/nsqlab/nsqlab/reports"

// A plant is a bug that is put into the broker's source for the test alone: a promise has to be found broken.
type plant struct {
	name     string
	file     string // of broker/
	old, new string // a piece of a function of it that stands there once, and what takes its place
	scenario string
	promise  string
	validity reports.Validity // "": Invalid
	seeds    uint64           // within so many it must be found; 0: in the first
}

// plants are the bugs that the checkers have to find. Those that come only now and then go by the time.
var plants = []plant{
	{
		name: "an acknowledged message is dropped", file: "topic.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\tr := store.Record{At:",
		new: "\tif now.Nanosecond()%53 == 0 {\n\t\treturn\n\t}\n\tr := store.Record{At:",
	},
	{
		name: "an MPUB loses its last message", file: "cmd_mpub.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\t\tt.publish(now, body,",
		new: "\t\tif len(rest) == 0 {\n\t\t\tbreak\n\t\t}\n\t\tt.publish(now, body,",
	},
	{
		name: "a channel skips a message", file: "channel.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\td := c.newDelivery(place, place)\n",
		new: "\tif r.At%53 == 0 {\n\t\tc.topic.log.Owe(place, -1)\n\t\treturn nil\n\t}\n\td := c.newDelivery(place, place)\n",
	},
	{
		name: "one channel of two misses a message", file: "topic.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\t\tc.lag(c.behind + n - ",
		new: "\t\tif c != t.channels[0] && c.messages%7 == 6 {\n\t\t\tc.behind--\n\t\t}\n\t\tc.lag(c.behind + n - ",
	},
	{
		name: "a message is forgotten when it times out", file: "topic.go", scenario: "testdata/crash.yaml", promise: "no-loss",
		old: "\t\td.channel.enqueue(now, d)\n",
		new: "\t\tif d.attempts == 1 {\n\t\t\td.channel.finish(d)\n\t\t\tcontinue\n\t\t}\n\t\td.channel.enqueue(now, d)\n",
	},
	{
		name: "a message is forgotten when it is requeued", file: "channel.go", scenario: "testdata/requeued.yaml", promise: "no-loss",
		old: "\tc.note(e)\n\tc.enqueue(now, d)\n",
		new: "\tc.finish(d)\n",
	},
	{
		name: "what a consumer held goes with its connection", file: "channel.go", scenario: "testdata/crash.yaml", promise: "no-loss",
		old: "\tc.topic.timers.leave(s.lane)\n",
		new: "\tfor _, d := range c.window.all() {\n\t\tif d.holder == s {\n\t\t\tc.finish(d)\n\t\t}\n\t}\n\tc.topic.timers.leave(s.lane)\n",
	},
	{
		name: "what a consumer held that has gone waits for its timeout", file: "channel.go", scenario: "requeue-on-disconnect.yaml", promise: "latency",
		old: "\tif c.topic.broker.opts.RequeueOnDisconnect && !c.topic.deleted {\n",
		new: "\tif false {\n",
	},
	{
		name: "a message gets into another topic", file: "cmd_pub.go", scenario: "testdata/two_topics.yaml", promise: "no-phantoms",
		old: "\tt, err := s.topic(now, c.Args[0])\n",
		new: "\tif now.Nanosecond()%53 == 0 {\n\t\tc.Args[0] = []byte(\"orders\")\n\t}\n\tt, err := s.topic(now, c.Args[0])\n",
	},
	{
		name: "a message is kept whose PUB is refused", file: "cmd_pub.go", scenario: "testdata/two_topics.yaml", promise: "no-phantoms",
		old: "\ts.published++\n",
		new: "\tif now.Nanosecond()%53 == 0 {\n\t\treturn violation(\"E_BAD_MESSAGE PUB message too big\")\n\t}\n\ts.published++\n",
	},
	{
		name: "a bit of a body is flipped", file: "consumer.go", scenario: "steady.yaml", promise: "no-corruption",
		old: "\ts.out = wire.AppendMessage(s.out, m)\n",
		new: "\ts.out = wire.AppendMessage(s.out, m)\n\tif m.Timestamp%53 == 0 {\n\t\ts.out[len(s.out)-1] ^= 1\n\t}\n",
	},
	{
		name: "a body is cut short", file: "cmd_mpub.go", scenario: "steady.yaml", promise: "no-corruption",
		old: "body := rest[4 : 4+size]",
		new: "body := rest[4 : 3+size]",
	},
	{
		name: "a FIN is forgotten", file: "channel.go", scenario: "testdata/crash.yaml", promise: "no-duplicates",
		old: "\tc.note(store.Entry{Op: store.Finished, ID: d.offset})\n",
		new: "\tif d.delivered%16 == 0 && d.attempts == 1 {\n\t\treturn\n\t}\n\tc.note(store.Entry{Op: store.Finished, ID: d.offset})\n",
	},
	{
		name: "a message is sent to two consumers", file: "channel.go", scenario: "steady.yaml", promise: "no-duplicates",
		old: "\ts.send(tick, wire.Message{",
		new: "\tif other := c.consumers[0]; other != s && d.delivered%16 == 0 {\n" +
			"\t\tother.send(tick, wire.Message{Timestamp: r.At, Attempts: d.attempts, ID: c.topic.broker.messageID(d.offset), Body: r.Body})\n\t}\n\ts.send(tick, wire.Message{",
	},
	{
		name: "a timeout is too short", file: "channel.go", scenario: "slow_consumer.yaml", promise: "no-early-redelivery",
		old: "tick + int64(s.msgTimeout)",
		new: "tick + int64(s.msgTimeout)*9/10",
	},
	{
		name: "a touch is forgotten", file: "cmd_touch.go", scenario: "slow_consumer.yaml", promise: "no-early-redelivery",
		old: "\td.due = min(",
		new: "\t_ = min(",
	},
	{
		name: "a timeout never ends", file: "channel.go", scenario: "testdata/crash.yaml", promise: "no-late-redelivery",
		old: "tick + int64(s.msgTimeout)",
		new: "tick + int64(time.Hour)",
	},
	{
		name: "timeouts are looked at every three seconds", file: "topic.go", scenario: "crashing_consumer.yaml", promise: "no-late-redelivery",
		old: "\t\tt.scheduled = due\n",
		new: "\t\tdue = (due/int64(3*time.Second) + 1) * int64(3*time.Second)\n\t\tt.scheduled = due\n",
	},
	{
		name: "DPUB takes milliseconds for microseconds", file: "cmd_dpub.go", scenario: "testdata/requeued.yaml", promise: "no-early-deferral",
		old: "c.Body, s.deferral,",
		new: "c.Body, s.deferral/1000,",
	},
	{
		name: "REQ comes again at once", file: "channel.go", scenario: "testdata/requeued.yaml", promise: "no-early-deferral",
		old: "\tif delay > 0 {\n",
		new: "\tif delay > time.Second {\n",
	},
	{
		name: "DPUB waits twice as long", file: "cmd_dpub.go", scenario: "testdata/requeued.yaml", promise: "no-late-deferral",
		old: "c.Body, s.deferral,",
		new: "c.Body, 2*s.deferral,",
	},
	{
		name: "what is requeued waits for its timeout", file: "channel.go", scenario: "testdata/requeued.yaml", promise: "no-late-deferral",
		old: "\td.due = due\n",
		new: "\td.due = due + int64(2*time.Second)\n",
	},
	{
		name: "a requeue forgets attempts", file: "channel.go", scenario: "testdata/requeued.yaml", promise: "counts-attempts",
		old: "\tc.requeues++\n",
		new: "\tc.requeues++\n\td.attempts = 0\n",
	},
	{
		name: "a requeue counts as an attempt", file: "channel.go", scenario: "testdata/requeued.yaml", promise: "counts-attempts",
		old: "\tc.requeues++\n",
		new: "\tc.requeues++\n\td.attempts++\n",
	},
	{
		name: "messages wait for company", file: "topic.go", scenario: "testdata/prompt.yaml", promise: "latency",
		old: "\tif t.waiting > 0 {\n",
		new: "\tif t.waiting > 4 {\n",
	},
	{
		name: "nothing is delivered", file: "channel.go", scenario: "testdata/prompt.yaml", promise: "activity", validity: reports.Unknown,
		old: "\tfor next := c.ready.next(); next != nil; next = c.ready.next() {\n",
		new: "\tfor next := c.ready.next(); false; next = c.ready.next() {\n",
	},
	{
		name: "nothing is acknowledged", file: "reply.go", scenario: "testdata/prompt.yaml", promise: "activity", validity: reports.Unknown,
		old: "\ts.replies = append(s.replies, reply{publications: 1, text: command})\n",
		new: "",
	},
}
