package auth

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A request without a valid credential is cheap to send but costs as much processor time as a small read. So beyond a
// burst each refusal waits for its turn, for maxHold at most. Then clients that repeat such requests without a pause
// take little time from the others.
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

// hold waits until the refusal may be sent, for maxHold at most. It returns early when ctx ends or stopping is closed.
func (p *refusals) hold(ctx context.Context, stopping <-chan struct{}) {
	p.once.Do(func() { p.limiter = rate.NewLimiter(refusalRate, refusalBurst) })
	turn := p.limiter.Reserve()
	wait := turn.Delay()
	if wait <= 0 {
		return
	}
	if wait > maxHold {
		turn.Cancel() // the refusals behind it need not wait for this one
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
