package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// A cluster is a process that runs nsqlab up.
type cluster struct {
	cmd *exec.Cmd
	out *bufio.Scanner
	err strings.Builder
}

type clusterKey struct{}

// aDaemon is a line of the table.
var aDaemon = regexp.MustCompile(`^(nsqd|nsqlookupd)-(\d+) +(\S+:\d+) +(\S+:\d+)$`)

// up ARGS… starts nsqlab up and waits until it has told all; stdout is that, and $nsqd_1_TCP, $nsqlookupd_2_HTTP and the like are where the daemons are.
func up(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! up")
	}
	c := &cluster{cmd: exec.Command(lookPath(ts, "nsqlab"), append([]string{"up"}, args...)...)}
	c.cmd.Dir, c.cmd.Stderr = ts.MkAbs("."), &c.err
	c.cmd.Env = append(os.Environ(), "TMPDIR="+ts.Getenv("TMPDIR"))
	out, err := c.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(c.cmd.Start())
	ts.Defer(func() { _ = c.cmd.Process.Kill() })
	c.out = bufio.NewScanner(out)
	for told := false; !told; {
		if !c.out.Scan() {
			ts.Fatalf("nsqlab up has ended: %v\n%s", c.cmd.Wait(), c.err.String())
		}
		line := c.out.Text()
		_, err := io.WriteString(ts.Stdout(), line+"\n")
		ts.Check(err)
		if m := aDaemon.FindStringSubmatch(line); m != nil {
			ts.Setenv(m[1]+"_"+m[2]+"_TCP", m[3])
			ts.Setenv(m[1]+"_"+m[2]+"_HTTP", m[4])
		}
		told = strings.HasPrefix(line, "^C ")
	}
	*ts.Value(clusterKey{}).(**cluster) = c
}

// interrupt sends SIGINT to what up has started, and waits for its end, which must be in order; stdout and stderr are what it said since.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	c := *ts.Value(clusterKey{}).(**cluster)
	if neg || len(args) > 0 || c == nil {
		ts.Fatalf("usage: up …, interrupt")
	}
	ts.Check(c.cmd.Process.Signal(os.Interrupt))
	for c.out.Scan() {
		_, err := io.WriteString(ts.Stdout(), c.out.Text()+"\n")
		ts.Check(err)
	}
	err := c.cmd.Wait()
	_, _ = io.WriteString(ts.Stderr(), c.err.String())
	ts.Check(err)
}

// seek TEXT GET|POST URL [BODY] asks until the answer has the text.
func seek(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: seek text GET|POST url [body]")
	}
	var body []byte
	for range 5000 {
		r, err := http.NewRequest(args[1], args[2], strings.NewReader(strings.Join(args[3:], " ")))
		ts.Check(err)
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		body, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		ts.Check(err)
		if strings.Contains(string(body), args[0]) {
			return
		}
	}
	ts.Fatalf("%s does not come to have %q: %s", args[2], args[0], body)
}

// gone wants nothing to be left in a folder.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gone folder")
	}
	left, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("%s has %v", args[0], left)
	}
}

// stopped CODE TEXT COMMAND… starts a command, sends it SIGINT once its standard error has the text, and wants an exit code. Its output is left in
// out.txt and err.txt.
func stopped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: stopped <code> <text> <command> [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var out, errs strings.Builder
	cmd := exec.Command(lookPath(ts, args[2]), args[3:]...)
	cmd.Dir, cmd.Stdout = ts.MkAbs("."), &out
	pipe, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	sent := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		errs.WriteString(lines.Text() + "\n")
		if !sent && strings.Contains(lines.Text(), args[1]) {
			sent = true
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
	_ = cmd.Wait() // its exit code is looked at
	ts.Check(os.WriteFile(ts.MkAbs("out.txt"), []byte(out.String()), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs("err.txt"), []byte(errs.String()), 0o666))
	if got := cmd.ProcessState.ExitCode(); got != want || !sent {
		ts.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args[2:], " "), got, want, &out, &errs)
	}
}
