package outbox

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Backoff is exponential backoff with full jitter: the n-th wait is random between 0 and First times Factor^(n-1), at
// most Limit.
type Backoff struct {
	First  time.Duration
	Factor float64
	Limit  time.Duration
}

// wait returns the n-th wait, n counting from 1.
func (b Backoff) wait(n int) time.Duration {
	ceiling := min(float64(b.First)*math.Pow(b.Factor, float64(n-1)), float64(b.Limit))
	return time.Duration(rand.Float64() * ceiling) //nolint:gosec // jitter is no secret
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
