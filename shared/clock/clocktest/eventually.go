// Package clocktest waits in tests for what happens beside them.
package clocktest

import (
	"testing"
	"time"
)

const (
	// patience is how long Eventually waits: longer than anything takes on a busy machine.
	patience = time.Minute
	// The pauses between two looks grow from the first to the longest: what is quick is seen at once, and what is slow
	// is not asked for all the time.
	firstPause, longestPause = time.Millisecond, 10 * time.Millisecond
)

// Eventually looks again and again until ok is true. The test fails when that takes longer than a minute.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, patience, what, ok)
}

// Within is Eventually with a limit of its own: for a promise about time, or for what takes longer than a minute.
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
