package live

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A parent starts processes that die with this one. The kernel tells them when the thread that started them ends, so
// it is one thread that starts all and lives until close.
type parent struct {
	starts chan func()
	ended  chan struct{}
	begin  sync.Once
	end    sync.Once
}

func newParent() *parent { return &parent{starts: make(chan func()), ended: make(chan struct{})} }

// start starts the command in a process group of its own, so that ^C does not reach it.
func (p *parent) start(cmd *exec.Cmd) error {
	p.begin.Do(func() { go p.live() })
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	select {
	case p.starts <- func() { started <- cmd.Start() }:
		return <-started
	case <-p.ended:
		return errors.New("the launcher is closed")
	}
}

func (p *parent) live() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	for {
		select {
		case start := <-p.starts:
			start()
		case <-p.ended:
			return
		}
	}
}

// close ends the thread, and with it the processes that still live.
func (p *parent) close() { p.end.Do(func() { close(p.ended) }) }

// awaitStop waits until a child of ours is stopped by a signal.
func awaitStop(ctx context.Context, pid int) error {
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
			return os.NewSyscallError("waitid", err)
		}
		if info.Signo != 0 {
			return nil
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}
