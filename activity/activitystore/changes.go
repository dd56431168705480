package activitystore

import (
	"sync"

	"ordertally/activity"
)

// maxChanged bounds the quarter hours that changes tells apart.
const maxChanged = 1 << 15

// changes knows in which transaction the bins of a span changed last. It begins when the file is opened: bins that have
// not changed since count as changed in transaction 0. It is safe for concurrent use.
//
// A change is noted before its transaction commits. So a reader that sees transaction n finds all changes up to n here,
// and perhaps later ones, which it does not see. If a transaction is rolled back, the change that was noted is none.
// That costs time and is never wrong.
type changes struct {
	mu       sync.Mutex
	all      int // the transaction in which every bin may have changed
	days     map[activity.Quarter]int
	quarters map[activity.Quarter]int
}

func newChanges() *changes {
	return &changes{days: make(map[activity.Quarter]int), quarters: make(map[activity.Quarter]int)}
}

// note notes that a transaction changes the bins of some quarter hours.
func (c *changes) note(tx int, quarters []activity.Quarter) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range quarters {
		c.days[q-q%perDay], c.quarters[q] = tx, tx
	}
	if len(c.quarters) > maxChanged {
		c.forget(tx)
	}
}

// noteAll notes that a transaction may change every bin.
func (c *changes) noteAll(tx int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(tx)
}

func (c *changes) forget(tx int) {
	c.all = tx
	clear(c.days)
	clear(c.quarters)
}

// last returns the transaction in which a bin of the spans changed last.
func (c *changes) last(spans ...activity.Span) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.all
	for _, span := range spans {
		last = max(last, c.lastOf(span))
	}
	return last
}

func (c *changes) lastOf(span activity.Span) int {
	last := c.all
	from := max(span.From, 0)
	for day := from - from%perDay; day < span.To; day += perDay {
		changed := c.days[day]
		switch {
		case changed <= last:
		case span.From <= day && day+perDay <= span.To:
			last = changed
		default:
			for q := max(day, from); q < min(day+perDay, span.To); q++ {
				last = max(last, c.quarters[q])
			}
		}
	}
	return last
}

// hottest returns which of the spans changed last, and the transaction in which one of the others did.
func (c *changes) hottest(spans []activity.Span) (hot, others int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	others = c.all
	newest := -1
	for i, span := range spans {
		switch changed := c.lastOf(span); {
		case newest < 0:
			hot, newest = i, changed
		case changed >= newest:
			others = max(others, newest)
			hot, newest = i, changed
		default:
			others = max(others, changed)
		}
	}
	return hot, others
}
