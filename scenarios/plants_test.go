package scenarios_test

import "github.com/nsqlab/nsqlab/reports"

// A plant is a bug that is put into the broker's source for the test alone: a promise has to be found broken.
type plant struct {
	name     string
	file     string // of broker/
	old, new string // a piece of it that stands there once, and what takes its place
	scenario string
	promise  string
	validity reports.Validity // "": Invalid
	seeds    uint64           // within so many it must be found; 0: in the first
}

// plants are the bugs that the checkers have to find. Those that come only now and then go by the message's offset or the time.
var plants = []plant{
	{
		name: "an acknowledged message is dropped", file: "cmd_pub.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\tt.publish(now, c.Body, 0)\n",
		new: "\tif now.Nanosecond()%53 != 0 {\n\t\tt.publish(now, c.Body, 0)\n\t}\n",
	},
	{
		name: "an MPUB loses its last message", file: "cmd_mpub.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\t\tt.publish(now, rest[4:4+size], 0)\n",
		new: "\t\tif len(rest) > 4+int(size) {\n\t\t\tt.publish(now, rest[4:4+size], 0)\n\t\t}\n",
	},
	{
		name: "a channel skips a message", file: "channel.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\td := c.newDelivery(c.cursor)\n\tc.cursor++\n",
		new: "\tif c.cursor%64 == 63 && c.cursor+1 < c.topic.log.handed {\n\t\tc.topic.log.release(c.cursor)\n\t\tc.cursor++\n\t}\n" +
			"\td := c.newDelivery(c.cursor)\n\tc.cursor++\n",
	},
	{
		name: "one channel of two misses a message", file: "topic.go", scenario: "steady.yaml", promise: "no-loss",
		old: "\t\t\tc.messages++\n",
		new: "\t\t\tc.messages++\n\t\t\tif c != t.channels[0] && o%64 == 0 {\n\t\t\t\tc.skip(gap{o, o + 1})\n\t\t\t\tt.log.release(o)\n\t\t\t\tcontinue\n\t\t\t}\n",
	},
	{
		name: "a message is forgotten when it times out", file: "topic.go", scenario: "testdata/crash.yaml", promise: "no-loss",
		old: "\t\td.channel.enqueue(now, d)\n",
		new: "\t\tif d.offset%4 == 0 {\n\t\t\td.channel.finish(d)\n\t\t\tcontinue\n\t\t}\n\t\td.channel.enqueue(now, d)\n",
	},
	{
		name: "a message is forgotten when it is requeued", file: "cmd_req.go", scenario: "testdata/requeued.yaml", promise: "no-loss",
		old: "\t\ts.channel.enqueue(now, d)\n",
		new: "\t\ts.channel.finish(d)\n",
	},
	{
		name: "what a consumer held goes with its connection", file: "channel.go", scenario: "testdata/crash.yaml", promise: "no-loss",
		old: "\ts.closing = true\n\tc.ready.remove(s)\n",
		new: "\ts.closing = true\n\tfor _, o := range slices.Sorted(maps.Keys(c.unfinished)) {\n\t\tif d := c.unfinished[o]; d.holder == s {\n\t\t\tc.finish(d)\n\t\t}\n\t}\n\tc.ready.remove(s)\n",
	},
	{
		name: "a message gets into another topic", file: "cmd_pub.go", scenario: "testdata/two_topics.yaml", promise: "no-phantoms",
		old: "\tt, err := s.topic(now, c.Args[0])\n",
		new: "\tif now.Nanosecond()%53 == 0 {\n\t\tc.Args[0] = []byte(\"orders\")\n\t}\n\tt, err := s.topic(now, c.Args[0])\n",
	},
	{
		name: "a message is kept whose PUB is refused", file: "cmd_pub.go", scenario: "testdata/two_topics.yaml", promise: "no-phantoms",
		old: "\tt.publish(now, c.Body, 0)\n",
		new: "\tt.publish(now, c.Body, 0)\n\tif now.Nanosecond()%53 == 0 {\n\t\treturn violation(\"E_BAD_MESSAGE PUB message too big\")\n\t}\n",
	},
	{
		name: "a bit of a body is flipped", file: "consumer.go", scenario: "steady.yaml", promise: "no-corruption",
		old: "\ts.out = wire.AppendMessage(s.out, m)\n",
		new: "\ts.out = wire.AppendMessage(s.out, m)\n\tif m.Timestamp%53 == 0 {\n\t\ts.out[len(s.out)-1] ^= 1\n\t}\n",
	},
	{
		name: "a body is cut short", file: "cmd_mpub.go", scenario: "steady.yaml", promise: "no-corruption",
		old: "\t\tt.publish(now, rest[4:4+size], 0)\n",
		new: "\t\tt.publish(now, rest[4:3+size], 0)\n",
	},
	{
		name: "a FIN is forgotten", file: "cmd_fin.go", scenario: "testdata/crash.yaml", promise: "no-duplicates",
		old: "\ts.channel.finish(d)\n",
		new: "\tif d.offset%16 != 0 || d.attempts > 1 {\n\t\ts.channel.finish(d)\n\t}\n",
	},
	{
		name: "a message is sent to two consumers", file: "channel.go", scenario: "steady.yaml", promise: "no-duplicates",
		old: "\ts.send(wire.Message{",
		new: "\tif other := c.consumers[0]; other != s && d.offset%16 == 0 {\n" +
			"\t\tother.send(wire.Message{Timestamp: r.at, Attempts: d.attempts, ID: c.topic.broker.messageID(d.offset), Body: body})\n\t}\n\ts.send(wire.Message{",
	},
	{
		name: "a timeout is too short", file: "channel.go", scenario: "slow_consumer.yaml", promise: "no-early-redelivery",
		old: "\td.due = now.Add(s.msgTimeout)\n",
		new: "\td.due = now.Add(s.msgTimeout * 9 / 10)\n",
	},
	{
		name: "a touch is forgotten", file: "cmd_touch.go", scenario: "slow_consumer.yaml", promise: "no-early-redelivery",
		old: "\td.due = now.Add(s.msgTimeout)\n",
		new: "",
	},
	{
		name: "a timeout never ends", file: "channel.go", scenario: "testdata/crash.yaml", promise: "no-late-redelivery",
		old: "\td.due = now.Add(s.msgTimeout)\n",
		new: "\td.due = now.Add(time.Hour)\n",
	},
	{
		name: "timeouts are looked at every three seconds", file: "topic.go", scenario: "crashing_consumer.yaml", promise: "no-late-redelivery",
		old: "\tt.scheduled = due\n",
		new: "\tdue = due.Truncate(3 * time.Second).Add(3 * time.Second)\n\tt.scheduled = due\n",
	},
	{
		name: "DPUB takes milliseconds for microseconds", file: "cmd_dpub.go", scenario: "testdata/requeued.yaml", promise: "no-early-deferral",
		old: "time.Duration(ms) * time.Millisecond",
		new: "time.Duration(ms) * time.Microsecond",
	},
	{
		name: "REQ comes again at once", file: "cmd_req.go", scenario: "testdata/requeued.yaml", promise: "no-early-deferral",
		old: "\tif delay > 0 {\n",
		new: "\tif delay > time.Second {\n",
	},
	{
		name: "DPUB waits twice as long", file: "cmd_dpub.go", scenario: "testdata/requeued.yaml", promise: "no-late-deferral",
		old: "\tt.publish(now, c.Body, s.deferral)\n",
		new: "\tt.publish(now, c.Body, 2*s.deferral)\n",
	},
	{
		name: "what is requeued waits for its timeout", file: "channel.go", scenario: "testdata/requeued.yaml", promise: "no-late-deferral",
		old: "\td.due = due\n",
		new: "\td.due = due.Add(2 * time.Second)\n",
	},
	{
		name: "messages wait for company", file: "topic.go", scenario: "testdata/prompt.yaml", promise: "latency",
		old: "\tif t.waiting() == 0 || t.paused",
		new: "\tif t.waiting() < 10 || t.paused",
	},
	{
		name: "nothing is delivered", file: "channel.go", scenario: "testdata/prompt.yaml", promise: "activity", validity: reports.Unknown,
		old: "\tfor !c.paused && !c.deleted && c.ready.len() > 0 {\n",
		new: "\tfor false && c.ready.len() > 0 {\n",
	},
	{
		name: "nothing is acknowledged", file: "cmd_pub.go", scenario: "testdata/prompt.yaml", promise: "activity", validity: reports.Unknown,
		old: "\ts.respond(wire.FrameResponse, \"OK\")\n",
		new: "",
	},
}
