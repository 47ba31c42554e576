package chaos_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/chaos"
)

func TestKinds(t *testing.T) {
	word := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	ofLinks := false
	for _, k := range chaos.Kinds {
		if !word.MatchString(k.Name) || seen[k.Name] {
			t.Errorf("the name %q is no word, or stands twice", k.Name)
		}
		seen[k.Name] = true
		if k.Usage == "" || strings.Contains(k.Usage, "\n") || k.New == nil || len(k.Params) == 0 {
			t.Errorf("%s lacks its usage, its New or its parameters", k.Name)
			continue
		}
		first := k.Params[0]
		if first.Name != k.Name || !first.Required || (first.Type != chaos.Node && first.Type != chaos.End) {
			t.Errorf("%s: the first parameter is %+v, want whom it hits", k.Name, first)
		}
		if ofLinks && first.Type == chaos.Node {
			t.Errorf("%s harms a node and stands behind those that harm links", k.Name)
		}
		ofLinks = first.Type == chaos.End
		names := map[string]bool{"at": true, "for": true} // words of every fault
		for _, p := range k.Params {
			if !word.MatchString(p.Name) || names[p.Name] || p.Usage == "" || p.Type == "" {
				t.Errorf("%s: parameter %+v", k.Name, p)
			}
			names[p.Name] = true
		}
		for _, promise := range k.Permits {
			if !word.MatchString(promise) {
				t.Errorf("%s permits %q", k.Name, promise)
			}
		}
		if f, err := k.New(needed(k, "b1")); err != nil || f == nil {
			t.Errorf("%s: New gives %v, %v", k.Name, f, err)
		}
	}
}

// TestKindsAreApart: a scenario finds a fault's kind by its words, so no kind is named as another's parameter.
func TestKindsAreApart(t *testing.T) {
	for _, k := range chaos.Kinds {
		for _, p := range k.Params[1:] {
			if slices.ContainsFunc(chaos.Kinds, func(other chaos.Kind) bool { return other.Name == p.Name }) {
				t.Errorf("%s has a parameter %s, which is a kind", k.Name, p.Name)
			}
		}
	}
}
