package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The paces that can be asked for.
const (
	minPace = 1e-3
	maxPace = 1e6
)

// readPace reads how many times as fast as time virtual time may go: "10x", "0.5x".
func readPace(word string) (float64, error) {
	number, ok := strings.CutSuffix(word, "x")
	pace, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(pace >= minPace && pace <= maxPace) {
		return 0, fmt.Errorf("--pace=%s: want how many times as fast as time, such as 10x or 0.5x, %gx to %gx", word, minPace, maxPace)
	}
	return pace, nil
}

// A pacer holds virtual time back.
type pacer struct {
	pace  float64
	began time.Time
}

// wait returns when a virtual time may be reached, or when ctx is done.
func (p *pacer) wait(ctx context.Context, at time.Duration) {
	ahead := time.Duration(float64(at)/p.pace) - time.Since(p.began)
	if ahead <= 0 {
		return
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
