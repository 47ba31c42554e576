package chaos_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

// on are the words of a fault that has but its node.
func on(k chaos.Kind, node string) chaos.Args {
	return args(map[string]string{k.Name: node}, nil, nil)
}

// TestEnded: what ends a broker breaks its connections, leaves the others alone, and starts it again when it is healed.
func TestEnded(t *testing.T) {
	for _, k := range []chaos.Kind{chaos.Kill, chaos.Stop, chaos.PowerCut, chaos.BitFlip, chaos.Truncate} {
		t.Run(k.Name, func(t *testing.T) {
			s := newScene(t)
			if s.published("shop", "b1") < 50 {
				t.Fatal("nothing to lose")
			}
			d := s.disk("b1")
			d.WriteFile("a.log", []byte("it has something"))
			heal := s.inflict(k, on(k, "b1"))
			s.refused(k, "b1")
			s.run(time.Second)
			s.quiet("shop b2", "billing b2")
			for _, name := range []string{"shop b1", "billing b1"} {
				if c := s.callers[name]; c.ends < 40 || len(c.took) > 1 {
					t.Errorf("%s: %s", name, c)
				}
			}
			if err := d.Remove("a.log"); err != nil {
				t.Error(err)
			}
			s.mend(heal)
			if n := s.published("shop", "b1"); n > 300 && k.Name != "stop" {
				t.Errorf("the broker still has %d messages", n)
			}
			if err := heal(); err == nil {
				t.Error("a live broker was started again")
			}
			s.refused(k, "b9")
		})
	}
}

// refused checks that a fault cannot be inflicted on a broker that is down, or not there.
func (s *scene) refused(k chaos.Kind, node string) {
	s.t.Helper()
	f, err := k.New(on(k, node))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := f.Inject(s.w); err == nil {
		s.t.Errorf("%s was inflicted on %s", k.Name, node)
	}
}

// disk is a node's.
func (s *scene) disk(node string) *sim.Disk {
	s.t.Helper()
	d, _, err := s.w.Disk(node)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// TestUnsupported: a cluster that can do no more than it must suffers kills, what harms links and what a broker is told, and says so of the rest.
func TestUnsupported(t *testing.T) {
	for _, k := range ofClusters() {
		s := newScene(t)
		f, err := k.New(needed(k, "b1"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Inject(struct{ sim.Cluster }{s.w})
		able := k.Name == "kill" || k.Mild || !k.OfNode() && k.Name != "clog" && k.Name != "swizzle"
		if able != (err == nil) || (!able && !errors.Is(err, errors.ErrUnsupported)) {
			t.Errorf("%s: error %v", k.Name, err)
		}
		if s.w.Start("b1") == nil && k.Name != "kill" {
			t.Errorf("%s could not be inflicted, and ended the broker", k.Name)
		}
	}
}
