package outbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// A publisher that can tell which messages are at fault names them. Only these are charged, the session goes on, and no
// batch is halved.
func TestRelay_ChargesOnlyNamedPoison(t *testing.T) {
	r := newRig(t)
	var keys []string
	for n := range 300 {
		key := fmt.Sprint("well", n)
		if n%100 == 50 {
			key = fmt.Sprint("sick", n)
		}
		keys = append(keys, key)
	}
	keys = append(keys, "sick50") // it follows one that is parked
	r.place(keys...)
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		var named []uint64
		for i := range records {
			if step == outboxtest.Committing && strings.HasPrefix(string(records[i].Key), "sick") {
				named = append(named, records[i].Slot)
			}
		}
		if named != nil {
			return &outbox.RejectedError{Class: outbox.TooLarge, Slots: named, Err: errors.New("too large")}
		}
		return nil
	})
	r.start()
	clocktest.Eventually(r.t, "the poison is parked and nothing waits",
		func() bool { return r.outbox.Parked() == 4 && r.outbox.Backlog() == 0 })
	records := r.await(297)
	exactlyOnce(t, records)
	if n := r.publisher.Opens(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	for origin := uint64(51); origin <= 300; origin += 100 {
		if s := r.status(origin); s.State != outbox.Parked || s.Attempts != 3 {
			t.Errorf("message %d: %+v", origin, s)
		}
	}
}
