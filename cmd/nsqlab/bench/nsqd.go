package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Server is an nsqd to be measured: a binary, of which each measurement starts its own process, or one that runs already.
type Server struct {
	Name    string   `json:"name"`
	Binary  string   `json:"binary,omitempty"` // empty: ours, built from this module
	Flags   []string `json:"flags,omitempty"`  // beside those it is started with
	Address string   `json:"address,omitempty"`
	HTTP    string   `json:"http,omitempty"` // the HTTP API of the one that runs, to delete the topics; empty: they stay
}

// program is the package of our nsqd.
const program = "github.com/nsqlab/nsqlab/cmd/nsqd"

func (s Server) validate() error {
	switch {
	case s.Address == "" && s.HTTP != "":
		return fmt.Errorf("%s: an HTTP address, but no address of a server that runs", s.Name)
	case s.Address != "" && (s.Binary != "" || len(s.Flags) > 0):
		return fmt.Errorf("%s: a server that runs already takes no binary and no flags", s.Name)
	case s.Address != "":
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	case s.Binary != "":
		if _, err := exec.LookPath(s.Binary); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// built is s with the path of its binary, which is built in the folder if none is named.
func (s Server) built(ctx context.Context, folder string) (Server, error) {
	if s.Address != "" {
		return s, nil
	}
	if s.Binary != "" {
		path, err := exec.LookPath(s.Binary)
		if err == nil {
			s.Binary, err = filepath.Abs(path)
		}
		return s, err
	}
	s.Binary = filepath.Join(folder, "nsqd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.Binary, program).CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		return s, fmt.Errorf("cannot build %s: %w\n%sName a binary, or work in the module", program, err, out)
	}
	return s, nil
}

// A daemon is a server that runs.
type daemon struct {
	address, http string
	server        Server
	pid           int // 0: not ours

	folder  string
	process *os.Process
	ended   chan struct{} // closed when it has
	state   string        // how it ended; read after ended
}

// startTime is how long a server may take until it takes a connection.
const startTime = 15 * time.Second

// start starts a process in a folder of its own, and waits until it takes a connection. The flags are the workload's.
func (s Server) start(ctx context.Context, folder string, flags []string) (*daemon, error) {
	if s.Address != "" {
		return &daemon{address: s.Address, http: s.HTTP, server: s}, nil
	}
	home, err := os.MkdirTemp(folder, "run-")
	if err != nil {
		return nil, err
	}
	d := &daemon{server: s, folder: home, ended: make(chan struct{})}
	if err := d.launch(flags); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	if err := d.ready(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// launch starts the process.
func (d *daemon) launch(flags []string) (err error) {
	if d.address, err = freeAddress(); err != nil {
		return err
	}
	if d.http, err = freeAddress(); err != nil {
		return err
	}
	data := filepath.Join(d.folder, "data")
	if err := os.Mkdir(data, 0o777); err != nil {
		return err
	}
	log, err := os.Create(d.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"--tcp-address=" + d.address, "--http-address=" + d.http, "--data-path=" + data}
	cmd := exec.Command(d.server.Binary, slices.Concat(args, flags, d.server.Flags)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = d.folder, log, log, attributes()
	started := make(chan error)
	go d.attend(cmd, started)
	return <-started
}

// run starts the process and waits for its end.
func (d *daemon) run(cmd *exec.Cmd, started chan<- error) {
	err := cmd.Start()
	if err == nil {
		d.process, d.pid = cmd.Process, cmd.Process.Pid
	}
	started <- err
	if err == nil {
		_ = cmd.Wait() // the state tells how it ended
		d.state = cmd.ProcessState.String()
		close(d.ended)
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits until the server takes a connection.
func (d *daemon) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("%s took no connection within %s", d.server.Binary, startTime))
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := net.Dial("tcp", d.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-d.ended:
			return d.explain(ctx, fmt.Errorf("%s did not start", d.server.Binary))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// stop ends the process, if it is ours, and removes what it wrote.
func (d *daemon) stop() error {
	if d.folder == "" {
		return nil
	}
	_ = d.process.Kill() // it may have ended
	<-d.ended
	return os.RemoveAll(d.folder)
}

// dying is how long a connection can be broken before it is known that the server has ended.
const dying = 100 * time.Millisecond

// explain adds to an error that the server has ended, and what it said.
func (d *daemon) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil || d.folder == "" {
		return errors.Join(ctx.Err(), err)
	}
	select {
	case <-d.ended:
	case <-time.After(dying):
		return err
	}
	flags := ""
	if len(d.server.Flags) > 0 {
		flags = " with " + strings.Join(d.server.Flags, " ")
	}
	return fmt.Errorf("%w: it was started%s and ended by itself: %s: %s", err, flags, d.state, d.lastWords())
}

func (d *daemon) logFile() string { return filepath.Join(d.folder, "log") }

// lastWords is what the server said of a flag it does not know, else the last line it wrote.
func (d *daemon) lastWords() string {
	f, err := os.Open(d.logFile())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	last := "it said nothing"
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.Contains(line, "flag provided but not defined") {
			return line
		}
		if line != "" {
			last = line
		}
	}
	return last
}

// forget deletes topics, if the server outlives the measurement and its HTTP API is known.
func (d *daemon) forget(ctx context.Context, topics []string) error {
	if d.server.HTTP == "" {
		return nil
	}
	for _, t := range topics {
		to := url.URL{Scheme: "http", Host: d.http, Path: "/topic/delete", RawQuery: url.Values{"topic": {t}}.Encode()}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNotFound {
			return fmt.Errorf("delete topic %s: %s", t, res.Status)
		}
	}
	return nil
}
