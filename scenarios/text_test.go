package scenarios_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/scenarios"
)

// TestText writes every scenario there is, and reads the same again.
func TestText(t *testing.T) {
	var all []string
	for _, pattern := range []string{"*.yaml", "testdata/*.yaml", "testdata/*/*.yaml", "corpus/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	if len(all) < 30 {
		t.Fatalf("there are %d files", len(all))
	}
	for _, file := range all {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		textAgain(t, file, string(src))
	}
}

// TestTextOfOddWords: what YAML would take for something else is written so that it is read as it was.
func TestTextOfOddWords(t *testing.T) {
	textAgain(t, "odd.yaml", `
description: 'it''s: {odd} # "truly"'
seed: 18446744073709551615
brokers: {"true": {topic_durability: "u=memory,v=os"}, "1.5": {}}
load:
  - {produce: "null", name: "no", rate: 0.001/s, for: 1500us, from: 1h, size: 30, to: ["1.5"]}
  - {consume: "null/-x#ephemeral", name: "0x1F", requeue: 7.3%, on: "1.5"}
faults:
  - {at: 1h, diskerror: "true", op: sync, files: "*.{log}, #", nth: 3}
  - {at: 1h, partition: "no", from: "1.5"}
  - at: 1h
    halves:
      - "1.5"   # with a comment
      - "true"
`)
}

func textAgain(t *testing.T, name, src string) {
	t.Helper()
	s, err := scenarios.Parse(name, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	text := s.Text()
	again, err := scenarios.Parse(name, []byte(text))
	if err != nil {
		t.Fatalf("%s cannot be read as it was written: %v\n%s", name, err, text)
	}
	if got := again.Text(); got != text {
		t.Errorf("%s is written in two ways:\n%s\n%s", name, text, got)
	}
	if a, b := skeleton(s), skeleton(again); !reflect.DeepEqual(a, b) {
		t.Errorf("%s is read as\n%+v, and was\n%+v", name, b, a)
	}
}

// skeleton is a scenario without its functions.
func skeleton(s *scenarios.Scenario) scenarios.Scenario {
	c := *s
	c.Faults = slices.Clone(s.Faults)
	for i, f := range c.Faults {
		g := *f
		g.Kind, g.Inflict = chaos.Kind{Name: f.Kind.Name}, nil
		c.Faults[i] = &g
	}
	return c
}
