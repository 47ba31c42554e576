package broker_test

import (
	"testing"

	"github.com/nsqlab/nsqlab/broker"
)

// Row 1, durability memory: messages are written when more than mem-queue-size wait, and on a clean stop, as in nsqd.
func TestRow01MemoryWritesWhatIsTooMuch(t *testing.T) {
	const limit = 100
	n := newNode(t, func(o *broker.Options) { o.Durability, o.MemQueueSize = broker.Memory, limit })
	n.must(n.b.CreateTopic(n.now, "t"))
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	bodies := numbered("m", 0, limit+1)
	n.pub("t", bodies[:limit]...)
	n.sync()
	if used := n.used("t.*.log"); used != 0 {
		t.Fatalf("%d bytes are written though all fits into memory", used)
	}
	c := n.subscribe("t/c", 1)
	for _, body := range bodies[:limit] { // what is finished makes room
		c.want(body)
		c.fin(body)
	}
	c.want()
	c.say("RDY 0\n")
	n.pub("t", bodies[:limit]...)
	if used := n.used("t.*.log"); used != 0 {
		t.Fatalf("%d bytes are written though all fits into memory", used)
	}
	n.pub("t", bodies[limit])
	if st := n.channel("t/c"); n.used("t.*.log") == 0 || st.Depth != limit+1 || st.BackendDepth != limit+1 {
		t.Fatalf("with more than fits into memory %d bytes are written, and %+v", n.used("t.*.log"), st)
	}
	n.kill()
	n.subscribe("t/c", 1000).want(bodies...)

	n.pub("t", "at the stop")
	n.restart()
	n.subscribe("t/c", 1000).want(again(append(bodies, "at the stop"))...)
}

// Row 1, a topic's own durability.
func TestRow01DurabilityOfATopic(t *testing.T) {
	n := newNode(t, func(o *broker.Options) {
		o.TopicDurability = broker.TopicDurability{"safe": broker.Fsync, "fast": broker.Memory}
	})
	answers := map[string]*answer{}
	for _, topic := range []string{"safe", "fast", "other"} {
		n.must(n.b.CreateTopic(n.now, topic))
		n.must(n.b.CreateChannel(n.now, topic, "c"))
		answers[topic] = n.publish(topic, 0, "m")
	}
	if answers["safe"].told || !answers["fast"].told || !answers["other"].told {
		t.Fatalf("told before the sync: %v, %v, %v", *answers["safe"], *answers["fast"], *answers["other"])
	}
	n.sync()
	n.acknowledged(answers["safe"])
	n.acknowledged(n.publish("other", 0, "not synced"))
	lost := 0
	for after := range n.cuts() {
		after.subscribe("safe/c", 10).want("m")
		after.subscribe("fast/c", 10).want()
		c := after.subscribe("other/c", 10)
		c.wantFirst([]string{"m"}, "not synced")
		if after.channel("other/c").InFlight == 1 {
			lost++
		}
	}
	if lost == 0 {
		t.Error("no power cut took what was not synced")
	}
	n.kill()
	n.wantCounts("fast/c", 0, 0, 0)
	n.wantCounts("other/c", 2, 0, 0)
}

// used is how many bytes the files have that match.
func (n *node) used(pattern string) (bytes int64) {
	n.t.Helper()
	files, err := n.disk.Files(pattern)
	n.must(err)
	for _, f := range files {
		size, err := n.disk.Size(f)
		n.must(err)
		bytes += size
	}
	return bytes
}
