//go:build !linux

package bench

import "time"

// pause rests for about d.
func pause(d time.Duration) { time.Sleep(d) }
