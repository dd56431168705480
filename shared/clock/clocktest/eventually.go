// Package clocktest helps tests to wait for what happens in other goroutines and processes.
package clocktest

import (
	"testing"
	"time"
)

const (
	// patience is how long Eventually waits, longer than anything takes on a busy machine.
	patience = time.Minute
	// The pause between two checks grows from the first to the longest. So a quick result is seen at once, and a slow
	// one is not checked all the time.
	firstPause, longestPause = time.Millisecond, 10 * time.Millisecond
)

// Eventually calls ok until it returns true. The test fails if that takes longer than a minute.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, patience, what, ok)
}

// Within is Eventually with another limit. It is for promises about time and for what takes longer than a minute.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for pause := firstPause; !ok(); pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause):
		case <-deadline.C:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
