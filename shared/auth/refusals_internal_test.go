package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusals_BeyondABurstArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paced refusals
		began := time.Now()
		for range refusalBurst {
			paced.hold(t.Context(), nil)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the burst was held for %s", took)
		}
		for range refusalRate {
			paced.hold(t.Context(), nil)
		}
		if took := time.Since(began); took < 990*time.Millisecond || took > 1010*time.Millisecond {
			t.Errorf("%d more took %s, want a second", refusalRate, took)
		}
	})
}

func TestRefusals_HoldNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paced refusals
		done := make(chan time.Duration)
		for range refusalBurst + 1000 {
			go func() {
				began := time.Now()
				paced.hold(t.Context(), nil)
				done <- time.Since(began)
			}()
		}
		for range refusalBurst + 1000 {
			if held := <-done; held > maxHold {
				t.Fatalf("held for %s, want at most %s", held, maxHold)
			}
		}
	})
}

func TestRefusals_EndWithTheRequestAndTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paced refusals
		for range refusalBurst {
			paced.hold(t.Context(), nil)
		}
		began := time.Now()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		paced.hold(gone, nil)
		stopping := make(chan struct{})
		close(stopping)
		paced.hold(t.Context(), stopping)
		if took := time.Since(began); took != 0 {
			t.Errorf("held for %s", took)
		}
	})
}
