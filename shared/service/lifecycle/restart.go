package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// What a Restarter allows: the wait before another start grows from first to limit, and repeats panics within window
// are one too many.
const (
	restartFirst  = 100 * time.Millisecond
	restartLimit  = 30 * time.Second
	restartWindow = 10 * time.Minute
	restartMany   = 3
)

// Restarter runs a part again when it panics. A panic in one message or one moment must not take the service away; one
// that comes back shows in Check. An error, as opposed to a panic, ends the part as ever. It is safe for concurrent
// use.
type Restarter struct {
	run     func(context.Context) error
	onPanic func(p *PanicError, wait time.Duration)

	mu     sync.Mutex
	panics []time.Time // within restartWindow, the oldest first
}

// NewRestarter returns a Restarter of run, which must be able to begin anew after a panic. onPanic is told of each
// panic, and how long the part rests before it begins again.
func NewRestarter(run func(context.Context) error, onPanic func(p *PanicError, wait time.Duration)) *Restarter {
	return &Restarter{run: run, onPanic: onPanic}
}

// Run has the form of a background part.
func (r *Restarter) Run(ctx context.Context) error {
	for {
		err := Guard(ctx, r.run)
		p, panicked := errors.AsType[*PanicError](err)
		if !panicked || ctx.Err() != nil {
			return err
		}
		n := r.note()
		bound := min(restartFirst<<min(n-1, 20), restartLimit)
		wait := bound/2 + rand.N(bound/2) //nolint:gosec // spreads restarts, guards nothing
		r.onPanic(p, wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// note adds a panic and returns how many there were within the window.
func (r *Restarter) note() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	r.panics = append(r.panics, time.Now())
	return len(r.panics)
}

// forget drops what is older than the window; r.mu is held.
func (r *Restarter) forget() {
	old := 0
	for old < len(r.panics) && time.Since(r.panics[old]) > restartWindow {
		old++
	}
	r.panics = r.panics[old:]
}

// Check is a liveness check: it fails while the part has panicked three times or more within the last ten minutes.
func (r *Restarter) Check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	if n := len(r.panics); n >= restartMany {
		return fmt.Errorf("panicked %d times within %s, and is started again each time: look at the log for the stacks",
			n, restartWindow)
	}
	return nil
}
