package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsqlab/nsqlab/broker/server"
	"github.com/nsqlab/nsqlab/broker/wire"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"nsqlookupd": main}) }

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/nsqlookupd_*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[daemonsKey{}] = map[string]*process{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":    start,
			"end":      end,
			"hangup":   hangUp,
			"register": register,
			"fetch":    fetch,
			"await":    await,
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
		{"--tombstone-lifetime=soon", 2},
		{"--config=/no/such/file", 1},
		{"--tcp-address=127.0.0.1:0 --http-address=127.0.0.1:0 --inactive-producer-timeout=0", 1},
		{"--tcp-address=127.0.0.1:0 --http-address=127.0.0.1:0 --data-path=/no/such/folder", 1},
	} {
		if got := run(strings.Fields(c.args), io.Discard, io.Discard); got != c.want {
			t.Errorf("nsqlookupd %s: exit %d, want %d", c.args, got, c.want)
		}
	}
}

// Every flag stands in the help, and in one place.
func TestHelpNamesEveryFlag(t *testing.T) {
	cfg := server.DefaultLookupdConfig()
	c := newCommand(&cfg)
	var told, declared []string
	for _, g := range c.Groups {
		told = append(told, g.Flags...)
	}
	c.FlagSet().VisitAll(func(f *flag.Flag) { declared = append(declared, f.Name) })
	slices.Sort(told)
	if !slices.Equal(told, declared) {
		t.Errorf("the help tells of %v, declared are %v", told, declared)
	}
}

// upstreamFlags are the flags of upstream's nsqlookupd with their defaults; * is that of the host.
const upstreamFlags = `
version=false config= log-level=info log-prefix=[nsqlookupd]_ verbose=false tcp-address=0.0.0.0:4160 http-address=0.0.0.0:4161
broadcast-address=* inactive-producer-timeout=5m0s tombstone-lifetime=45s`

// Every flag of upstream is there, with its default.
func TestUpstreamFlags(t *testing.T) {
	cfg := server.DefaultLookupdConfig()
	fs := newCommand(&cfg).FlagSet()
	for _, word := range strings.Fields(upstreamFlags) {
		name, want, _ := strings.Cut(word, "=")
		f := fs.Lookup(name)
		if f == nil {
			t.Errorf("--%s is not there", name)
			continue
		}
		if want = strings.ReplaceAll(want, "_", " "); want != "*" && f.DefValue != want {
			t.Errorf("--%s is %q by default, want %q", name, f.DefValue, want)
		}
	}
}

// A process runs nsqlookupd.
type process struct {
	cmd       *exec.Cmd
	tcp, http string // where it listens
	log       strings.Builder
	done      chan struct{} // closed when log is complete
	conns     []net.Conn    // of nsqds, which are there until the script ends
}

var listening = regexp.MustCompile(`(TCP|HTTP): listening on (\S+)`)

// start NAME ARGS… starts nsqlookupd and waits until it listens; then $NAME_TCP and $NAME_HTTP are where.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start name args...")
	}
	p, err := launch(ts.Getenv("WORK"), args[1:]...)
	ts.Check(err)
	ts.Defer(func() {
		for _, conn := range p.conns {
			_ = conn.Close()
		}
		_ = p.cmd.Process.Kill()
		_ = p.wait()
	})
	ts.Setenv(args[0]+"_TCP", p.tcp)
	ts.Setenv(args[0]+"_HTTP", p.http)
	processes(ts)[args[0]] = p
}

// launch starts nsqlookupd in a folder and waits until it listens. Its end must be waited for.
func launch(folder string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command("nsqlookupd", args...), done: make(chan struct{})}
	p.cmd.Dir = folder
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	for p.http == "" && lines.Scan() {
		p.log.WriteString(lines.Text() + "\n")
		if m := listening.FindStringSubmatch(lines.Text()); m != nil && m[1] == "TCP" {
			p.tcp = m[2]
		} else if m != nil {
			p.http = m[2]
		}
	}
	if p.http == "" {
		return nil, fmt.Errorf("nsqlookupd did not start: %w\n%s", errors.Join(p.cmd.Wait(), lines.Err()), p.log.String())
	}
	go func() {
		defer close(p.done)
		for lines.Scan() {
			p.log.WriteString(lines.Text() + "\n")
		}
	}()
	return p, nil
}

// wait waits for the end of the process.
func (p *process) wait() error {
	<-p.done
	return p.cmd.Wait()
}

// end SIGNAL NAME sends a signal to an nsqlookupd that was started, and waits for its end; stderr is then its log. With ! it must fail.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || processes(ts)[args[1]] == nil {
		ts.Fatalf("usage: end TERM|INT|KILL name")
	}
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	p := processes(ts)[args[1]]
	ts.Check(p.cmd.Process.Signal(signals[args[0]]))
	err := p.wait()
	_, _ = io.WriteString(ts.Stderr(), p.log.String())
	if failed := err != nil; failed != neg {
		ts.Fatalf("nsqlookupd ended with %v", err)
	}
}

// hangup NAME sends SIGHUP to an nsqlookupd that was started.
func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || processes(ts)[args[0]] == nil {
		ts.Fatalf("usage: hangup name")
	}
	ts.Check(processes(ts)[args[0]].cmd.Process.Signal(syscall.SIGHUP))
}

// register NAME HOST TOPIC CHANNEL has an nsqd of that host register with an nsqlookupd that was started, and stay connected.
func register(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 || processes(ts)[args[0]] == nil {
		ts.Fatalf("usage: register name host topic channel")
	}
	p := processes(ts)[args[0]]
	conn, err := net.Dial("tcp", p.tcp)
	ts.Check(err)
	p.conns = append(p.conns, conn)
	body := fmt.Sprintf(`{"broadcast_address":%q,"tcp_port":4150,"http_port":4151,"version":"1.3.0"}`, args[1])
	said := wire.AppendBody([]byte(wire.MagicV1+"IDENTIFY\n"), []byte(body))
	_, err = conn.Write(fmt.Appendf(said, "REGISTER %s %s\n", args[2], args[3]))
	ts.Check(err)
	for range 2 {
		var size [4]byte
		_, err = io.ReadFull(conn, size[:])
		ts.Check(err)
		answer := make([]byte, binary.BigEndian.Uint32(size[:]))
		_, err = io.ReadFull(conn, answer)
		ts.Check(err)
		ts.Logf("%s", answer)
	}
}

// fetch GET|POST URL prints the body of an answer; with ! the status must not be 200.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: fetch GET|POST url")
	}
	r, err := http.NewRequest(args[0], args[1], nil)
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

// tooLong is how long something may take that is to come at once.
const tooLong = 20 * time.Second

// await FILE PATTERN waits until a file matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await file pattern")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(tooLong); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && pattern.Match(text) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("%s never matched:\n%s", args[0], text)
		}
	}
}

// processes are those that a script has started.
func processes(ts *testscript.TestScript) map[string]*process {
	return ts.Value(daemonsKey{}).(map[string]*process)
}

type daemonsKey struct{}
