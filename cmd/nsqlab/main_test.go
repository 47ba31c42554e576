package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsqlab/nsqlab/reports"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"nsqlab": main}) }

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/nsqlab_*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SCENARIOS", filepath.Join(repository, "scenarios"))
			e.Values[clusterKey{}] = new(*cluster)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "same": same, "alter": alter, "up": up, "interrupt": interrupt, "seek": seek, "gone": gone, "stopped": stopped,
		},
	})
}

// exits runs a command and wants an exit code: exits 2 nsqlab run … Its output is left in out.txt and err.txt.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits <code> <command> [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
	cmd.Path = lookPath(ts, args[1])
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out.txt"), out.Bytes(), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs("err.txt"), errs.Bytes(), 0o666))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args[1:], " "), got, want, out.Bytes(), errs.Bytes())
	}
}

// lookPath finds a command in the script's PATH.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, name); fileExists(p) {
			return p
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

func fileExists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// same wants the lines of two files that begin with a word to be equal: same <word> <file> <file>.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: same <word> <file> <file>")
	}
	find := func(file string) string {
		for line := range strings.Lines(ts.ReadFile(file)) {
			if strings.HasPrefix(line, args[0]+" ") {
				return line
			}
		}
		ts.Fatalf("%s has no line that begins with %s", file, args[0])
		return ""
	}
	if a, b := find(args[1]), find(args[2]); (a == b) == neg {
		ts.Fatalf("%q and %q", a, b)
	}
}

// alter moves the time of one line of a history: alter <file> <line>.
func alter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: alter <file> <line>")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	lines := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	lines[n-1] = strings.Replace(lines[n-1], `"t":`, `"t":1`, 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "")), 0o666))
}

// TestHelp holds the help to the tables: each entry is told of.
func TestHelp(t *testing.T) {
	for _, subject := range []string{"faults", "checkers", "formats", "backends", "states", "scenario"} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), []string{"help", subject}, &out, &errs); code != 0 || errs.Len() > 0 {
			t.Errorf("help %s: exit %d, %s", subject, code, &errs)
		}
		if subject == "checkers" {
			for _, c := range reports.Checkers {
				if !strings.Contains(out.String(), c.Name) {
					t.Errorf("help checkers lacks %s", c.Name)
				}
			}
		}
		if len(strings.Split(out.String(), "\n")) < 4 {
			t.Errorf("help %s is short:\n%s", subject, &out)
		}
	}
}

// TestReadme holds README.md to the program: every backend stands in its table, and its first screen is what the first command prints.
func TestReadme(t *testing.T) {
	file, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(file)
	if len(backends) != 4 {
		t.Errorf("there are %d backends, want 4", len(backends))
	}
	for _, b := range backends {
		if !strings.Contains(readme, "| `"+b.name+"` |") {
			t.Errorf("README.md lacks the backend %s", b.name)
		}
	}
	t.Chdir("../..")
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"run", "-q", "--out", t.TempDir(), "scenarios/kill.yaml"}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	printed := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		printed[strings.TrimSpace(line)] = true
	}
	_, screen, _ := strings.Cut(readme, "prints (shortened):\n\n```\n")
	screen, _, ok := strings.Cut(screen, "```")
	if !ok {
		t.Fatal("README.md lacks its first screen")
	}
	for line := range strings.Lines(screen) {
		if !printed[strings.TrimSpace(line)] {
			t.Errorf("README.md has the line\n%swhich is not in\n%s", line, &out)
		}
	}
}

func TestTally(t *testing.T) {
	tally := newTally(&trial{file: "s.yaml"})
	for range 59 {
		tally.add(&reports.Report{Validity: reports.Valid, Trace: "1"})
	}
	var out bytes.Buffer
	tally.write(&out)
	for _, want := range []string{"s.yaml: 59 seeds: 59 valid, 0 licensed, 0 unknown, 0 invalid\n", "under 5 % of runs", "trace "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("tally\n%slacks %q", &out, want)
		}
	}
	tally.add(&reports.Report{Validity: reports.Invalid})
	out.Reset()
	if tally.write(&out); strings.Contains(out.String(), "under") || !strings.Contains(out.String(), "1 of 60 runs violated a promise") {
		t.Errorf("a run violated a promise, and the tally is\n%s", &out)
	}
	tally.add(&reports.Report{Validity: reports.Unknown})
	out.Reset()
	if tally.write(&out); strings.Contains(out.String(), "confidence") {
		t.Errorf("a rate is told though a run is unknown:\n%s", &out)
	}
}

func TestSeeds(t *testing.T) {
	for _, c := range []struct {
		seeds string
		want  span
		ok    bool
	}{
		{"", span{1, 1}, true}, {"1-200", span{1, 200}, true}, {"7-7", span{7, 7}, true},
		{"2-1", span{}, false}, {"1", span{}, false}, {"-3", span{}, false}, {"1-x", span{}, false}, {"0-99999999", span{}, false},
	} {
		if got, err := (&runCommand{Seeds: c.seeds}).seeds(); (err == nil) != c.ok || got != c.want {
			t.Errorf("--seeds=%s: %v, %v", c.seeds, got, err)
		}
	}
	five := uint64(5)
	if got, err := (&runCommand{Seed: &five}).seeds(); got != (span{5, 5}) || err != nil {
		t.Errorf("--seed=5: %v, %v", got, err)
	}
	if _, err := (&runCommand{Seed: &five, Seeds: "1-2"}).seeds(); err == nil {
		t.Error("--seed and --seeds are taken together")
	}
}
