package kafka

import (
	"sync/atomic"
	"time"
)

// A broker that was stopped, or whose network is gone, takes requests and never answers. patience is how long a session
// waits for an answer before it takes the broker for dead: briefly at first, so that publishing follows a cluster whose
// leader has moved, and longer when session after session fails, so that a slow broker is not given up for ever. A
// cluster itself takes 9 s by default.
type patience struct {
	failures atomic.Int32 // of sessions and transactions, less what went well since
}

// wait is the time for one answer.
func (p *patience) wait() time.Duration {
	switch failures := p.failures.Load(); {
	case failures < 3:
		return 3 * time.Second
	case failures < 6:
		return 6 * time.Second
	default:
		return 12 * time.Second
	}
}

// failed notes an outage.
func (p *patience) failed() {
	for {
		before := p.failures.Load()
		if before >= 9 || p.failures.CompareAndSwap(before, before+1) {
			return
		}
	}
}

// went notes a transaction that went well.
func (p *patience) went() {
	for {
		before := p.failures.Load()
		if before == 0 || p.failures.CompareAndSwap(before, before-1) {
			return
		}
	}
}
