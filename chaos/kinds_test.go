package chaos_test

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/sim"
)

func TestKinds(t *testing.T) {
	word := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	ofLinks, ofClients := false, false
	for _, k := range chaos.Kinds {
		if !word.MatchString(k.Name) || seen[k.Name] {
			t.Errorf("the name %q is no word, or stands twice", k.Name)
		}
		seen[k.Name] = true
		if k.Usage == "" || strings.Contains(k.Usage, "\n") || (k.New == nil) == (k.Conduct == nil) || len(k.Params) == 0 {
			t.Errorf("%s lacks its usage, its parameters, or one of New and Conduct", k.Name)
			continue
		}
		first := k.Params[0]
		if first.Name != k.Name || !first.Required || !slices.Contains(targets(k), first.Type) {
			t.Errorf("%s: the first parameter is %+v, want whom it hits", k.Name, first)
		}
		if ofLinks && k.OfNode() || ofClients && !k.OfClients() {
			t.Errorf("%s stands too late: nodes come before links, and links before clients", k.Name)
		}
		ofLinks, ofClients = ofLinks || !k.OfNode(), ofClients || k.OfClients()
		names := map[string]bool{"at": true, "for": true, "may_miss": true} // words of every fault
		for _, p := range k.Params {
			if !word.MatchString(p.Name) || names[p.Name] || p.Usage == "" || p.Type == "" || (p.Type == chaos.Word) != (len(p.Words) > 0) {
				t.Errorf("%s: parameter %+v", k.Name, p)
			}
			names[p.Name] = true
		}
		for d, promises := range k.Permits {
			if len(promises) == 0 || slices.ContainsFunc(promises, func(p string) bool { return !word.MatchString(p) }) {
				t.Errorf("%s permits %q where OK promises %s", k.Name, promises, d)
			}
		}
		if k.OfClients() {
			if c, err := k.Conduct(needed(k, "shop")); err != nil || c == (chaos.Conduct{}) {
				t.Errorf("%s: Conduct gives %+v, %v", k.Name, c, err)
			}
		} else if f, err := k.New(needed(k, "b1")); err != nil || f == nil {
			t.Errorf("%s: New gives %v, %v", k.Name, f, err)
		}
	}
}

// targets are whom a kind can hit.
func targets(k chaos.Kind) []chaos.Type {
	if k.OfClients() {
		return []chaos.Type{chaos.Consumers, chaos.Producers}
	}
	return []chaos.Type{chaos.Broker, chaos.Node, chaos.End, chaos.Ends}
}

// ofClusters are the kinds that act on a cluster, and not on clients.
func ofClusters() (all []chaos.Kind) {
	for _, k := range chaos.Kinds {
		if !k.OfClients() {
			all = append(all, k)
		}
	}
	return all
}

// durabilities are the words of it, from the one that promises least.
var durabilities = []sim.Durability{chaos.Nothing, sim.Memory, sim.OS, sim.Fsync}

// broken are, for a kind or a way in which a node ends, of how many durabilities it may break a promise, from the one that promises least.
var broken = map[string]map[string]int{
	"no-loss":              {"stop": 1, "kill": 2, "powercut": 3, "bitflip": 4, "truncate": 4, "restart": 1, "crash": 2},
	"counts-attempts":      {"stop": 1, "kill": 2, "powercut": 4, "bitflip": 4, "truncate": 4, "restart": 1, "crash": 2, "diskfull": 4, "diskerror": 4},
	"no-duplicates":        {"stop": 1, "kill": 2, "powercut": 4, "bitflip": 4, "truncate": 4, "restart": 1, "crash": 2, "diskfull": 4, "diskerror": 4},
	"no-leak-while-paused": {"powercut": 3, "bitflip": 4, "truncate": 4, "diskfull": 4, "diskerror": 4},
}

// checkPermits holds what a kind, or a way in which it ends a node, may break to the table.
func checkPermits(t *testing.T, name string, permits map[sim.Durability][]string) {
	t.Helper()
	for i, d := range durabilities {
		all := 0
		for promise, want := range broken { // each for itself: the order does not matter
			may := i < want[name]
			if slices.Contains(permits[d], promise) != may {
				t.Errorf("%s permits %q where OK promises %s", name, permits[d], d)
			}
			if may {
				all++
			}
		}
		if _, ok := permits[d]; len(permits[d]) != all || ok != (all > 0) {
			t.Errorf("%s permits %q where OK promises %s, want %d promises", name, permits[d], d, all)
		}
	}
}

// TestPermits holds what each kind may break to what it does. What breaks a durability breaks those that promise less.
func TestPermits(t *testing.T) {
	for _, k := range chaos.Kinds {
		checkPermits(t, k.Name, k.Permits)
		for d := range k.Permits { // each for itself: the order does not matter
			if !slices.Contains(durabilities, d) {
				t.Errorf("%s knows another durability, %s", k.Name, d)
			}
		}
		for _, how := range hows(k) {
			checkPermits(t, how, k.Permitted(chaos.Args{Names: map[string]string{"how": how}}))
		}
		if got := k.Permitted(chaos.Args{}); len(got) != len(k.Permits) {
			t.Errorf("%s permits %v if nothing is said of how", k.Name, got)
		}
		worth := slices.Clone(durabilities)
		switch k.Name {
		case "lyingdisk":
			worth[3] = sim.OS
		case "diskfull", "diskerror":
			worth[1] = chaos.Nothing
		}
		for i, d := range durabilities {
			if got := cmp.Or(k.Weakens[d], d); got != worth[i] {
				t.Errorf("after %s durability %s is worth %s, want %s", k.Name, d, got, worth[i])
			}
		}
	}
}

// hows are the words of a kind's parameter how, if it has that.
func hows(k chaos.Kind) []string {
	for _, p := range k.Params {
		if p.Name == "how" {
			return p.Words
		}
	}
	return nil
}

// TestEnds: a kind that ends the broker says so, and no other does.
func TestEnds(t *testing.T) {
	for _, k := range ofClusters() {
		s := newScene(t)
		f, err := k.New(needed(k, "b1"))
		if err != nil {
			t.Fatal(err)
		}
		heal, err := f.Inject(s.w)
		if err != nil {
			t.Fatal(err)
		}
		s.w.Run(100 * ms) // for what waits for its moment
		if ended := s.w.Start("b1") == nil; ended != k.Ends {
			t.Errorf("%s ended the broker: %v; it says %v", k.Name, ended, k.Ends)
		} else if ended {
			continue
		}
		if err := heal(); err != nil && !errors.Is(err, chaos.ErrHitNothing) {
			t.Errorf("%s: %v", k.Name, err)
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
