package ingest

import (
	"sync/atomic"
	"time"
)

// progress knows when something moved last. The zero value is of an ingest that does not run yet.
type progress struct{ last atomic.Pointer[time.Time] }

func (p *progress) made() {
	now := time.Now() // with the monotonic clock: the other may be set
	p.last.Store(&now)
}

// still is for how long nothing has moved.
func (p *progress) still() time.Duration {
	last := p.last.Load()
	if last == nil {
		return 0
	}
	return time.Since(*last)
}
