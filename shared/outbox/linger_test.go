package outbox_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// batches records the size of each batch that the relay publishes.
func (r *rig) batches() (sizes func() []int) {
	var mu sync.Mutex
	var list []int
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 {
			mu.Lock()
			defer mu.Unlock()
			list = append(list, len(records))
		}
		return nil
	})
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

// The clock of a synctest bubble moves only while all goroutines wait. So the times are exact.

func TestLinger_PublishesMessagesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		sizes := r.batches()
		r.relay.Linger = 10 * time.Second
		r.start()
		synctest.Wait() // the relay has nothing to do
		first := time.Now()
		r.place("a")
		<-time.After(6 * time.Second)
		r.place("b", "c")
		exactlyOnce(t, r.await(3))
		if after := time.Since(first); after != 10*time.Second {
			t.Errorf("published %v after the first message, want 10s", after)
		}
		<-time.After(time.Second)
		next := time.Now()
		r.place("d")
		exactlyOnce(t, r.await(4))
		if after := time.Since(next); after != 10*time.Second {
			t.Errorf("the next was published after %v, want 10s", after)
		}
		if got := sizes(); !slices.Equal(got, []int{3, 1}) {
			t.Errorf("batches of %v, want 3 and 1", got)
		}
	})
}

func TestLinger_EndsWhenATransactionIsFull(t *testing.T) {
	long := strings.Repeat("x", 1000) // as key and as value: a little over 2,000 bytes
	for name, tc := range map[string]struct {
		change func(*rig)
		keys   []string
		batch  int
	}{
		"messages": {func(r *rig) { r.relay.BatchMessages = 3 }, []string{"a", "b", "c", "d"}, 3},
		"bytes":    {func(r *rig) { r.relay.BatchBytes = 6000 }, []string{long + "a", long + "b", long + "c"}, 2},
		"queue":    {func(r *rig) { r.config.QueueMessages = 3 }, []string{"a", "b", "c", "d"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				sizes := r.batches()
				r.close()
				r.relay.Linger = time.Hour
				tc.change(r)
				r.open()
				r.start()
				begin := time.Now()
				for _, key := range tc.keys {
					if n := len(r.publisher.Published()); n != 0 && n != tc.batch {
						t.Fatalf("%d published before the transaction was full", n)
					}
					r.place(key)
					synctest.Wait()
				}
				exactlyOnce(t, r.await(tc.batch))
				r.stop() // the last message still waits; the next start publishes it
				if waited := time.Since(begin); waited != 0 {
					t.Errorf("waited for %v", waited)
				}
				if got := sizes(); !slices.Equal(got, []int{tc.batch}) || r.outbox.Backlog() != 1 {
					t.Errorf("batches of %v with %d left, want %d with 1 left", got, r.outbox.Backlog(), tc.batch)
				}
			})
		})
	}
}

func TestLinger_DoesNotDelayABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.relay.Linger = time.Hour
		r.place("a", "b")
		begin := time.Now()
		r.restart()
		exactlyOnce(t, r.await(2))
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("waited for %v", waited)
		}
	})
}
