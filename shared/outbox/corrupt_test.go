package outbox_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/parked"
	"ordertally/shared/uuidv7"
)

// damage flips a bit in the value of one record of the closed file.
func (r *rig) damage(bucket string, key []byte) {
	r.t.Helper()
	r.damaged = true
	db, err := bbolt.Open(r.path, 0o600, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		records := tx.Bucket(outbox.Root()).Bucket([]byte(bucket))
		value := slices.Clone(records.Get(key))
		value[len(value)-1] ^= 1
		return records.Put(key, value)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		r.t.Fatal(err)
	}
}

func ids(messages []outbox.ParkedMessage) (ids []uuidv7.ID) {
	for i := range messages {
		ids = append(ids, messages[i].ID)
	}
	return ids
}

// The message, its entry or its index entry is damaged. A decision about all parked messages passes it over too.
func TestOutbox_AListOfParkedMessagesPassesADamagedOneAndNamesIt(t *testing.T) {
	for _, bucket := range []string{"messages", "waiting", "parked"} {
		for _, verb := range []parked.Verb{parked.Retry, parked.Discard} {
			t.Run(bucket+" "+string(verb), func(t *testing.T) {
				r := newRig(t)
				r.relay.MaxAttempts = 1
				ill := sick(r)
				r.start()
				sick := park(r, "sick-0", "sick-1", "sick-2", "sick-3")
				r.close()
				bad := sick[1]
				key := binary.BigEndian.AppendUint64(nil, bad.Slot)
				if bucket == "parked" {
					key = bad.ID[:]
				}
				r.damage(bucket, key)
				r.open()

				good := slices.Delete(ids(sick), 1, 2)
				page, err := r.list(parked.Filter{}, 10)
				if err != nil || !slices.Equal(ids(page.Messages), good) ||
					!slices.Equal(page.Corrupt, []string{bad.ID.String()}) || page.Next != "" {
					t.Fatalf("all: %+v, %v", page, err)
				}
				page, err = r.list(parked.Filter{}, 2)
				if err != nil || !slices.Equal(ids(page.Messages), good[:1]) || len(page.Corrupt) != 1 ||
					page.Next != bad.ID.String() {
					t.Errorf("two: %+v, %v", page, err)
				}
				if r.db.CheckSound(t.Context()) == nil {
					t.Error("nobody is told of it")
				}
				if _, _, err := r.outbox.Ledger().Get(t.Context(), bad.ID.String()); !errors.Is(err,
					boltdb.ErrCorrupt) {
					t.Errorf("by itself: %v", err)
				}
				ill.Store(false)
				done, err := r.outbox.Ledger().DecideAll(t.Context(), parked.Filter{},
					parked.Decision{Verb: verb, Reason: "a test"})
				if err != nil || done.Messages != 3 || !slices.Equal(done.Corrupt, []string{bad.ID.String()}) {
					t.Errorf("decided: %+v, %v", done, err)
				}
				page, err = r.list(parked.Filter{}, 10)
				if err != nil || len(page.Messages) != 0 || len(page.Corrupt) != 1 {
					t.Errorf("afterwards: %+v, %v", page, err)
				}
			})
		}
	}
}

// The message or its entry is damaged. The service starts all the same.
func TestOutbox_AListOfWaitingMessagesPassesADamagedOneAndNamesIt(t *testing.T) {
	for _, bucket := range []string{"messages", "waiting"} {
		t.Run(bucket, func(t *testing.T) {
			r := newRig(t)
			r.relay.Retry = outbox.Backoff{First: 100 * time.Hour, Factor: 1, Limit: 100 * time.Hour}
			sick(r)
			r.start()
			r.place("sick-0", "sick-1", "sick-2")
			clocktest.Eventually(r.t, "all wait", func() bool { return r.outbox.Waiting() == 3 })
			before, err := r.outbox.ListWaiting(t.Context(), 0, 10)
			if err != nil || len(before.Messages) != 3 {
				t.Fatalf("before: %+v, %v", before, err)
			}
			r.close()
			bad := before.Messages[1].Slot
			r.damage(bucket, binary.BigEndian.AppendUint64(nil, bad))
			r.open()
			page, err := r.outbox.ListWaiting(t.Context(), 0, 10)
			if err != nil || len(page.Messages) != 2 || page.Messages[0].ID != before.Messages[0].ID ||
				page.Messages[1].ID != before.Messages[2].ID ||
				!slices.Equal(page.Corrupt, []uint64{bad}) || page.Next != 0 {
				t.Fatalf("all: %+v, %v", page, err)
			}
			page, err = r.outbox.ListWaiting(t.Context(), 0, 2)
			if err != nil || len(page.Messages) != 1 || len(page.Corrupt) != 1 || page.Next != bad {
				t.Errorf("two: %+v, %v", page, err)
			}
			if r.db.CheckSound(t.Context()) == nil {
				t.Error("nobody is told of it")
			}
		})
	}
}
