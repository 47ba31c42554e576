package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsqlab/nsqlab/broker/server"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"nsqd": main}) }

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/nsqd_*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[daemonsKey{}] = map[string]*daemon{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start,
			"end":   end,
			"tell":  say,
			"seek":  seek,
			"fetch": fetch,
			"count": count,

			"startlogged": startLogged,
			"hangup":      hangUp,
			"await":       await,
		},
	})
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		want int
	}{
		{"--version", 0},
		{"--help", 0},
		{"--no-such-flag", 2},
		{"--msg-timeout=soon", 2},
		{"--durability=disk", 2},
		{"--topic-durability=t=", 2},
		{"--config=/no/such/file", 1},
		{"--log-file=/no/such/folder/log --tcp-address=127.0.0.1:0 --http-address=127.0.0.1:0", 1},
		{"--node-id=1024 --tcp-address=127.0.0.1:0 --http-address=127.0.0.1:0", 1},
		{"--data-path=/no/such/folder --tcp-address=127.0.0.1:0 --http-address=127.0.0.1:0", 1},
	} {
		if got := run(strings.Fields(c.args), io.Discard, io.Discard); got != c.want {
			t.Errorf("nsqd %s: exit %d, want %d", c.args, got, c.want)
		}
	}
}

// Every flag stands in the help, and in one place.
func TestHelpNamesEveryFlag(t *testing.T) {
	cfg := server.DefaultConfig()
	c := newCommand(&cfg)
	fs := c.FlagSet()
	var told []string
	for _, g := range c.Groups {
		told = append(told, g.Flags...)
	}
	var declared []string
	fs.VisitAll(func(f *flag.Flag) { declared = append(declared, f.Name) })
	slices.Sort(told)
	if !slices.Equal(told, declared) {
		t.Errorf("the help tells of %v, declared are %v", told, declared)
	}
}

// A daemon is a process that runs nsqd.
type daemon struct {
	cmd       *exec.Cmd
	tcp, http string // where it listens
	log       strings.Builder
	done      chan struct{} // closed when log is complete
}

var listening = regexp.MustCompile(`(TCP|HTTP): listening on (\S+)`)

// launch starts nsqd in a folder and waits until it listens. Its end must be waited for.
func launch(folder string, args ...string) (*daemon, error) {
	d := &daemon{cmd: process(folder, args...), done: make(chan struct{})}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	for d.http == "" && lines.Scan() {
		d.log.WriteString(lines.Text() + "\n")
		if m := listening.FindStringSubmatch(lines.Text()); m != nil && m[1] == "TCP" {
			d.tcp = m[2]
		} else if m != nil {
			d.http = m[2]
		}
	}
	if d.http == "" {
		return nil, fmt.Errorf("nsqd did not start: %w\n%s", errors.Join(d.cmd.Wait(), lines.Err()), d.log.String())
	}
	go func() {
		defer close(d.done)
		for lines.Scan() {
			d.log.WriteString(lines.Text() + "\n")
		}
	}()
	return d, nil
}

// process is nsqd in a folder.
func process(folder string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsqd", args...)
	cmd.Dir = folder
	return cmd
}

// wait waits for the end of the process.
func (d *daemon) wait() error {
	<-d.done
	return d.cmd.Wait()
}

// start NAME ARGS… starts nsqd and waits until it listens; then $NAME_TCP and $NAME_HTTP are where.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start name args...")
	}
	d, err := launch(ts.Getenv("WORK"), args[1:]...)
	ts.Check(err)
	ts.Defer(func() {
		_ = d.cmd.Process.Kill()
		_ = d.wait()
	})
	ts.Setenv(args[0]+"_TCP", d.tcp)
	ts.Setenv(args[0]+"_HTTP", d.http)
	daemons(ts)[args[0]] = d
}

// say is tell SIGNAL NAME: it sends a signal to a daemon that was started.
func say(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || daemons(ts)[args[1]] == nil {
		ts.Fatalf("usage: tell TERM|INT|KILL|USR1 name")
	}
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "USR1": syscall.SIGUSR1}
	ts.Check(daemons(ts)[args[1]].cmd.Process.Signal(signals[args[0]]))
}

// end [SIGNAL] NAME sends a signal, if there is one, to a daemon that was started, and waits for its end; stderr is then its log. With ! it
// must fail.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 2 {
		say(ts, false, args)
	}
	d := daemons(ts)[args[len(args)-1]]
	if d == nil {
		ts.Fatalf("usage: end [TERM|INT|KILL|USR1] name")
	}
	err := d.wait()
	_, _ = io.WriteString(ts.Stderr(), d.log.String())
	if failed := err != nil; failed != neg {
		ts.Fatalf("nsqd ended with %v", err)
	}
}

// fetch GET|POST URL [BODY] prints the body of an answer; with ! the status must not be 200.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: fetch GET|POST url [body]")
	}
	r, err := http.NewRequest(args[0], args[1], strings.NewReader(strings.Join(args[2:], " ")))
	ts.Check(err)
	answer, err := http.DefaultClient.Do(r)
	if err != nil && neg {
		return
	}
	ts.Check(err)
	defer answer.Body.Close()
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
	if failed := answer.StatusCode != http.StatusOK; failed != neg {
		ts.Fatalf("status %s", answer.Status)
	}
}

// seek TEXT URL waits until the answer to GET has the text.
func seek(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: seek text url")
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for range 2000 {
		answer, err := http.Get(args[1])
		ts.Check(err)
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		ts.Check(err)
		if strings.Contains(string(body), args[0]) {
			return
		}
		<-look.C
	}
	ts.Fatalf("%s does not come to have %q", args[1], args[0])
}

// count N PATTERN is right if so many files match.
func count(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: count n pattern")
	}
	files, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.Itoa(len(files)); got != args[0] {
		ts.Fatalf("%s files match %s, want %s: %q", got, args[1], args[0], files)
	}
}

// daemons are those that a script has started.
func daemons(ts *testscript.TestScript) map[string]*daemon {
	return ts.Value(daemonsKey{}).(map[string]*daemon)
}

type daemonsKey struct{}
