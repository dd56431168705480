package outbox

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Backoff is exponential backoff with full jitter. The n-th wait is random between 0 and First times Factor^(n-1), at
// most Limit. The tags are those for refused messages.
type Backoff struct {
	// Longest wait before a refused message is tried again.
	First time.Duration `name:"first" default:"1s" range:"1ms..24h"`
	// Growth of that wait with each attempt.
	Factor float64 `name:"factor" default:"2" range:"1..100"`
	// What that wait grows to.
	Limit time.Duration `name:"limit" default:"5m0s" range:"1ms..24h"`
}

// Validate implements settings.Group.
func (b *Backoff) Validate(prefix string) error {
	if b.Limit < b.First {
		return fmt.Errorf("%slimit: %v is less than %[1]sfirst, %[3]v", prefix, b.Limit, b.First)
	}
	return nil
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
