package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ordertally/shared/service/lifecycle"
)

func TestStackStopsInReverseOrderAndSkipsNothing(t *testing.T) {
	var stack lifecycle.Stack
	var ran []string
	push := func(name string, err error) {
		stack.Push(name, func(context.Context) error {
			ran = append(ran, name)
			return err
		})
	}
	errDisk := errors.New("disk full")
	push("database", errDisk)
	stack.Push("producer", func(context.Context) error { panic("unread channel") })
	push("relay", nil)
	push("http", context.DeadlineExceeded)

	err := stack.Stop(t.Context())
	if want := []string{"http", "relay", "database"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
	if !errors.Is(err, errDisk) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v does not hold both failures", err)
	}
	text := err.Error()
	for _, want := range []string{"stop http: context deadline exceeded\n", "stop producer: panic: unread channel",
		"stop database: disk full"} {
		if !strings.Contains(text, want) {
			t.Errorf("error lacks %q:\n%s", want, text)
		}
	}
	if p, ok := errors.AsType[*lifecycle.PanicError](err); !ok || !strings.Contains(string(p.Stack), "stack_test.go") {
		t.Errorf("no stack of the panic in %v", err)
	}
	if err := stack.Stop(t.Context()); err != nil || len(ran) != 3 {
		t.Errorf("second Stop: %v, ran %v", err, ran)
	}
}

func TestStackGivesEveryStepTheSameDeadline(t *testing.T) {
	var stack lifecycle.Stack
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var ended []bool
	for range 3 {
		stack.Push("step", func(ctx context.Context) error {
			ended = append(ended, ctx.Err() != nil)
			return nil
		})
	}
	if err := stack.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ended, []bool{true, true, true}) {
		t.Errorf("steps saw an ended context: %v, want all of them, and all of them run", ended)
	}
}

func TestStackStopBeforePush(t *testing.T) {
	var stack lifecycle.Stack
	if err := stack.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ran := 0
	stack.Push("late", func(context.Context) error { ran++; return nil })
	if err := stack.Stop(t.Context()); err != nil || ran != 1 {
		t.Errorf("Stop after a late Push: %v, ran %d times, want once", err, ran)
	}
}

func TestStackConcurrentStopsRunEachStepOnce(t *testing.T) {
	var stack lifecycle.Stack
	ran := make([]int, 100) // guarded by the stack: one Stop runs at a time
	for i := range ran {
		stack.Push(fmt.Sprint(i), func(context.Context) error { ran[i]++; return nil })
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _ = stack.Stop(t.Context()) })
	}
	wg.Wait()
	for i, n := range ran {
		if n != 1 {
			t.Errorf("step %d ran %d times", i, n)
		}
	}
}
