package broker

import "testing"

// The node id of a host is the one that nsqd gives it, so that a node keeps it when it changes to this broker.
func TestDefaultNodeID(t *testing.T) {
	for host, want := range map[string]int64{"vm": 617, "host": 513} {
		if got := DefaultOptions(host).NodeID; got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}
