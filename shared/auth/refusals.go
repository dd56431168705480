package auth

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Requests without a good credential are cheap to send and cost as much of the processor as small reads do. So beyond a
// burst each answer waits for its turn, at most for maxHold: whoever repeats them without a pause takes little time
// from callers who may ask.
const (
	refusalBurst = 500
	refusalRate  = 200 // a second
	maxHold      = 500 * time.Millisecond
)

// refusals paces the answers to requests without a good credential. The zero value is ready for use.
type refusals struct {
	once    sync.Once
	limiter *rate.Limiter
}

// hold waits until the next refusal may be told, at most for maxHold. It returns at once when ctx ends or stopping is
// closed.
func (p *refusals) hold(ctx context.Context, stopping <-chan struct{}) {
	p.once.Do(func() { p.limiter = rate.NewLimiter(refusalRate, refusalBurst) })
	turn := p.limiter.Reserve()
	wait := turn.Delay()
	if wait <= 0 {
		return
	}
	if wait > maxHold {
		turn.Cancel() // those behind it do not wait for one that waits no longer
		wait = maxHold
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-stopping:
	}
}
