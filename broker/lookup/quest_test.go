package lookup

import (
	"slices"
	"testing"
	"time"
)

func TestQuest(t *testing.T) {
	all := []string{"a", "b"}
	for _, c := range []struct {
		what     string
		answered map[string][]string
		after    time.Duration
		over     bool
		channels []string
	}{
		{"nobody has answered", nil, giveUpTime - 1, false, nil},
		{"nobody has answered for long", nil, giveUpTime, true, nil},
		{"one has answered", map[string][]string{"a": {"x"}}, settleTime - 1, false, nil},
		{"one has answered, and time is over", map[string][]string{"a": {"x"}}, settleTime, true, []string{"x"}},
		{"both have answered", map[string][]string{"a": {"y", "x"}, "b": {"z", "x"}}, 0, true, []string{"x", "y", "z"}},
		{"both have answered that there is none", map[string][]string{"a": nil, "b": nil}, 0, true, nil},
	} {
		q := NewQuest(began)
		for from, channels := range c.answered {
			q.Answer(from, channels, true)
		}
		over := q.Over(began.Add(c.after), all)
		if over != c.over || over && !slices.Equal(q.Channels(), c.channels) {
			t.Errorf("%s: over is %t with %q", c.what, over, q.Channels())
		}
		if want := 2 - len(c.answered); len(q.Left(all)) != want {
			t.Errorf("%s: %q are left", c.what, q.Left(all))
		}
	}
	q := NewQuest(began)
	if q.Answer("a", []string{"x"}, false); q.Over(began.Add(settleTime), all) || len(q.Left(all)) != 2 || !slices.Equal(q.Channels(), []string{"x"}) {
		t.Errorf("an answer that does not count: %q are left, with %q", q.Left(all), q.Channels())
	}
	if !NewQuest(began).Over(began, nil) {
		t.Error("there is nobody to ask, and it goes on")
	}
}
