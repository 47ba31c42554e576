package main

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// tooLong is how long something may take that is to come at once.
const tooLong = 20 * time.Second

// seen waits until a file matches, and gives what it holds then; not ok if it never does.
func seen(file string, pattern *regexp.Regexp) (text string, ok bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(tooLong); ; {
		b, err := os.ReadFile(file)
		if err == nil && pattern.Match(b) {
			return string(b), true
		}
		select {
		case <-tick.C:
		case <-end:
			return string(b), false
		}
	}
}

// launchLogged starts nsqd in a folder with its log in a file, and waits until it listens. Its end must be waited for.
func launchLogged(folder, file string, args ...string) (*daemon, error) {
	d := &daemon{cmd: process(folder, append(args, "--log-file="+file)...), done: make(chan struct{})}
	d.cmd.Stderr = &d.log
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	close(d.done)
	text, _ := seen(file, regexp.MustCompile(`HTTP: listening on \S+\n`))
	for _, m := range listening.FindAllStringSubmatch(text, -1) {
		if m[1] == "TCP" {
			d.tcp = m[2]
		} else {
			d.http = m[2]
		}
	}
	return d, nil
}

// startlogged NAME FILE ARGS… is start for an nsqd whose log is in a file.
func startLogged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: startlogged name file args...")
	}
	d, err := launchLogged(ts.Getenv("WORK"), ts.MkAbs(args[1]), args[2:]...)
	ts.Check(err)
	ts.Defer(func() {
		_ = d.cmd.Process.Kill()
		_ = d.wait()
	})
	if d.http == "" {
		ts.Fatalf("nsqd did not start")
	}
	ts.Setenv(args[0]+"_TCP", d.tcp)
	ts.Setenv(args[0]+"_HTTP", d.http)
	daemons(ts)[args[0]] = d
}

// hangup NAME sends SIGHUP to a daemon that was started.
func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || daemons(ts)[args[0]] == nil {
		ts.Fatalf("usage: hangup name")
	}
	ts.Check(daemons(ts)[args[0]].cmd.Process.Signal(syscall.SIGHUP))
}

// await FILE PATTERN waits until a file matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await file pattern")
	}
	if text, ok := seen(ts.MkAbs(args[0]), regexp.MustCompile("(?m)"+strings.Join(args[1:], " "))); !ok {
		ts.Fatalf("%s never matched:\n%s", args[0], text)
	}
}
