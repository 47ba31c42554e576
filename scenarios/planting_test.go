package scenarios_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/reports"
)

const (
	soundSeeds   = 3               // that a scenario is played under without a bug
	playFor      = 2 * time.Minute // that playing a bug may take, without the time of the flag -shrink
	mostFaults   = 3               // of a scenario that is small enough
	mostMessages = 10              // messages of it
)

var shrinkFor = flag.Duration("shrink", 0,
	"how long a scenario in which a planted bug was found may be shrunk; 0: until it is small, or with a bounded number of events")

// Without the flag -shrink, what is small comes to the same on any machine. A time there only keeps the test from lasting for ever.
const (
	shrinkWork = 800_000 // see testdata/play; two seconds of one core, or three
	shrinkTime = time.Minute
)

// A line is what testdata/play tells of a seed.
type line struct {
	Seed     uint64
	Validity reports.Validity
	Reason   string
	Took     time.Duration
	Promises map[string]struct {
		Validity reports.Validity
		Events   int
		First    string
	}
}

// A planter has testdata/play, with all the bugs in its broker, of which the environment awakes one or none.
type planter struct {
	player string
	dir    string  // for what is shrunk
	unfit  []error // by bug: why it is not in there
}

// TestPlants puts each bug into the broker, and has its checker find it.
func TestPlants(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the broker with the bugs")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build with: ", err)
	}
	t.Parallel()
	bugs := slices.Concat(plants, diskPlants, lookupPlants, stuckPlants, promisePlants, foundPlants)
	p := &planter{}
	p.build(t, bugs)
	caught := make([]*catch, len(bugs))
	t.Run("group", func(t *testing.T) {
		p.withoutPlants(t, bugs)
		for i, bug := range bugs {
			t.Run(bug.name, func(t *testing.T) {
				t.Parallel()
				caught[i] = p.plant(t, i, bug)
			})
		}
	})
	tabulate(t, bugs, caught)
}

// TestPlantsCoverCheckers has a plant for every promise.
func TestPlantsCoverCheckers(t *testing.T) {
	planted := map[string]bool{}
	for _, bug := range slices.Concat(plants, diskPlants, lookupPlants, stuckPlants, promisePlants) {
		planted[bug.promise] = true
	}
	for _, c := range reports.Checkers {
		if !planted[c.Name] {
			t.Errorf("no plant breaks %s", c.Name)
		}
	}
}

// withoutPlants has the sound broker hold in every scenario, and each promise find something to judge there.
func (p *planter) withoutPlants(t *testing.T, bugs []plant) {
	promises := map[string][]string{} // by scenario
	for _, bug := range bugs {
		if promises[bug.scenario] == nil {
			t.Run("none in "+bug.scenario, func(t *testing.T) {
				t.Parallel()
				for _, l := range p.play(t, 0, bug.scenario, 1, soundSeeds) {
					sound(t, bug.scenario, l, promises[bug.scenario])
				}
			})
		}
		promises[bug.scenario] = append(promises[bug.scenario], bug.promise)
	}
}

// sound complains of a seed under which the sound broker does not hold.
func sound(t *testing.T, scenario string, l line, promises []string) {
	if l.Validity != reports.Valid && l.Validity != reports.Licensed {
		t.Errorf("%s, seed %d: the sound broker is %s (%s)", scenario, l.Seed, l.Validity, l.Reason)
	}
	for _, promise := range promises {
		if o := l.Promises[promise]; o.Validity != reports.Valid || o.Events == 0 {
			t.Errorf("%s, seed %d: %s is %s with %d events, without a bug", scenario, l.Seed, promise, o.Validity, o.Events)
		}
	}
}

// plant plays one bug, and says how it was found, under a seed under which the sound broker holds, and how small the scenario is that shows it.
func (p *planter) plant(t *testing.T, i int, bug plant) *catch {
	if p.unfit[i] != nil {
		t.Fatal(p.unfit[i])
	}
	want := bug.validity
	if want == "" {
		want = reports.Invalid
	}
	c := &catch{}
	var last line
	for seed := range max(bug.seeds, 1) {
		last = p.play(t, i+1, bug.scenario, seed+1, seed+1)[0]
		c.Seeds++
		c.Virtual += last.Took
		if o := last.Promises[bug.promise]; o.Validity == want {
			alone(t, bug, last)
			sound(t, bug.scenario, p.play(t, 0, bug.scenario, seed+1, seed+1)[0], []string{bug.promise})
			c.Finding = o.First
			p.shrink(t, i, bug, last.Seed, c)
			if l := p.play(t, 0, c.Shrunk, c.Seed, c.Seed)[0]; l.Promises[bug.promise].Validity == want {
				t.Errorf("the shrunk scenario shows %s without the bug: %s", bug.promise, l.Reason)
			}
			return c
		}
	}
	t.Errorf("%s is %s in %d seeds of %s: %s", bug.promise, last.Promises[bug.promise].Validity, max(bug.seeds, 1), bug.scenario, last.Reason)
	return nil
}

// shrink makes the scenario that shows a bug small.
func (p *planter) shrink(t *testing.T, i int, bug plant, seed uint64, c *catch) {
	t.Helper()
	c.Shrunk = filepath.Join(p.dir, fmt.Sprintf("%d.yaml", i+1))
	limit, work := *shrinkFor, 0
	if limit == 0 {
		limit, work = shrinkTime, shrinkWork
	}
	args := []string{
		bug.scenario, fmt.Sprint(seed), "shrink", bug.promise, c.Shrunk, limit.String(), fmt.Sprint(mostFaults), fmt.Sprint(mostMessages), fmt.Sprint(work),
	}
	out := p.run(t, i+1, args...)
	if err := json.Unmarshal(out, c); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.Shrunk)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d:\n%s", c.Seed, text)
}

// alone complains if what nothing-stuck is there for is found without it.
func alone(t *testing.T, bug plant, l line) {
	for name, o := range l.Promises { // each for itself: the order does not matter
		if bug.promise == reports.NothingStuck.Name && name != bug.promise && o.Validity == reports.Invalid {
			t.Errorf("%s is broken, too: %s", name, o.First)
		}
	}
}

// build makes the player, with a broker that has all the bugs, without touching its source.
func (p *planter) build(t *testing.T, bugs []plant) {
	t.Helper()
	p.unfit = make([]error, len(bugs))
	sources := map[string]string{} // by their files
	fields := map[string]*field{}
	for i, bug := range bugs {
		f := fields[bug.file]
		if f == nil {
			var err error
			if f, err = readField(filepath.Join("..", "broker", bug.file)); err != nil {
				t.Fatal(err)
			}
			fields[bug.file] = f
		}
		p.unfit[i] = f.sow(i+1, bug)
		sources[bug.file] = f.source()
		sources[filepath.Join(filepath.Dir(bug.file), "planted.go")] = f.alarm()
	}
	dir := t.TempDir()
	p.player, p.dir = filepath.Join(dir, "play"), t.TempDir()
	out, err := exec.Command("go", "build", "-o", p.player, "-overlay", overlay(t, dir, sources), "./testdata/play").CombinedOutput()
	if err != nil {
		t.Fatalf("the player was not built: %v\n%s", err, out)
	}
}

// overlay writes sources of the broker to a folder, with a file that has the go command take them.
func overlay(t *testing.T, dir string, sources map[string]string) string {
	t.Helper()
	replace := map[string]string{}
	for file, text := range sources { // each for itself: the order does not matter
		path, err := filepath.Abs(filepath.Join("..", "broker", file))
		if err != nil {
			t.Fatal(err)
		}
		replace[path] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replace[path], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// play plays a scenario under the seeds from first to last, with the bug of that number, or none for 0.
func (p *planter) play(t *testing.T, bug int, scenario string, first, last uint64) (all []line) {
	t.Helper()
	out := p.run(t, bug, scenario, fmt.Sprint(first), fmt.Sprint(last))
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// run runs the player with the bug of that number awake, or none for 0.
func (p *planter) run(t *testing.T, bug int, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), playFor+*shrinkFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.player, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", plantVariable, bug))
	out, err := cmd.Output()
	if err != nil {
		var why []byte
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			why = exit.Stderr
		}
		t.Fatalf("play %q: %v\n%s", args, err, why)
	}
	return out
}
