package broker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/broker"
	"github.com/nsqlab/nsqlab/sim"
)

// TestA3Health: with room for two messages in memory, a disk that cannot be written refuses the third; the broker is unwell until the next
// write that succeeds, and what was acknowledged is there.
func TestA3Health(t *testing.T) {
	n := newNode(t, func(o *broker.Options) { o.Durability, o.MemQueueSize = broker.Memory, 2 })
	n.must(n.b.CreateTopic(n.now, "t"))
	n.must(n.b.CreateChannel(n.now, "t", "c"))
	n.sync()
	fault, err := n.disk.Fail(sim.DiskWrite, "t.*.log", 0, errors.New("never gonna happen"))
	n.must(err)
	n.pub("t", "1", "2")
	if got := n.b.Health(); got != "OK" {
		t.Fatal(got)
	}
	if a := n.publish("t", 0, "3"); !a.told || a.err == nil || !strings.Contains(a.err.Error(), "never gonna happen") {
		t.Fatalf("the third is %+v", *a)
	}
	if got := n.b.Health(); !strings.HasPrefix(got, "NOK - ") || !strings.HasSuffix(got, "never gonna happen") {
		t.Fatal(got)
	}
	fault.Clear()
	n.pub("t", "4")
	if got := n.b.Health(); got != "OK" {
		t.Fatal(got)
	}
	n.subscribe("t/c", 10).want("1", "2", "4")
}
