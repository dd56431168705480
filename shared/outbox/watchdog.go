package outbox

import (
	"sync/atomic"
	"time"
)

// watchdog knows since when its owner has been in one step. It is safe for concurrent use.
type watchdog struct {
	origin time.Time    // times are counted from here: the wall clock may be set
	since  atomic.Int64 // nanoseconds after origin, -1 at rest
}

func newWatchdog() *watchdog {
	w := &watchdog{origin: time.Now()}
	w.rest()
	return w
}

// step says that a step begins: the one before has ended.
func (w *watchdog) step() { w.since.Store(int64(time.Since(w.origin))) }

// rest says that the last step has ended and that none follows for now.
func (w *watchdog) rest() { w.since.Store(-1) }

// busy is how long the step under way has taken, 0 at rest.
func (w *watchdog) busy() time.Duration {
	since := w.since.Load()
	if since < 0 {
		return 0
	}
	return time.Since(w.origin) - time.Duration(since)
}
