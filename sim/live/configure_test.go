package live

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
)

// timeout has a client ask for the message timeout that a broker grants.
func timeout(t *testing.T, c *Cluster, node string) string {
	p := dial(t, c, "client", node)
	p.say("  V2IDENTIFY\n" + string(binary.BigEndian.AppendUint32(nil, 28)) + `{"feature_negotiation":true}` + "\n")
	runUntil(t, c, "what was agreed on", func() bool { return strings.Contains(string(p.in), "}") })
	_, rest, _ := strings.Cut(string(p.in), `"msg_timeout":`)
	granted, _, _ := strings.Cut(rest, ",")
	return granted
}

// testConfigure restarts b1 with other flags, and with its own again. What it had on disk is there each time.
func testConfigure(t *testing.T, c *Cluster, kind string) {
	p := dial(t, c, "client", "b1")
	p.say("  V2")
	publish(p)
	runUntil(t, c, "an OK", func() bool { return p.published() == 1 })
	if err := c.Configure("b1", nil, ""); err == nil {
		t.Error("a node that is up was configured")
	}
	again := func(args []string, binary string) error {
		return during(c, func() error {
			if err := c.Stop("b1"); err != nil {
				t.Fatal(err)
			}
			return errors.Join(c.Configure("b1", args, binary), c.Start("b1"))
		})
	}
	for _, args := range [][]string{{"--msg-timeout=7s", "--max-rdy-count=9"}, {"--msg-timeout=5s"}, nil} {
		if err := again(args, ""); err != nil {
			t.Fatal(err)
		}
		want := "2000"
		if args != nil {
			want = args[0][len("--msg-timeout="):len(args[0])-1] + "000"
		}
		if got := timeout(t, c, "b1"); got != want {
			t.Errorf("with %q it grants a message timeout of %s ms, want %s", args, got, want)
		}
		stats, err := ask(t, c, "b1", "/stats?format=json")
		if err != nil || !strings.Contains(stats, `"topic_name":"orders"`) || strings.Contains(stats, `"depth":0`) {
			t.Errorf("it has not what it had: %s, %v", stats, err)
		}
	}
	if err := again(nil, "/no/such/program"); err == nil || errors.Is(err, errors.ErrUnsupported) != (kind == "in-process") {
		t.Errorf("as a program that there is not: %v", err)
	}
}

// TestAnotherProgram: a node is started as another program, with the data that it had, and then as its own.
func TestAnotherProgram(t *testing.T) {
	for _, kind := range []string{"process", "container"} {
		t.Run(kind, func(t *testing.T) {
			launcher, _ := useLauncher(t, kind, "")
			c := newCluster(t, launcher, "b1")
			for _, program := range []struct{ binary, starts string }{{os.Getenv(echoVar), "1"}, {"", ""}, {os.Getenv(echoVar), "2"}} {
				if err := errors.Join(c.Kill("b1"), c.Configure("b1", nil, program.binary), c.Start("b1")); err != nil {
					t.Fatal(err)
				}
				starts, err := ask(t, c, "b1", "/starts")
				if (err == nil) != (program.starts != "") || err == nil && starts != program.starts {
					t.Errorf("as %q it says that it was started %q times, %v", program.binary, starts, err)
				}
			}
		})
	}
}
