package outbox_test

import (
	"fmt"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/parked"
)

func (r *rig) delivery(origin uint64) (d outbox.Delivery) {
	r.t.Helper()
	if err := r.db.View(r.t.Context(), func(tx *bbolt.Tx) (err error) {
		d, err = r.outbox.Delivery(tx, origin)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return d
}

// What is recorded must be the position at which the publisher put each message.
func TestDelivery_HasThePosition(t *testing.T) {
	r := newRig(t)
	ill := sick(r)
	for n := range 20 {
		r.place(fmt.Sprint("well-", n))
	}
	r.place("sick")
	if d := r.delivery(3); d.State != outbox.Pending || d.Located || d.Slot != 3 || d.Committed.IsZero() ||
		d.Lineage != r.outbox.Lineage() {
		t.Errorf("before it is published: %+v", d)
	}
	r.start()
	clocktest.Eventually(r.t, "the sick one is parked",
		func() bool { return r.outbox.Parked() == 1 && r.outbox.Backlog() == 0 })
	sick := r.delivery(21)
	if sick.State != outbox.Parked || sick.Located || sick.Attempts != 3 {
		t.Errorf("parked: %+v", sick)
	}
	page, err := r.list(parked.Filter{}, 1)
	if err != nil || len(page.Messages) != 1 {
		t.Fatal(page, err)
	}
	list := page.Messages
	if list[0].ID != sick.MessageID {
		t.Errorf("the parked message is %s, and its delivery names %s", list[0].ID, sick.MessageID)
	}
	ill.Store(false)
	if err := r.retry(list[0], ""); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(r.t, "nothing waits", func() bool { return r.outbox.Backlog() == 0 })
	r.restart() // what was published is then on the disk
	stands := map[uint64]outbox.Position{}
	for i, record := range r.publisher.Published() {
		stands[record.Slot] = r.publisher.PositionOf(i)
	}
	for origin := uint64(1); origin <= 21; origin++ {
		d := r.delivery(origin)
		if place, found := stands[d.Slot]; !found || !d.Located || d.Position != place || d.State != outbox.Published ||
			d.At.IsZero() {
			t.Errorf("message %d: %+v stands at %+v", origin, d, place)
		}
	}
	if d := r.delivery(21); d.Slot == 21 || d.Attempts != 4 || d.MessageID != list[0].ID {
		t.Errorf("retried: %+v", d)
	}
}
