package sim

import (
	"errors"
	"testing"
	"time"
)

// TestConfigure: a node that is down starts with flags behind its own, for as many lives as nothing else is said.
func TestConfigure(t *testing.T) {
	w, err := NewWorld(1, []Node{{Name: "b1", Args: []string{"--msg-timeout=2s"}}, {Name: "l1", Kind: Lookupd}}, plain)
	must(t, err)
	timeout := func() time.Duration { return w.node("b1").life.broker.Options().MsgTimeout }
	again := func() {
		must(t, w.Kill("b1"))
		must(t, w.Start("b1"))
	}
	args := []string{"--msg-timeout=3s"}
	if err := w.Configure("b1", args, ""); err == nil {
		t.Error("a node that is up was configured")
	}
	must(t, w.Kill("b1"))
	for what, err := range map[string]error{
		"a flag that there is not": w.Configure("b1", []string{"--colour=red"}, ""),
		"another's flag":           w.Configure("l1", args, ""),
		"another program":          w.Configure("b1", args, "/bin/nsqd"),
		"a node that is not there": w.Configure("b9", args, ""),
	} {
		if err == nil || errors.Is(err, errors.ErrUnsupported) != (what == "another program") {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, w.Start("b1"))
	if got := timeout(); got != 2*time.Second {
		t.Errorf("what was refused has it time out after %v", got)
	}
	must(t, w.Kill("b1"))
	must(t, w.Configure("b1", args, ""))
	must(t, w.Start("b1"))
	again()
	if got := timeout(); got != 3*time.Second {
		t.Errorf("it times out after %v", got)
	}
	must(t, w.Kill("b1"))
	must(t, w.Configure("b1", nil, ""))
	must(t, w.Start("b1"))
	if got := timeout(); got != 2*time.Second {
		t.Errorf("as it was it times out after %v", got)
	}
}
