package ingest

import (
	"sync"
	"time"

	"ordertally/activity"
	"ordertally/shared/broker"
)

// through remembers the latest moment of which all was counted. The zero value knows none.
type through struct {
	mu   sync.Mutex
	last time.Time
}

// at takes the ends of the partitions into account, as far as asOf has passed them.
func (t *through) at(ends map[int32]broker.End, asOf activity.AsOf) time.Time {
	var earliest time.Time
	passed := len(ends) > 0
	for partition, end := range ends {
		passed = passed && asOf.Next[partition].Offset >= end.Offset
		if earliest.IsZero() || end.At.Before(earliest) {
			earliest = end.At
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if passed && earliest.After(t.last) {
		t.last = earliest
	}
	return t.last
}
