//go:build unix && !linux

package live

import (
	"context"
	"os/exec"
	"syscall"
)

// A parent starts processes. Here they live on when this one is killed.
type parent struct{}

func newParent() *parent { return &parent{} }

func (p *parent) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}

func (p *parent) close() {}

// awaitStop leaves it to the kernel when the process stops.
func awaitStop(context.Context, int) error { return nil }
