package scenarios_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsqlab/nsqlab/broker/client"
	"github.com/nsqlab/nsqlab/broker/wire"
	"github.com/nsqlab/nsqlab/reports"
	"github.com/nsqlab/nsqlab/reports/history"
	"github.com/nsqlab/nsqlab/scenarios"
	"github.com/nsqlab/nsqlab/sim"
)

const ownScenario = `
brokers: {b1: {msg_timeout: 1s}, b2: {msg_timeout: 1s}}
load: [{produce: orders, rate: 100/s, for: 5s}, {name: mine, clients: 2, consume: orders/billing}]
faults: [{at: 1s, kill: b1, for: 500ms}, {at: 3s, reset: mine, for: 100ms}]
`

// A busybody is a consumer that touches, requeues and finishes, the last twice.
func busybody(now time.Time, wake func()) wire.Endpoint {
	var c *client.Conn
	c = client.New(now, client.Options{}, client.Handler{Message: func(_ time.Time, m wire.Message) {
		c.Touch(m.ID, nil)
		if m.Attempts == 1 && m.Body[19]%7 == 0 {
			c.Requeue(m.ID, 300*time.Millisecond, nil)
			return
		}
		c.Finish(m.ID, nil)
		c.Finish(m.ID, nil)
	}}, wake)
	c.Subscribe("orders", "billing", nil)
	c.Ready(5)
	return c
}

// playOwn plays the scenario with a client under test, and gives the verdict and how often what happened.
func playOwn(t *testing.T, own scenarios.Own) (*reports.Report, map[string]int) {
	t.Helper()
	s, err := scenarios.Parse("own.yaml", []byte(ownScenario))
	must(t, err)
	w, err := sim.NewWorld(1, s.Nodes(), s.Links)
	must(t, err)
	file, err := os.Create(filepath.Join(t.TempDir(), "history.jsonl"))
	must(t, err)
	defer file.Close()
	r, err := scenarios.Play(t.Context(), s, scenarios.Stand{
		Cluster: w, Seed: 1, Slack: s.Links.Slack(), History: file, Own: map[string]scenarios.Own{"mine": own},
	})
	must(t, err)
	_, err = file.Seek(0, 0)
	must(t, err)
	_, ops, err := history.Read(file)
	must(t, err)
	count := map[string]int{}
	for op, err := range ops {
		must(t, err)
		if strings.HasPrefix(op.Process, "mine") {
			count[op.F+" "+string(op.Type)]++
		}
	}
	return r, count
}

// TestOwnClientIsWatched: all that a client under test is sent and says is in the history, and is judged.
func TestOwnClientIsWatched(t *testing.T) {
	r, count := playOwn(t, busybody)
	if r.Validity != reports.Valid {
		t.Errorf("it is %s: %s", r.Validity, r.Reason)
	}
	for what, least := range map[string]int{
		"connect ok": 8, "disconnect info": 6, "connect fail": 2, "sub ok": 8, "rdy info": 8, "deliver ok": 500,
		"touch info": 500, "req info": 50, "fin info": 900, "fin fail": 400,
	} {
		if count[what] < least {
			t.Errorf("%s: %d times, want %d or more; there are %v", what, count[what], least, count)
		}
	}
	if count["deliver ok"] != count["touch info"] || count["deliver fail"] > 0 {
		t.Errorf("there are %v", count)
	}
}

// TestOwnClientMayBeWrong: a client under test that finishes nothing does not hold.
func TestOwnClientMayBeWrong(t *testing.T) {
	r, _ := playOwn(t, func(now time.Time, wake func()) wire.Endpoint {
		c := client.New(now, client.Options{}, client.Handler{}, wake)
		c.Subscribe("orders", "billing", nil)
		c.Ready(5)
		return c
	})
	if r.Validity == reports.Valid {
		t.Error("a consumer that finishes nothing holds")
	}
}

// TestOwnClientNeedsALine: a client under test that can stand in for nobody is an error.
func TestOwnClientNeedsALine(t *testing.T) {
	for file, want := range map[string]string{
		ownScenario: "a client of your own for a consume line that the scenario does not have",
		"lookups: {l1: {}}\n" + strings.Replace(ownScenario, "name: mine", "name: mina, find: lookup", 1): "mina finds its brokers",
	} {
		s, err := scenarios.Parse("own.yaml", []byte(strings.ReplaceAll(file, "reset: mine", "reset: b1")))
		must(t, err)
		w, err := sim.NewWorld(1, s.Nodes(), s.Links)
		must(t, err)
		_, err = scenarios.Play(t.Context(), s, scenarios.Stand{Cluster: w, Own: map[string]scenarios.Own{"mina": busybody}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v, want %s", err, want)
		}
	}
}

// TestModuleOfYourOwn builds the examples in another module, and runs them there.
func TestModuleOfYourOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a module")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build with: ", err)
	}
	root, err := filepath.Abs("..")
	must(t, err)
	dir := t.TempDir()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		must(t, err)
		return string(text)
	}
	_, needs, ok := strings.Cut(read("go.mod"), "\n")
	if !ok {
		t.Fatal("go.mod has one line")
	}
	needs, _, _ = strings.Cut(needs, "\ntool ")
	for name, text := range map[string]string{
		"go.mod":           "module example.com/yours\n" + needs + "\nrequire github.com/nsqlab/nsqlab v0.0.0\nreplace github.com/nsqlab/nsqlab => " + root + "\n",
		"go.sum":           read("go.sum"),
		"examples_test.go": read("scenarios/example_test.go"),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-mod=mod", "-v", ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS: TestYour") != 2 {
		t.Fatalf("the examples do not run elsewhere: %v\n%s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
