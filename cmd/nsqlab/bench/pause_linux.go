package bench

import (
	"syscall"
	"time"
)

// pause rests for about d, or shorter if a signal comes. The runtime's own timers can be a millisecond late, which would be
// measured as the server's.
func pause(d time.Duration) {
	rest := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&rest, nil)
}
