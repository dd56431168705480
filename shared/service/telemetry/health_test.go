package telemetry_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/service/telemetry"
)

func TestHealthAsksTheChecksOfItsKindInOrder(t *testing.T) {
	var h telemetry.Health
	down := errors.New("down")
	h.Register("one", func(context.Context) error { return nil }, telemetry.Ready)
	h.Register("two", func(context.Context) error { return down }, telemetry.Ready|telemetry.Live)
	h.Register("three", func(context.Context) error { return nil }, telemetry.Live)
	h.Register("four", func(context.Context) error { panic("oh") }, telemetry.Ready)
	names := func(kind telemetry.Kind) string {
		var names []string
		for _, r := range h.Run(t.Context(), kind) {
			if r.Err != nil {
				r.Name += "!"
			}
			names = append(names, r.Name)
		}
		return strings.Join(names, " ")
	}
	if got := names(telemetry.Ready); got != "one two! four!" {
		t.Errorf("ready: %s", got)
	}
	if got := names(telemetry.Live); got != "two! three" {
		t.Errorf("live: %s", got)
	}
	// After a panic the check is asked again.
	if err := h.Run(t.Context(), telemetry.Ready)[2].Err; err == nil || err.Error() != "panic: oh" {
		t.Errorf("error of the check that panics: %v", err)
	}
}

func TestHealthChecksRunTogetherUnderOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h telemetry.Health
		for _, name := range []string{"a", "b", "c"} {
			h.Register(name, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, telemetry.Live)
		}
		start := time.Now()
		results := h.Run(t.Context(), telemetry.Live)
		if waited := time.Since(start); waited != telemetry.CheckTimeout {
			t.Errorf("took %s, want %s", waited, telemetry.CheckTimeout)
		}
		for _, r := range results {
			if r.Err == nil {
				t.Errorf("%s passed", r.Name)
			}
		}
	})
}

func TestHealthCheckThatHangsFailsAndIsNotStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h telemetry.Health
		var started atomic.Int64
		release := make(chan struct{})
		h.Register("committer", func(context.Context) error { started.Add(1); <-release; return nil }, telemetry.Live)
		h.Register("fine", func(context.Context) error { return nil }, telemetry.Live)
		for range 5 {
			results := h.Run(t.Context(), telemetry.Live)
			if results[0].Err == nil || results[1].Err != nil {
				t.Errorf("results %v", results)
			}
		}
		if n := started.Load(); n != 1 {
			t.Errorf("started %d times, want once", n)
		}
		close(release)
		synctest.Wait()
		if err := h.Run(t.Context(), telemetry.Live)[0].Err; err != nil {
			t.Errorf("after it recovered: %v", err)
		}
	})
}

func TestHealthRequestsShareACheckThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h telemetry.Health
		h.Register("slow", func(context.Context) error { <-time.After(300 * time.Millisecond); return nil },
			telemetry.Ready)
		answers := make(chan error, 3)
		for range cap(answers) {
			go func() { answers <- h.Run(t.Context(), telemetry.Ready)[0].Err }()
		}
		for range cap(answers) {
			if err := <-answers; err != nil {
				t.Errorf("a healthy check failed because others asked too: %v", err)
			}
		}
	})
}
