package outbox_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/parked"
)

const week = 7 * 24 * time.Hour

// aging runs check in a synctest bubble, on an outbox that keeps published messages for a week.
func aging(t *testing.T, check func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.close()
		r.config.Retention = week
		r.open()
		check(t, r)
	})
}

// keys returns the keys of one of the outbox's buckets as numbers.
func (r *rig) keys(bucket string) (slots []uint64) {
	r.t.Helper()
	if err := r.db.View(r.t.Context(), func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("outbox")).Bucket([]byte(bucket)).ForEach(func(k, _ []byte) error {
			slots = append(slots, slotOf(k))
			return nil
		})
	}); err != nil {
		r.t.Fatal(err)
	}
	return slots
}

func slotOf(key []byte) (slot uint64) {
	for _, b := range key {
		slot = slot<<8 | uint64(b)
	}
	return slot
}

// metric returns the value of a gauge or counter without labels.
func (r *rig) metric(name string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue() + family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	r.t.Fatalf("there is no %s", name)
	return 0
}

func TestRetention_DeletesPublishedMessages(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		r.start()
		r.place("a", "b", "c")
		r.await(3)
		<-time.After(week / 2)
		r.place("d")
		r.await(4)
		<-time.After(week/2 - time.Minute)
		synctest.Wait()
		if got := r.keys("messages"); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
			t.Fatalf("before their time: %v are left", got)
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if got := r.keys("messages"); !slices.Equal(got, []uint64{4}) {
			t.Fatalf("%v are left, want 4", got)
		}
		if kept, gone := r.metric("test_outbox_retained_messages"), r.metric("test_outbox_expired_total"); kept != 1 ||
			gone != 3 {
			t.Errorf("%v retained and %v expired, want 1 and 3", kept, gone)
		}
		<-time.After(week)
		synctest.Wait()
		if got := r.keys("messages"); got != nil {
			t.Fatalf("%v are left", got)
		}
		if got := r.keys("batches"); !slices.Equal(got, []uint64{4}) {
			t.Errorf("batches that end at %v are left, want the newest only", got)
		}
		for slot := uint64(1); slot <= 4; slot++ {
			d := r.delivery(slot)
			if d.State != outbox.Published || d.Attempts != 1 || d.Slot != slot || !d.Committed.IsZero() ||
				d.Located != (slot == 4) || d.At.IsZero() != (slot < 4) {
				t.Errorf("message %d: %+v", slot, d)
			}
		}
		r.restart()
		r.place("e")
		records := r.await(5)
		exactlyOnce(t, records)
		synctest.Wait() // the publisher has the records before the relay moves its position
		if r.publisher.Opens() != 2 || r.outbox.Backlog() != 0 {
			t.Errorf("%d sessions, backlog %d", r.publisher.Opens(), r.outbox.Backlog())
		}
		if kept := r.metric("test_outbox_retained_messages"); kept != 1 {
			t.Errorf("%v retained after a restart", kept)
		}
	})
}

// A message that is not published, or not recorded as published, stays however long that takes.
func TestRetention_KeepsUnpublishedMessages(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		away := true
		r.relay.Outage = outbox.Backoff{First: time.Hour, Factor: 1, Limit: time.Hour}
		r.publisher.Script(func(step outboxtest.Step, _ []outbox.Record) error {
			if away && step == outboxtest.Opening {
				return &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("away")}
			}
			return nil
		})
		r.start()
		r.place("a", "b", "c")
		<-time.After(2 * week)
		synctest.Wait()
		away = false
		if got := r.keys("messages"); !slices.Equal(got, []uint64{1, 2, 3}) {
			t.Fatalf("%v are left, want all", got)
		}
		<-time.After(time.Hour)
		exactlyOnce(t, r.await(3)) // now they may expire
		<-time.After(time.Minute)
		synctest.Wait()
		if got := r.keys("messages"); got != nil {
			t.Fatalf("%v are left", got)
		}
	})
}

func TestRetention_KeepsParkedMessages(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		ill := sick(r)
		r.start()
		park(r, "sick-0", "sick-1", "sick-2") // these get new slots after two retries each
		r.place("later")                      // moves the front past them
		r.await(4)
		<-time.After(2 * week)
		synctest.Wait()
		page, err := r.list(parked.Filter{}, 10)
		list := page.Messages
		if err != nil || len(list) != 3 {
			t.Fatalf("%d are parked, %v", len(list), err)
		}
		if got := r.keys("messages"); len(got) != 3 || r.metric("test_outbox_retained_messages") != 3 {
			t.Fatalf("%v are left, want the three parked ones; %v retained", got,
				r.metric("test_outbox_retained_messages"))
		}
		ill.Store(false)
		if err := errors.Join(
			r.retry(list[0], "mended"),
			r.discard(list[1], "hopeless"),
		); err != nil {
			t.Fatal(err)
		}
		exactlyOnce(t, r.await(5))
		<-time.After(week / 2)
		synctest.Wait()
		origins := []uint64{2, 4, 6}
		want := []outbox.State{outbox.Published, outbox.Discarded, outbox.Parked}
		for n, origin := range origins { // nothing has changed: each has another week
			if d := r.delivery(origin); d.State != want[n] || d.Committed.IsZero() || d.Attempts < 3 {
				t.Errorf("half a week later, message %d: %+v", origin, d)
			}
		}
		slot := r.delivery(2).Slot
		<-time.After(week)
		synctest.Wait()
		check := func() {
			t.Helper()
			for n, origin := range origins {
				d := r.delivery(origin)
				if d.State != want[n] || d.Committed.IsZero() != (n < 2) || (d.Attempts == 0) != (n < 2) {
					t.Errorf("a week later, message %d: %+v", origin, d)
				}
			}
			if got := r.delivery(2).Slot; got != slot {
				t.Errorf("the one that was retried has slot %d, had %d", got, slot)
			}
			if got := r.keys("messages"); len(got) != 1 || len(r.keys("waiting")) != 1 ||
				len(r.keys("discarded")) != 0 || len(r.keys("retried")) != 1 || len(r.keys("skipped")) != 2 {
				t.Errorf("left: messages %v, waiting %v, discarded %v, retried %v, skipped %v", got, r.keys("waiting"),
					r.keys("discarded"), r.keys("retried"), r.keys("skipped"))
			}
		}
		check()
		r.restart()
		synctest.Wait()
		check()
		if kept := r.metric("test_outbox_retained_messages"); kept != 1 || r.outbox.Parked() != 1 {
			t.Errorf("%v retained and %d parked, want the same one", kept, r.outbox.Parked())
		}
	})
}

// A message that is refused once moves all that follow it to new slots. The old slots leave no mark behind.
func TestRetention_DeletesMarksOfMovedMessages(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		refusals := 1
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && refusals > 0 &&
				slices.ContainsFunc(records, func(r outbox.Record) bool { return string(r.Value) == "first" }) {
				if len(records) == 1 {
					refusals--
				}
				return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("once")}
			}
			return nil
		})
		const followers = 1000 // more than one step deletes
		if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
			var errs []error
			for n := range followers + 1 {
				value := "first"
				if n > 0 {
					value = fmt.Sprint(n)
				}
				_, err := r.add(tx, outbox.Message{Key: []byte("k"), Type: "T", Value: []byte(value)})
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}); err != nil {
			t.Fatal(err)
		}
		r.start()
		exactlyOnce(t, r.await(followers+1))
		synctest.Wait()
		if got := len(r.keys("skipped")); got != followers+1 {
			t.Fatalf("%d slots were skipped, want all %d", got, followers+1)
		}
		r.restart()
		<-time.After(week + time.Minute)
		synctest.Wait()
		for _, bucket := range []string{"messages", "skipped", "retried", "waiting"} {
			if left := r.keys(bucket); left != nil {
				t.Errorf("%s: %d are left", bucket, len(left))
			}
		}
		if kept := r.metric("test_outbox_retained_messages"); kept != 0 {
			t.Errorf("%v retained", kept)
		}
		for origin := uint64(1); origin <= followers+1; origin++ {
			if d := r.delivery(origin); d.State != outbox.Published || d.Slot <= followers+1 || d.Attempts != 0 {
				t.Fatalf("message %d: %+v", origin, d)
			}
		}
	})
}

// The file does not grow while as many messages go as come.
func TestRetention_FreesRoomForNewMessages(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		r.start()
		const rows, writes = 500, 4
		round := func() (bytes int64) {
			for range writes {
				if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
					var errs []error
					for range rows {
						_, err := r.outbox.Append(tx,
							outbox.Message{Key: []byte("k"), Type: "T", Value: make([]byte, 1000)})
						errs = append(errs, err)
					}
					return errors.Join(errs...)
				}); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(week + time.Minute)
			synctest.Wait()
			if left := len(r.keys("messages")); left != 0 {
				t.Fatalf("%d messages are left", left)
			}
			size, err := r.db.Size()
			if err != nil {
				t.Fatal(err)
			}
			return size.Bytes
		}
		round()
		early := round()
		var late int64
		for range 10 {
			late = round()
		}
		if early < rows*writes*1000 || late > early*3/2 {
			t.Errorf("%d bytes after two rounds, %d after twelve", early, late)
		}
		t.Logf("%d bytes after two rounds, %d after twelve", early, late)
	})
}

// A message recorded as published stays until a look saw that the publisher has it (rule P8).
func TestRetention_KeepsWhatNoLookHasSeen(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		r.start()
		r.place("a", "b")
		r.await(2)
		r.relay.Outage = outbox.Backoff{First: time.Hour, Factor: 1, Limit: time.Hour}
		r.publisher.Script(func(outboxtest.Step, []outbox.Record) error {
			return &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("away")}
		})
		r.restart()
		<-time.After(2 * week)
		synctest.Wait()
		if got := r.keys("messages"); !slices.Equal(got, []uint64{1, 2}) {
			t.Fatalf("%v are left, want both", got)
		}
		r.publisher.Script(nil)
		<-time.After(2 * time.Hour)
		synctest.Wait()
		if got := r.keys("messages"); got != nil {
			t.Fatalf("%v are left", got)
		}
	})
}

// A transaction whose answer was lost is read back and recorded. So its messages expire like others.
func TestRetention_DeletesWhatWasReadBack(t *testing.T) {
	aging(t, func(t *testing.T, r *rig) {
		lost := false
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Answering && len(records) > 0 && !lost {
				lost = true
				return &outbox.OutageError{Class: outbox.Timeout, Err: errors.New("the answer is lost")}
			}
			return nil
		})
		r.start()
		r.place("a")
		r.await(1)
		<-time.After(2 * week)
		synctest.Wait()
		if got := r.keys("messages"); got != nil || r.outbox.Backlog() != 0 || !lost {
			t.Fatalf("%v are left and %d are not published, want none", got, r.outbox.Backlog())
		}
		r.place("b")
		exactlyOnce(t, r.await(2))
	})
}

func TestRetention_WaitsWhileManyPagesAreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.close()
		r.config.Retention, r.config.MaxFreePages = week, 40
		r.open()
		r.start()
		r.place("a", "b", "c")
		r.await(3)
		name := []byte("large")
		write := func(fn func(tx *boltdb.Tx) error) {
			if err := r.db.Write(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		fill := func(tx *boltdb.Tx) error {
			b, err := tx.CreateBucketIfNotExists(name)
			if err == nil {
				err = b.Put([]byte("row"), make([]byte, 200*r.db.PageSize()))
			}
			return err
		}
		write(fill)
		write(func(tx *boltdb.Tx) error { return tx.DeleteBucket(name) })
		<-time.After(week + time.Hour)
		synctest.Wait()
		if got := r.keys("messages"); !slices.Equal(got, []uint64{1, 2, 3}) {
			t.Fatalf("with %d free pages %v are left, want all", r.db.FreePages(), got)
		}
		write(fill) // new rows use the free pages
		<-time.After(time.Minute)
		synctest.Wait()
		if got := r.keys("messages"); len(got) != 0 {
			t.Fatalf("with %d free pages %v are left, want none", r.db.FreePages(), got)
		}
		write(func(tx *boltdb.Tx) error { return tx.DeleteBucket(name) })
	})
}
