//go:build !windows

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyDrain has the signal come in that begins a drain.
func notifyDrain(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR1) }
