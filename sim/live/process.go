//go:build unix

package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/nsqlab/nsqlab/sim"
)

// processes launches every node as a process of this machine.
type processes struct {
	space  workspace
	binary map[sim.Kind]func() (string, error) // builds it, the first time
	parent *parent
}

// Process launches nodes as processes: of brokers they run binary, which takes nsqd's flags. What is not given, "", and
// nsqlookupd are built once with the go command. They end when this process does, however it ends.
func Process(binary string) Launcher {
	p := &processes{parent: newParent()}
	p.binary = map[sim.Kind]func() (string, error){
		sim.Broker:  sync.OnceValues(func() (string, error) { return find(binary, sim.Broker, &p.space) }),
		sim.Lookupd: sync.OnceValues(func() (string, error) { return find("", sim.Lookupd, &p.space) }),
	}
	return p
}

// find is the path of the program: binary, or one that it builds in the workspace.
func find(binary string, kind sim.Kind, space *workspace) (string, error) {
	if binary == "" {
		folder, err := space.open()
		if err != nil {
			return "", err
		}
		return build(folder, programs[kind])
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// build makes a program in the folder. It must be called inside the module, or where the go command finds it otherwise.
func build(folder, program string) (string, error) {
	name := path.Base(program)
	binary := filepath.Join(folder, name)
	cmd := exec.Command("go", "build", "-o", binary, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s cannot be built here (%w); run in the checkout of nsqlab, or name an nsqd with --nsqd=PATH\n%s", name, err, out)
	}
	return binary, nil
}

// Close implements Launcher.
func (p *processes) Close() error {
	p.parent.close()
	return p.space.close()
}

func (p *processes) host(context.Context) (string, error) { return loopback, nil }

func (p *processes) prepare(_ context.Context, s spec) (daemon, error) {
	binary, err := p.binary[s.kind]()
	if err != nil {
		return nil, err
	}
	h, err := newHome(&p.space, s.name)
	if err != nil {
		return nil, err
	}
	return &process{own: binary, binary: binary, args: s.ownFlags(h.data()), home: h, parent: p.parent}, nil
}

// A process is a node, and the place of one that is down.
type process struct {
	own    string // the launcher's program
	binary string // what it is started as
	args   []string
	home   home
	parent *parent
	pid    int
	ended  chan struct{} // closed when the process has ended
}

func (p *process) configure(_ context.Context, s spec, binary string) error {
	path := p.own
	if binary != "" {
		var err error
		if path, err = find(binary, s.kind, nil); err != nil {
			return err
		}
	}
	p.binary, p.args = path, s.ownFlags(p.home.data())
	return nil
}

func (p *process) start(context.Context) error {
	log, err := p.home.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = string(p.home), log, log
	if err := p.parent.start(cmd); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.pid, p.ended = cmd.Process.Pid, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended stands in its log, or we know
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

func (p *process) kill(ctx context.Context) error { return p.end(ctx, syscall.SIGKILL) }

func (p *process) stop(ctx context.Context) error { return p.end(ctx, syscall.SIGTERM) }

// end sends the signal and returns when the node has ended.
func (p *process) end(ctx context.Context, s syscall.Signal) error {
	if err := p.signal(s); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause returns when every thread has stopped, which on a busy machine is not at once.
func (p *process) pause(ctx context.Context) error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStop(ctx, p.pid)
}

func (p *process) resume(context.Context) error { return p.signal(syscall.SIGCONT) }

func (p *process) log(context.Context) string { return p.home.log() }

func (p *process) remove(ctx context.Context) error {
	var err error
	if p.alive(ctx) {
		err = p.kill(ctx)
	}
	return errors.Join(err, p.home.remove())
}
