package web

import (
	"testing"
	"time"
)

// TestPatience_CountsOnlyTheTimeThatTheClientTakes drives the deadline of a stream through reads.
func TestPatience_CountsOnlyTheTimeThatTheClientTakes(t *testing.T) {
	now := time.Unix(1000, 0)
	var until time.Time
	sets := 0
	p := newPatience(16*time.Second, func(at time.Time) error { until = at; sets++; return nil })
	read := func(took time.Duration, bytes int) {
		p.begin(now)
		now = now.Add(took)
		p.end(took, bytes)
	}
	left := func() time.Duration { p.begin(now); return until.Sub(now) }
	read(10*time.Second, 0)
	if got := left(); got != 6*time.Second {
		t.Errorf("after 10 s without a byte %v are left", got)
	}
	read(0, 4*leastRate)
	if got := left(); got != 10*time.Second {
		t.Errorf("after what takes 4 s at the least rate %v are left", got)
	}
	read(time.Second, 100*leastRate)
	if got := left(); got != 16*time.Second {
		t.Errorf("after much at once %v are left, want no more than at first", got)
	}
	now = now.Add(time.Hour) // nobody reads: the service is behind
	if got := left(); got != 16*time.Second {
		t.Errorf("after an hour without a read %v are left", got)
	}
	before := sets
	for range 100 {
		read(time.Millisecond, 128)
	}
	if sets != before {
		t.Errorf("the deadline was set %d times for reads that take no time", sets-before)
	}
	read(20*time.Second, 0)
	if got := left(); got > 0 {
		t.Errorf("after too long %v are left", got)
	}
}
