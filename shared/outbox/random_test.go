package outbox_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// trouble fails in every way that a publisher can. It is random, but a seed repeats it.
type trouble struct {
	mu     sync.Mutex
	random *rand.Rand
	// sick has, for each value, how many batches it still spoils. A value of parkedForEver spoils all.
	sick map[string]int
}

const parkedForEver = 1 << 30

func (tr *trouble) step(step outboxtest.Step, records []outbox.Record) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.random.IntN(12) == 0 {
		return &outbox.OutageError{Class: outbox.Timeout, Err: errors.New("trouble")}
	}
	if step != outboxtest.Committing {
		return nil
	}
	spoiled := false
	for _, r := range records {
		value := string(r.Value)
		if tr.sick[value] > 0 {
			spoiled = true
			if len(records) == 1 {
				tr.sick[value]--
			}
		}
	}
	if spoiled {
		return &outbox.RejectedError{Class: outbox.Invalid, Err: errors.New("spoiled")}
	}
	return nil
}

// Whatever fails, every message is published once or parked. Those of one key are published in the order written. The
// process restarts in between. The name of a failing run has its seed:
// go test -run 'TestRelay_RandomTrouble/seed=17$'.
func TestRelay_RandomTrouble(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { randomTrouble(t, seed, 0) })
	}
}

// The same, but every message expires as soon as it is published.
func TestRelay_RandomTroubleWithoutRetention(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomTrouble(t, seed, 1) })
		})
	}
}

func randomTrouble(t *testing.T, seed uint64, retention time.Duration) {
	random := rand.New(rand.NewPCG(seed, 1))
	tr := &trouble{random: rand.New(rand.NewPCG(seed, 2)), sick: map[string]int{}}
	r := newRig(t)
	r.close()
	r.config.Retention = retention
	r.open()
	r.relay.BatchMessages = 1 + random.IntN(20)
	r.publisher.Script(tr.step)
	r.start()
	written := map[string][]string{} // values by key, in order
	wantParked := 0
	var origins []uint64
	const total = 120
	for n := range total {
		key := fmt.Sprint("k", random.IntN(5))
		value := fmt.Sprint(n)
		written[key] = append(written[key], value)
		tr.mu.Lock()
		switch random.IntN(12) {
		case 0:
			tr.sick[value] = 1 + random.IntN(2) // fewer than MaxAttempts
		case 1:
			tr.sick[value] = parkedForEver
			wantParked++
		}
		tr.mu.Unlock()
		if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
			origin, err := r.add(tx, outbox.Message{Key: []byte(key), Type: "T", Value: []byte(value)})
			tx.AfterCommit(func() { origins = append(origins, origin) })
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if random.IntN(40) == 0 {
			r.restart()
		}
	}
	clocktest.Eventually(r.t, "nothing waits", func() bool { return r.outbox.Backlog() == 0 })
	records := r.publisher.Published()
	exactlyOnce(t, records)
	if r.outbox.Parked() != wantParked || len(records) != total-wantParked {
		t.Fatalf("%d published, %d parked; want %d and %d", len(records), r.outbox.Parked(), total-wantParked,
			wantParked)
	}
	if retention > 0 {
		r.publisher.Script(nil)
		r.place("last") // a batch whose answer was lost is recorded once a later batch is
		<-time.After(time.Minute)
		if left := r.keys("messages"); len(left) != wantParked {
			t.Errorf("%v are left, want the %d parked ones", left, wantParked)
		}
		r.restart()
	}
	if kept := r.metric("test_outbox_retained_messages"); int(kept) != len(r.keys("messages")) {
		t.Errorf("%v retained, want %d", kept, len(r.keys("messages")))
	}
	states := map[outbox.State]int{}
	for _, origin := range origins {
		d := r.delivery(origin)
		states[d.State]++
		i := slices.IndexFunc(records, func(record outbox.Record) bool { return record.Slot == d.Slot })
		if (i >= 0) != (d.State == outbox.Published) {
			t.Errorf("message %d: %+v is record %d", origin, d, i)
		}
	}
	if states[outbox.Parked] != wantParked || states[outbox.Published] != total-wantParked {
		t.Errorf("states: %v", states)
	}
	for key, values := range written {
		var want, got []string
		for _, value := range values {
			if tr.sick[value] == 0 {
				want = append(want, value)
			}
		}
		for _, record := range records {
			if string(record.Key) == key {
				got = append(got, string(record.Value))
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("key %s: published %v, want %v", key, got, want)
		}
	}
}
