package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		word string
		want float64
	}{{"10x", 10}, {"1x", 1}, {"0.5x", 0.5}, {"10", 0}, {"x", 0}, {"0x", 0}, {"-1x", 0}, {"NaNx", 0}, {"Infx", 0}, {"1e9x", 0}} {
		if got, err := readPace(c.word); got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("--pace=%s: %g, %v", c.word, got, err)
		}
	}
}

// TestPacer: virtual time waits for time, never time for virtual time, and neither for who has gone.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &pacer{pace: 4, began: time.Now()}
		after := func(at, want time.Duration) {
			t.Helper()
			if p.wait(ctx, at); time.Since(p.began) != want {
				t.Errorf("%v of virtual time were reached after %v, want %v", at, time.Since(p.began), want)
			}
		}
		after(100*time.Millisecond, 25*time.Millisecond)
		after(4*time.Second, time.Second)
		time.Sleep(time.Minute)
		after(8*time.Second, 61*time.Second)
		time.AfterFunc(time.Second, cancel)
		after(time.Hour, 62*time.Second)
	})
}
