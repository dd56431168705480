package ingest

import (
	"sync"
	"time"
)

// through remembers until when all was counted. The zero value knows no such moment.
type through struct {
	mu   sync.Mutex
	last time.Time
}

func (t *through) reach(moment time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if moment.After(t.last) {
		t.last = moment
	}
}

func (t *through) moment() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}
