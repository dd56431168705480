package fairshare_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/service/fairshare"
)

func TestRoom_GivesAClientItsShareAtMost(t *testing.T) {
	room := fairshare.New(64, 16)
	for _, step := range []struct {
		client string
		n      int64
		want   bool
	}{
		{"a", 10, true}, {"a", 7, false}, {"a", 6, true}, {"a", 1, false},
		{"b", 100, true}, {"b", 1, false}, // more than a share counts as a share
		{"", 30, true}, {"", 3, false}, // "" may hold everything
		{"c", 3, false}, {"c", 2, true}, {"d", 1, false},
	} {
		if got := room.TryAcquire(step.client, step.n); got != step.want {
			t.Fatalf("%d for %q: %v, want %v", step.n, step.client, got, step.want)
		}
	}
	room.Release("b", 100)
	if !room.TryAcquire("d", 16) || room.TryAcquire("e", 1) {
		t.Error("not exactly what was released can be acquired")
	}
	room.Release("a", 6)
	if room.TryAcquire("a", 7) || !room.TryAcquire("a", 6) {
		t.Error("a client that released some can acquire not exactly as much again")
	}
}

// However often a client queues, others come before what it may not have yet.
func TestRoom_WaitingForItsOwnShareDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := fairshare.New(8, 4)
		acquire := func(client string, patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			return room.Acquire(ctx, client, 1)
		}
		greedy := make(chan error)
		for range 1000 {
			go func() { greedy <- acquire("greedy", time.Hour) }()
		}
		synctest.Wait()
		for range 4 {
			if err := acquire("modest", time.Second); err != nil {
				t.Fatalf("beside a thousand requests of another: %v", err)
			}
		}
		if err := acquire("late", time.Second); err == nil {
			t.Error("more than everything was acquired")
		}
		for range 1000 {
			if err := <-greedy; err != nil {
				t.Fatal(err)
			}
			room.Release("greedy", 1)
		}
		if err := acquire("late", time.Second); err != nil {
			t.Errorf("one that gave up left less: %v", err)
		}
	})
}
