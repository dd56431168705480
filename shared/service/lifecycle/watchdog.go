package lifecycle

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Watchdog knows since when a part has been in one step of its work. The zero value is of a part at rest. It is safe
// for concurrent use.
type Watchdog struct{ since atomic.Pointer[time.Time] }

// Step says that a step begins: the one before has ended.
func (w *Watchdog) Step() {
	now := time.Now() // with the monotonic clock: the other may be set
	w.since.Store(&now)
}

// Rest says that the last step has ended and that none follows for now.
func (w *Watchdog) Rest() { w.since.Store(nil) }

// Busy is how long the step under way has taken, 0 at rest.
func (w *Watchdog) Busy() time.Duration {
	since := w.since.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}

// StallAfter is how long a step of any part may take before the part counts as stalled: every step is bounded well
// below.
const StallAfter = time.Minute

// Check returns a liveness check: it fails once the part has been in one step for longer than after.
func (w *Watchdog) Check(part string, after time.Duration) func(context.Context) error {
	return func(context.Context) error {
		if busy := w.Busy(); busy > after {
			return fmt.Errorf("the %s has been in one step for %s and makes no progress: restart the service, and "+
				"keep its log", part, busy.Round(time.Second))
		}
		return nil
	}
}
