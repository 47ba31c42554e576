//go:build unix

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

const (
	program  = "github.com/nsqlab/nsqlab/cmd/nsqd"
	logLines = 20   // of a node's log in an error
	logBytes = 8192 // in which they are looked for
)

// processes launches every node as a process of this machine.
type processes struct {
	space  workspace
	binary func() (string, error) // builds it, the first time
	parent *parent
}

// Process launches nodes as processes that run binary, which takes nsqd's flags; "" builds nsqd once with the go command.
// They end when this process does, however it ends.
func Process(binary string) Launcher {
	p := &processes{parent: newParent()}
	p.binary = sync.OnceValues(func() (string, error) { return find(binary, &p.space) })
	return p
}

// find is the path of the program: binary, or one that it builds in the workspace.
func find(binary string, space *workspace) (string, error) {
	if binary == "" {
		folder, err := space.open()
		if err != nil {
			return "", err
		}
		return build(folder)
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// build makes nsqd in the folder. It must be called inside the module, or where the go command finds it otherwise.
func build(folder string) (string, error) {
	binary := filepath.Join(folder, "nsqd")
	cmd := exec.Command("go", "build", "-o", binary, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return binary, nil
}

// Close implements Launcher.
func (p *processes) Close() error {
	p.parent.close()
	return p.space.close()
}

func (p *processes) prepare(_ context.Context, s spec) (daemon, error) {
	binary, err := p.binary()
	if err != nil {
		return nil, err
	}
	folder, err := p.space.open()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp(folder, s.name+"-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(home, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	args := append([]string{"--tcp-address=" + address(s.tcp), "--http-address=" + address(s.http),
		"--data-path=" + data}, s.args...)
	return &process{binary: binary, args: args, home: home, parent: p.parent}, nil
}

// A process is a node, and the place of one that is down.
type process struct {
	binary string
	args   []string
	home   string // its data and its log
	parent *parent
	pid    int
	ended  chan struct{} // closed when the process has ended
}

func (p *process) logFile() string { return filepath.Join(p.home, "nsqd.log") }

func (p *process) start(context.Context) error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.home, log, log
	if err := p.parent.start(cmd); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.pid, p.ended = cmd.Process.Pid, ended
	go func() {
		defer close(ended)
		cmd.Wait() // a killed process's status says nothing
	}()
	return nil
}

func (p *process) alive(context.Context) bool {
	if p.ended == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends it to the node and what it may have started.
func (p *process) signal(s syscall.Signal) error {
	return os.NewSyscallError("kill", syscall.Kill(-p.pid, s))
}

func (p *process) kill(ctx context.Context) error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) pause(context.Context) error { return p.signal(syscall.SIGSTOP) }

func (p *process) resume(context.Context) error { return p.signal(syscall.SIGCONT) }

func (p *process) log(context.Context) string {
	f, err := os.Open(p.logFile())
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-logBytes), logBytes))
	return lastLines(string(text))
}

func (p *process) remove(ctx context.Context) error {
	var err error
	if p.alive(ctx) {
		err = p.kill(ctx)
	}
	return errors.Join(err, os.RemoveAll(p.home))
}

// lastLines is at most logLines of them.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
