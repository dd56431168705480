package lifecycle

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Watchdog knows how long a part has been in one step of its work. The zero value is a part at rest. It is safe for
// concurrent use.
type Watchdog struct{ since atomic.Pointer[time.Time] }

// Step says that the previous step has ended and the next begins.
func (w *Watchdog) Step() {
	now := time.Now() // uses the monotonic clock, because the wall clock may be set
	w.since.Store(&now)
}

// Rest says that the last step has ended and no other follows for now.
func (w *Watchdog) Rest() { w.since.Store(nil) }

// Busy returns how long the current step has taken, or 0 at rest.
func (w *Watchdog) Busy() time.Duration {
	since := w.since.Load()
	if since == nil {
		return 0
	}
	return time.Since(*since)
}

// StallAfter is how long any step may take before its part counts as stalled. Every step is bounded well below that.
const StallAfter = time.Minute

// Check returns a liveness check. It fails while the part has been in one step for longer than after.
func (w *Watchdog) Check(part string, after time.Duration) func(context.Context) error {
	return func(context.Context) error {
		if busy := w.Busy(); busy > after {
			return fmt.Errorf("the %s has been in one step for %s and makes no progress: restart the service, and "+
				"keep its log", part, busy.Round(time.Second))
		}
		return nil
	}
}
