package scenarios_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/nsqlab/nsqlab/reports"
)

const (
	plantSeeds = 3 // that a scenario is played under without a plant
	builders   = 2 // at a time
)

// A line is what testdata/play tells of a seed.
type line struct {
	Seed     uint64
	Validity reports.Validity
	Reason   string
	Promises map[string]struct {
		Validity reports.Validity
		Events   int
		First    string
	}
}

// A planter builds testdata/play with a broker that has a bug, without touching its source.
type planter struct {
	dir   string
	slots chan struct{} // of builders
}

// TestPlants puts each bug into the broker, and has its checker find it.
func TestPlants(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the broker for each bug")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build with: ", err)
	}
	p := &planter{dir: t.TempDir(), slots: make(chan struct{}, builders)}
	found := make([]string, len(plants))
	t.Run("group", func(t *testing.T) {
		t.Run("none", func(t *testing.T) { p.withoutPlants(t) })
		for i, bug := range plants {
			t.Run(bug.name, func(t *testing.T) {
				t.Parallel()
				found[i] = p.plant(t, i, bug)
			})
		}
	})
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for i, bug := range plants {
		fmt.Fprintf(w, "%s\t%s\t%s\n", bug.name, bug.promise, found[i])
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d plants:\n%s", len(plants), &table)
}

// TestPlantsCoverCheckers has a plant for every promise.
func TestPlantsCoverCheckers(t *testing.T) {
	planted := map[string]bool{}
	for _, bug := range plants {
		planted[bug.promise] = true
	}
	for _, c := range reports.Checkers {
		if !planted[c.Name] {
			t.Errorf("no plant breaks %s", c.Name)
		}
	}
}

// withoutPlants has the sound broker hold in every scenario, and each promise find something to judge there.
func (p *planter) withoutPlants(t *testing.T) {
	player := p.build(t, "sound", nil)
	played := map[string][]line{}
	for _, bug := range plants {
		if played[bug.scenario] == nil {
			played[bug.scenario] = playUnder(t, player, bug.scenario, plantSeeds)
		}
		for _, l := range played[bug.scenario] {
			if l.Validity != reports.Valid || l.Promises[bug.promise].Events == 0 {
				t.Errorf("%s, seed %d: the sound broker is %s (%s), with %d events for %s",
					bug.scenario, l.Seed, l.Validity, l.Reason, l.Promises[bug.promise].Events, bug.promise)
			}
		}
	}
}

// plant builds and plays one bug, and says how it was found.
func (p *planter) plant(t *testing.T, i int, bug plant) (found string) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	player := p.build(t, fmt.Sprint(i), &bug)
	want := bug.validity
	if want == "" {
		want = reports.Invalid
	}
	var last line
	for _, last = range playUnder(t, player, bug.scenario, max(bug.seeds, 1)) {
		if o := last.Promises[bug.promise]; o.Validity == want {
			return fmt.Sprintf("seed %d: %s", last.Seed, o.First)
		}
	}
	t.Errorf("%s is %s in %d seeds of %s: %s", bug.promise, last.Promises[bug.promise].Validity, max(bug.seeds, 1), bug.scenario, last.Reason)
	return "not found"
}

// build makes the player, with a bug in the broker if there is one.
func (p *planter) build(t *testing.T, name string, bug *plant) string {
	t.Helper()
	player := filepath.Join(p.dir, name)
	args := []string{"build", "-o", player, "-ldflags=-s -w"}
	if bug != nil {
		args = append(args, "-overlay", p.overlay(t, name, bug))
	}
	out, err := exec.Command("go", append(args, "./testdata/play")...).CombinedOutput()
	if err != nil {
		t.Fatalf("the player was not built: %v\n%s", err, out)
	}
	return player
}

// overlay writes the broker's file with the bug in it, and what tells the go command to take it.
func (p *planter) overlay(t *testing.T, name string, bug *plant) string {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("..", "broker", bug.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), bug.old); n != 1 {
		t.Fatalf("the plant does not fit any more: broker/%s has %d pieces like this, want one:\n%s", bug.file, n, bug.old)
	}
	planted := filepath.Join(p.dir, name+".go")
	if err := os.WriteFile(planted, []byte(strings.Replace(string(text), bug.old, bug.new, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: planted}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(p.dir, name+".json")
	if err := os.WriteFile(file, overlay, 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// playUnder plays a scenario under the seeds from 1 to last.
func playUnder(t *testing.T, player, scenario string, last uint64) (all []line) {
	t.Helper()
	out, err := exec.Command(player, scenario, "1", fmt.Sprint(last)).Output()
	if err != nil {
		t.Fatalf("%s was not played: %v", scenario, err)
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}
