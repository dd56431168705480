package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/service/lifecycle"
)

var errBroken = errors.New("broken")

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestGroupFirstFailureIsKnown(t *testing.T) {
	g := lifecycle.NewGroup()
	if g.Err() != nil {
		t.Fatalf("Err of a new group: %v", g.Err())
	}
	g.Go("steady", untilDone)
	g.Go("done", func(context.Context) error { return nil })
	g.Go("relay", func(context.Context) error { return errBroken })
	<-g.Failed()
	if err := g.Err(); !errors.Is(err, errBroken) || err.Error() != "relay: broken" {
		t.Errorf("Err() = %v", err)
	}
	if err := g.Stop(t.Context()); err == nil || err.Error() != "relay: broken" {
		t.Errorf("Stop() = %v, want only the relay's error", err)
	}
}

func TestGroupStopJoinsErrorsByName(t *testing.T) {
	g := lifecycle.NewGroup()
	for _, name := range []string{"a", "b"} {
		g.Go(name, func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("last write: %w", errBroken)
		})
	}
	err := g.Stop(t.Context())
	if want := "a: last write: broken\nb: last write: broken"; err == nil || err.Error() != want {
		t.Errorf("Stop() = %v, want %q", err, want)
	}
	if again := g.Stop(t.Context()); again == nil || again.Error() != err.Error() {
		t.Errorf("second Stop() = %v, want the same", again)
	}
	if g.Err() == nil {
		t.Error("Err() is nil after failures during Stop")
	}
}

func TestGroupCancellationIsACleanEndOnlyWhenAsked(t *testing.T) {
	tests := map[string]struct {
		run  func(context.Context) error
		want string
	}{
		"bare":    {untilDone, ""},
		"wrapped": {func(ctx context.Context) error { return fmt.Errorf("poll: %w", untilDone(ctx)) }, ""},
		"joined to error": {func(ctx context.Context) error { return errors.Join(untilDone(ctx), errBroken) },
			"part: context canceled\nbroken"},
		"both wrapped": {func(ctx context.Context) error { return fmt.Errorf("%w: %w", errBroken, untilDone(ctx)) },
			"part: broken: context canceled"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := lifecycle.NewGroup()
			g.Go("part", tc.run)
			err := g.Stop(t.Context())
			if got := fmt.Sprint(err); (err == nil) != (tc.want == "") || err != nil && got != tc.want {
				t.Errorf("Stop() = %q, want %q", got, tc.want)
			}
		})
	}
	t.Run("unasked", func(t *testing.T) {
		g := lifecycle.NewGroup()
		g.Go("part", func(context.Context) error { return context.Canceled })
		<-g.Failed()
		if err := g.Stop(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("Stop() = %v, want the part's own context.Canceled", err)
		}
	})
}

func TestGroupPanicAndGoexitAreErrors(t *testing.T) {
	g := lifecycle.NewGroup()
	g.Go("panics", func(context.Context) error { panic(errBroken) })
	g.Go("exits", func(context.Context) error { runtime.Goexit(); return nil })
	<-g.Failed()
	err := g.Stop(t.Context())
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "exits: ended by runtime.Goexit") {
		t.Errorf("Stop() = %v", err)
	}
	if p, ok := errors.AsType[*lifecycle.PanicError](err); !ok || !strings.Contains(string(p.Stack), "group_test.go") {
		t.Errorf("no stack of the panic in %v", err)
	}
}

func TestGroupStopNamesWhatStillRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lifecycle.NewGroup()
		release := make(chan struct{})
		g.Go("quick", untilDone)
		g.Go("stuck", func(context.Context) error { <-release; return errBroken })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := g.Stop(ctx)
		if want := "still running: stuck: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("Stop() = %v, want %q", err, want)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("waited %s, want the deadline's 3s", waited)
		}
		close(release)
		if err := g.Stop(t.Context()); err == nil || err.Error() != "stuck: broken" {
			t.Errorf("Stop() once it ended = %v", err)
		}
	})
}

func TestGroupStopOfOnePartLeavesTheOthers(t *testing.T) {
	g := lifecycle.NewGroup()
	others := make(chan struct{})
	g.Go("other", func(ctx context.Context) error { defer close(others); return untilDone(ctx) })
	stop := g.Go("relay", func(ctx context.Context) error { <-ctx.Done(); return errBroken })
	for range 2 {
		if err := stop(t.Context()); err == nil || err.Error() != "broken" {
			t.Errorf("stop() = %v, want broken", err)
		}
	}
	select {
	case <-others:
		t.Error("the other part ended too")
	default:
	}
	if err := g.Stop(t.Context()); err == nil || err.Error() != "relay: broken" {
		t.Errorf("Stop() = %v", err)
	}
}

func TestGroupOfAPartThatOutlivesItsDeadline(t *testing.T) {
	g := lifecycle.NewGroup()
	release := make(chan struct{})
	stop := g.Go("stuck", func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stop(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "still running") {
		t.Errorf("stop() = %v, want still running", err)
	}
	close(release)
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("Stop() = %v", err)
	}
}

func TestGroupStopBeforeGoStartsNothing(t *testing.T) {
	g := lifecycle.NewGroup()
	if err := g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := g.Go("late", func(context.Context) error { t.Error("a part was born after Stop"); return nil })
	if err := stop(t.Context()); err != nil {
		t.Errorf("stop() of a part that never began = %v", err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("second Stop() = %v", err)
	}
}
