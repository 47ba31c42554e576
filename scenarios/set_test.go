package scenarios_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/scenarios"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct{ word, want, wrong string }{
		{"durability=os,fsync", "durability=os durability=fsync", ""},
		{"msg_timeout=2s", "msg-timeout=2s", ""},
		{"durability=", "", "durability"},
		{"durability=os,os", "", "os stands there twice"},
		{"durability=forever", "", "want one of nsqd's flags"},
		{"colour=red", "", "want one of nsqd's flags"},
		{"durability", "", "such as durability=os,fsync"},
		{"--durability=os", "", "such as durability=os,fsync"},
		{"=os", "", "such as durability=os,fsync"},
	} {
		all, err := scenarios.ReadSettings(c.word)
		var words []string
		for _, v := range all {
			words = append(words, v.String())
		}
		if got := strings.Join(words, " "); got != c.want || (err == nil) != (c.wrong == "") || (err != nil && !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %q, %v", c.word, got, err)
		}
	}
}

// TestSet: a setting takes the place of what the scenario says, and that is the scenario's text then.
func TestSet(t *testing.T) {
	const file = "brokers: {b1: {durability: os, msg_timeout: 2s}, b2: {}}\nload:\n  - {produce: o, rate: 1/s, for: 1s}\n  - {consume: o/c}\n"
	s, err := scenarios.Parse("s.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	before := s.Brokers[0].Args
	settings, err := scenarios.ReadSettings("durability=fsync")
	if err != nil {
		t.Fatal(err)
	}
	s.Set(settings)
	if !slices.Equal(s.Brokers[0].Args, []string{"--msg-timeout=2s", "--durability=fsync"}) || !slices.Equal(s.Brokers[1].Args, []string{"--durability=fsync"}) {
		t.Errorf("brokers have %q and %q", s.Brokers[0].Args, s.Brokers[1].Args)
	}
	if !slices.Equal(before, []string{"--durability=os", "--msg-timeout=2s"}) {
		t.Errorf("what they had is changed: %q", before)
	}
	if again, err := scenarios.Parse("s.yaml", []byte(s.Text())); err != nil || !slices.Equal(again.Brokers[0].Args, s.Brokers[0].Args) {
		t.Errorf("the text\n%sgives %v", s.Text(), err)
	}
}
