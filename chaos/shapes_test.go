package chaos_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/chaos"
)

// TestShapes: what a partition's shape separates does not get through, and all else is as without it.
func TestShapes(t *testing.T) {
	all := []string{"shop b1", "billing b1", "shop b2", "billing b2"}
	for _, c := range []struct {
		kind  chaos.Kind
		names map[string]string
		lists map[string][]string
		cut   []string
	}{
		{chaos.Halves, nil, map[string][]string{"halves": {"b1", "shop"}}, []string{"billing b1", "shop b2"}},
		{chaos.Halves, nil, map[string][]string{"halves": {"b1"}}, []string{"shop b1", "billing b1"}},
		{chaos.Halves, map[string]string{"way": "in"}, map[string][]string{"halves": {"b1", "shop"}}, []string{"billing b1", "shop b2"}},
		{chaos.Ring, nil, map[string][]string{"ring": {"shop", "b1", "billing", "b2"}}, nil},
		{chaos.Ring, nil, map[string][]string{"ring": {"shop", "billing", "b1", "b2"}}, []string{"shop b1", "billing b2"}},
		{chaos.Bridge, map[string]string{"bridge": "b1"}, map[string][]string{"side": {"shop"}}, []string{"shop b2"}},
		{chaos.Bridge, map[string]string{"bridge": "shop"}, map[string][]string{"side": {"billing"}}, []string{"billing b1", "billing b2"}},
	} {
		t.Run(fmt.Sprint(c.kind.Name, c.names, c.lists), func(t *testing.T) {
			s := newScene(t)
			heal := s.inflict(c.kind, chaos.Args{Names: c.names, Lists: c.lists})
			s.run(time.Second)
			for _, name := range all {
				if !slices.Contains(c.cut, name) {
					s.quiet(name)
				} else if caller := s.callers[name]; len(caller.took) > 0 || caller.ends > 0 {
					t.Errorf("%s: %s", name, caller)
				}
			}
			if err := heal(); (err == nil) != (len(c.cut) > 0) {
				t.Error(err)
			}
			s.w.Run(10 * ms)
			for _, name := range c.cut {
				if caller := s.callers[name]; len(caller.took) < caller.sent-1 {
					t.Errorf("%s after the healing: %s", name, caller)
				}
			}
			s.mend(func() error { return nil })
		})
	}
}

// TestHalvesOneWay: what one way of a split lets through arrives.
func TestHalvesOneWay(t *testing.T) {
	for way, arrives := range map[string]bool{"in": false, "out": true} {
		s := newScene(t)
		heal := s.inflict(chaos.Halves, chaos.Args{Names: map[string]string{"way": way}, Lists: map[string][]string{"halves": {"b1", "b2"}}})
		before := s.published("shop", "b1")
		s.run(time.Second)
		if n := s.published("shop", "b1") - before; (n > 90) != arrives || len(s.callers["shop b1"].took) > 0 {
			t.Errorf("%s: %d arrived; %s", way, n, s.callers["shop b1"])
		}
		s.mend(heal)
	}
}

// TestFits: shapes that leave nobody out are refused.
func TestFits(t *testing.T) {
	ends := []string{"b1", "b2", "shop", "billing"}
	for _, c := range []struct {
		kind  chaos.Kind
		lists map[string][]string
		fits  bool
	}{
		{chaos.Halves, map[string][]string{"halves": ends[:3]}, true},
		{chaos.Halves, map[string][]string{"halves": ends}, false},
		{chaos.Bridge, map[string][]string{"side": ends[1:3]}, true},
		{chaos.Bridge, map[string][]string{"side": ends[1:]}, false},
	} {
		if err := c.kind.Fits(chaos.Args{Names: map[string]string{"bridge": "b1"}, Lists: c.lists}, ends); (err == nil) != c.fits {
			t.Errorf("%s %v: %v", c.kind.Name, c.lists, err)
		}
	}
	for _, k := range []chaos.Kind{chaos.Ring, chaos.Swizzle, chaos.Bridge} {
		_, err := k.New(chaos.Args{Names: map[string]string{"bridge": "b1"}, Lists: map[string][]string{"ring": ends[:3], "swizzle": ends[:1], "side": ends[:1]}})
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}
