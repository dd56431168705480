package lifecycle_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/service/lifecycle"
)

func TestAPanicIsFollowedByAnotherStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts atomic.Int32
		var waits []time.Duration
		r := lifecycle.NewRestarter(func(ctx context.Context) error {
			if starts.Add(1) <= 3 {
				panic(errBroken)
			}
			<-ctx.Done()
			return nil
		}, func(p *lifecycle.PanicError, wait time.Duration) {
			if !errors.Is(p, errBroken) || len(p.Stack) == 0 {
				t.Errorf("told of %v", p)
			}
			waits = append(waits, wait)
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if err := r.Check(ctx); err != nil || starts.Load() < 2 {
			t.Errorf("after one panic: %d starts, %v", starts.Load(), err)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if err := r.Check(ctx); err == nil || starts.Load() != 4 {
			t.Errorf("after three panics: %d starts, %v", starts.Load(), err)
		}
		if len(waits) != 3 || waits[0] > 100*time.Millisecond || waits[2] < 200*time.Millisecond {
			t.Errorf("waited %v", waits)
		}
		<-time.After(11 * time.Minute)
		if err := r.Check(ctx); err != nil {
			t.Errorf("long after: %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAnErrorIsNotFollowedByAnotherStart(t *testing.T) {
	starts := 0
	r := lifecycle.NewRestarter(func(context.Context) error { starts++; return errBroken }, nil)
	if err := r.Run(t.Context()); !errors.Is(err, errBroken) || starts != 1 {
		t.Errorf("%d starts, %v", starts, err)
	}
}

func TestAWatchdogSeesAStepThatIsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w lifecycle.Watchdog
		check := w.Check("relay", lifecycle.StallAfter)
		for _, tc := range []struct {
			do   func()
			wait time.Duration
			want bool
		}{
			{func() {}, time.Hour, true}, {w.Step, 59 * time.Second, true}, {func() {}, 2 * time.Second, false},
			{w.Step, time.Second, true}, {w.Rest, time.Hour, true},
		} {
			tc.do()
			<-time.After(tc.wait)
			if err := check(t.Context()); (err == nil) != tc.want {
				t.Errorf("%v", err)
			}
		}
	})
}
