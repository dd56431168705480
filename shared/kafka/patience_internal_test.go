package kafka

import (
	"testing"
	"time"
)

func TestPatience_GrowsWithFailuresInARow(t *testing.T) {
	var p patience
	for i, want := range []string{"3s", "3s", "3s", "6s", "6s", "6s", "12s", "12s", "12s", "12s", "12s"} {
		if got := p.wait().String(); got != want {
			t.Errorf("after %d failures it waits %s, want %s", i, got, want)
		}
		p.failed()
	}
	for range 9 { // the number of failures does not matter
		p.went()
	}
	if got := p.wait(); got != 3*time.Second {
		t.Errorf("after as many successes it waits %s", got)
	}
	p.went()
	p.failed()
	if got := p.failures.Load(); got != 1 {
		t.Errorf("a success without a failure before it counts: %d", got)
	}
}
