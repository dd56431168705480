package admission_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/order/admission"
)

// batch admits a batch that needs next to no room.
func batch(t *testing.T, g *admission.Gate) *admission.Batch {
	t.Helper()
	b, err := g.Batch("", 1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// enter lets in as many lines as there is room for.
func enter(t *testing.T, b *admission.Batch, n int) (passes []admission.Pass) {
	t.Helper()
	for i := range n {
		pass, err := b.Enter(t.Context(), 100)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		passes = append(passes, pass)
	}
	return passes
}

// single lets in single placements until one is refused.
func single(t *testing.T, g *admission.Gate) (inside []*admission.Pass) {
	t.Helper()
	for {
		pass, err := g.Arrive("", 100, 1<<20)
		if err == nil {
			err = pass.Enter(100)
		}
		if overloaded(err) {
			return inside
		} else if err != nil {
			t.Fatal(err)
		}
		inside = append(inside, pass)
	}
}

// The gate lets 512 in at first. Lines of batches have half of that, and single placements the rest, or all if there
// are no lines.
func TestBatch_LeavesHalfOfTheRoomToSinglePlacements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := admission.Unlimited()
		first, second := batch(t, g), batch(t, g)
		lines := append(enter(t, first, 200), enter(t, second, 56)...)
		began := time.Now()
		for _, b := range []*admission.Batch{first, second} {
			if _, err := b.Enter(t.Context(), 100); !overloaded(err) {
				t.Errorf("one line more: %v", err)
			}
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("two lines waited %v, want 5 s each", waited)
		}
		if _, err := first.Enter(t.Context(), 100); !overloaded(err) || time.Since(began) > 10*time.Second {
			t.Errorf("the line behind a refused one: %v after %v", err, time.Since(began))
		}
		others := single(t, g)
		if len(others) != 256 {
			t.Errorf("%d single placements enter beside the lines, want 256", len(others))
		}
		for i := range lines {
			lines[i].Placed()
		}
		if more := single(t, g); len(more) != 256 {
			t.Errorf("%d single placements enter when the lines have left, want 256", len(more))
		}
		if _, err := second.Enter(t.Context(), 100); !overloaded(err) {
			t.Errorf("a line beside a full room: %v", err)
		}
		others[0].Leave()
		if _, err := second.Enter(t.Context(), 100); err != nil {
			t.Errorf("a line when a placement has left: %v", err)
		}
		if _, err := second.Enter(t.Context(), 100); !overloaded(err) || time.Since(began) != 15*time.Second {
			t.Errorf("the line behind one that got in waits again: %v after %v", err, time.Since(began))
		}
	})
}

func TestBatch_LinesOfSeveralTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := admission.Unlimited()
		inside := enter(t, batch(t, g), 256)
		entered := make(chan string)
		for i := range 3 {
			b := batch(t, g)
			go func() {
				for line := range 2 {
					if _, err := b.Enter(t.Context(), 100); err != nil {
						t.Error(err)
					}
					entered <- fmt.Sprintf("%d%d", i, line)
				}
			}()
			synctest.Wait() // so that they wait in this order
		}
		got := ""
		for range 6 {
			inside[0].Placed()
			inside = inside[1:]
			got += <-entered + " "
			synctest.Wait()
		}
		if got != "00 10 20 01 11 21 " {
			t.Errorf("lines entered in the order %s", got)
		}
	})
}

func TestBatch_ALineThatIsHeavyWaitsForAsMuchRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := admission.Unlimited()
		b := batch(t, g)
		heavy, err := b.Enter(t.Context(), 1<<20) // weighs 129
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Enter(t.Context(), 1<<20); !overloaded(err) {
			t.Errorf("a second one: %v", err)
		}
		heavy.Placed()
		heavy.Placed()
		lines := enter(t, b, 256)
		for i := range lines {
			lines[i].Placed()
		}
		enter(t, b, 256)
	})
}

func TestBatch_ALineStopsWaitingWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := admission.Unlimited()
		b := batch(t, g)
		inside := enter(t, b, 256)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Enter(ctx, 100); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		inside[0].Placed()
		enter(t, b, 1) // the line that gave up has taken nothing
	})
}

func TestBatch_IsRefusedAsPlacementsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		b := batch(t, r.Gate)
		r.free.Store(1)
		<-time.After(2 * time.Second)
		var refusal *admission.Refusal
		if _, err := b.Enter(t.Context(), 100); !errors.As(err, &refusal) || refusal.Reason != admission.Disk {
			t.Errorf("a line while the disk is full: %v", err)
		}
		if _, err := r.Batch("", 1); !errors.As(err, &refusal) || refusal.Reason != admission.Disk {
			t.Errorf("a batch while the disk is full: %v", err)
		}
		r.free.Store(1 << 40)
		<-time.After(2 * time.Second)
		enter(t, b, 1)
		r.committing.Store(int64(3 * time.Second))
		if _, err := b.Enter(t.Context(), 100); !errors.As(err, &refusal) || refusal.Reason != admission.Stalled {
			t.Errorf("a line while a commit hangs: %v", err)
		}
	})
}

func TestBatch_TakesTheRoomOfLargeBodies(t *testing.T) {
	g := admission.Unlimited()
	var batches []*admission.Batch
	for i := range 16 {
		b, err := g.Batch("client", mib)
		if err != nil {
			t.Fatal(i, err)
		}
		batches = append(batches, b)
	}
	if _, err := g.Batch("client", mib); !noRoom(err) {
		t.Errorf("more than the share of one client: %v", err)
	}
	batches[0].Leave()
	if _, err := g.Batch("client", mib); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}
