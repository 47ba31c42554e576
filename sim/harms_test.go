package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// passing is a rule that lets all through.
type passing struct{}

func (passing) Judge(time.Duration, *rand.Rand, Chunk) Fate { return Fate{} }

// TestHarms has a world tell each harm until it is over.
func TestHarms(t *testing.T) {
	w, err := NewWorld(1, []Node{{Name: "b1"}, {Name: "b2"}}, DefaultLinks)
	if err != nil {
		t.Fatal(err)
	}
	harms := func(what string, want ...string) {
		t.Helper()
		if got := w.Harms(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	harms("at first")
	remove, err := w.AddRule("", "b1", passing{})
	if err != nil {
		t.Fatal(err)
	}
	disk, _, err := w.Disk("b2")
	if err != nil {
		t.Fatal(err)
	}
	lie := disk.LieAboutSync()
	right, err := w.Skew("b2", Skew{Offset: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Kill("b1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Configure("b1", []string{"--msg-timeout=2s"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Pause("b2"); err != nil {
		t.Fatal(err)
	}
	harms("in a bad way", "sim: node b1 is down", `sim: node b1 has the flags ["--msg-timeout=2s"] besides its own`,
		"sim: node b2 is paused", "sim: the clock of b2 is wrong", "sim: the disk of b2: syncs are lies (hits 0)", `sim: there is a rule from "" to "b1"`)
	remove()
	lie.Clear()
	right()
	if err := w.Configure("b1", nil, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Start("b1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Resume("b2"); err != nil {
		t.Fatal(err)
	}
	harms("healed")
}
