//go:build !linux

package bench

import (
	"os/exec"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

func attributes() *syscall.SysProcAttr { return nil }

// attend starts the process.
func (d *daemon) attend(cmd *exec.Cmd, started chan<- error) { d.run(cmd, started) }

// cpuTime is how long the processors have worked for a process.
func cpuTime(pid int) (time.Duration, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return 0, err
	}
	t, err := p.Times()
	if err != nil {
		return 0, err
	}
	return time.Duration((t.User + t.System) * float64(time.Second)), nil
}

// memory is what a process holds in memory, in bytes. The most it ever had is not known everywhere, and is then 0.
func memory(pid int) (rss, peak int64, err error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return 0, 0, err
	}
	m, err := p.MemoryInfo()
	if err != nil {
		return 0, 0, err
	}
	return int64(m.RSS), int64(m.HWM), nil
}
