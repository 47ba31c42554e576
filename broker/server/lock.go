//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package server

import (
	"fmt"
	"os"
	"syscall"
)

// lockFolder takes the lock of a folder for a daemon, as nsqd does: on the folder itself, so that it leaves no file and goes with the process.
func lockFolder(path, daemon string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot flock directory %s - %w (possibly in use by another instance of %s)", path, err, daemon)
	}
	return f, nil
}
