package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// The limits of a Restarter. The wait before a restart grows from restartFirst to restartLimit. Check fails once there
// were restartMany panics within restartWindow.
const (
	restartFirst  = 100 * time.Millisecond
	restartLimit  = 30 * time.Second
	restartWindow = 10 * time.Minute
	restartMany   = 3
)

// Restarter restarts a part that panics. A panic over one message or at one moment must not end the service. Repeated
// panics show in Check. An error, unlike a panic, ends the part as usual. Restarter is safe for concurrent use.
type Restarter struct {
	run     func(context.Context) error
	onPanic func(p *PanicError, wait time.Duration)

	mu     sync.Mutex
	panics []time.Time // within restartWindow, oldest first
}

// NewRestarter returns a Restarter of run. run must be able to start again after a panic. onPanic is told of each
// panic, and how long the part waits before it restarts.
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

// forget drops what is older than the window. The caller holds r.mu.
func (r *Restarter) forget() {
	old := 0
	for old < len(r.panics) && time.Since(r.panics[old]) > restartWindow {
		old++
	}
	r.panics = r.panics[old:]
}

// Check is a liveness check. It fails while the part has panicked three times or more within the last ten minutes.
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
