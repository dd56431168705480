package outbox

import "sync"

// queue holds the newest rows in memory, in slot order without gaps. The relay takes them without reading the database.
// The queue is bounded. A row that does not fit empties it, and the relay reads the dropped rows from the database. So
// an outage of a week needs no more memory than one of a second.
type queue struct {
	maxRows  int
	maxBytes int
	wake     chan struct{} // has a token when something may have changed

	mu    sync.Mutex
	rows  []row
	bytes int
	tail  uint64 // the newest committed slot
}

func newQueue(maxRows, maxBytes int) *queue {
	return &queue{maxRows: maxRows, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// push adds committed rows. Slots arrive in order.
func (q *queue) push(rows []row) {
	q.mu.Lock()
	for i := range rows {
		size := rows[i].size()
		if len(q.rows) == q.maxRows || q.bytes+size > q.maxBytes {
			q.drop()
		}
		q.rows = append(q.rows, rows[i])
		q.bytes += size
		q.tail = rows[i].slot
	}
	q.mu.Unlock()
	q.nudge()
}

// drop empties the queue. The caller holds q.mu.
func (q *queue) drop() {
	clear(q.rows)
	q.rows, q.bytes = q.rows[:0], 0
}

// nudge wakes the relay.
func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes and returns the rows that follow position, as many as fit the limits. If the queue does not have the
// next row, take returns none. The database must then be read up to first, the slot of the queue's first row. If the
// queue is empty, first is 0.
func (q *queue) take(position uint64, maxRows, maxBytes int) (rows []row, first uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(position)
	switch {
	case len(q.rows) == 0:
		return nil, 0
	case q.rows[0].slot != position+1:
		return nil, q.rows[0].slot
	}
	n, bytes := 0, 0
	for n < len(q.rows) && n < maxRows && (n == 0 || bytes+q.rows[n].size() <= maxBytes) {
		bytes += q.rows[n].size()
		n++
	}
	rows = append(rows, q.rows[:n]...)
	q.remove(n)
	return rows, 0
}

// following returns how many rows follow position, and their bytes. Both are 0 if the queue does not have the next row.
func (q *queue) following(position uint64) (rows, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(position)
	if len(q.rows) == 0 || q.rows[0].slot != position+1 {
		return 0, 0
	}
	return len(q.rows), q.bytes
}

// forget drops the rows up to position. The caller holds q.mu.
func (q *queue) forget(position uint64) {
	done := 0
	for done < len(q.rows) && q.rows[done].slot <= position {
		done++
	}
	q.remove(done)
}

// remove drops the first n rows. The caller holds q.mu.
func (q *queue) remove(n int) {
	for i := range n {
		q.bytes -= q.rows[i].size()
	}
	rest := copy(q.rows, q.rows[n:])
	clear(q.rows[rest:])
	q.rows = q.rows[:rest]
}

// lastSlot returns the newest committed slot.
func (q *queue) lastSlot() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.tail
}
