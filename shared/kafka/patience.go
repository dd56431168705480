package kafka

import (
	"sync/atomic"
	"time"
)

// patience is how long a session waits for an answer before it takes the broker for dead. A broker that was stopped, or
// whose network is gone, takes requests and never answers. The wait is short at first, so that publishing follows a
// leader that has moved. It grows while sessions fail, so that a slow broker gets its chance. A cluster itself takes 9
// s by default.
type patience struct {
	failures atomic.Int32 // of sessions and transactions, minus successes since
}

// shortestWait is the first wait.
const shortestWait = 3 * time.Second

// wait returns the time for one answer.
func (p *patience) wait() time.Duration {
	switch failures := p.failures.Load(); {
	case failures < 3:
		return shortestWait
	case failures < 6:
		return 2 * shortestWait
	default:
		return 4 * shortestWait
	}
}

// failed counts an outage.
func (p *patience) failed() {
	for {
		before := p.failures.Load()
		if before >= 9 || p.failures.CompareAndSwap(before, before+1) {
			return
		}
	}
}

// went counts a transaction that succeeded.
func (p *patience) went() {
	for {
		before := p.failures.Load()
		if before == 0 || p.failures.CompareAndSwap(before, before-1) {
			return
		}
	}
}
