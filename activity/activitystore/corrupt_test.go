package activitystore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// TestStore_ALedgerPassesADamagedEntryAndNamesIt: in its list, page by page, and when many are decided, in each ledger.
func TestStore_ALedgerPassesADamagedEntryAndNamesIt(t *testing.T) {
	for _, ledger := range activity.AllLedgers() {
		for _, verb := range []parked.Verb{parked.Retry, parked.Discard} {
			t.Run(string(ledger)+" "+string(verb), func(t *testing.T) {
				f := newFile(t)
				f.apply(batch(0, slotted("a", 1, 0)))
				f.forget()
				for i := range int64(5) {
					forged := slotted("a", 1<<60, i)
					forged.Content = [8]byte{byte(i), 1}
					switch ledger {
					case activity.LateLedger:
						f.apply(batch(1, foreign(fmt.Sprint("late ", i), i, noon.AddDate(0, 0, -30))))
					case activity.ConflictLedger:
						f.apply(batch(1, slotted(fmt.Sprint(i), uint64(100+i), 2*i)))
						forged.ID = fmt.Sprint(i)
						f.apply(batch(1, forged))
					default:
						f.park(poison(i, activity.ReasonMalformed))
					}
				}
				before := f.list(ledger, parked.Filter{})
				if len(before) != 5 {
					t.Fatalf("%d are kept", len(before))
				}
				bad := before[2].ID
				f.close()
				f.raw(func(tx *bbolt.Tx) error {
					entries := tx.Bucket([]byte(def.Name)).Bucket([]byte(ledger)).Bucket([]byte(def.Topic))
					cursor := entries.Cursor()
					_, _ = cursor.First()
					_, _ = cursor.Next()
					key, value := cursor.Next()
					value = slices.Clone(value)
					value[len(value)-1] ^= 1
					return entries.Put(slices.Clone(key), value)
				})
				f.open()

				page, err := f.Ledger(ledger, mended("")).List(t.Context(), parked.Filter{}, "", 10)
				if err != nil || len(page.Messages) != 4 || !slices.Equal(page.Corrupt, []string{bad}) ||
					page.Next != "" {
					t.Fatalf("all: %d, corrupt %v, next %q: %v", len(page.Messages), page.Corrupt, page.Next, err)
				}
				page, err = f.Ledger(ledger, mended("")).List(t.Context(), parked.Filter{}, "", 3)
				if err != nil || len(page.Messages) != 2 || !slices.Equal(page.Corrupt, []string{bad}) ||
					page.Next != bad {
					t.Errorf("three: %d, corrupt %v, next %q: %v", len(page.Messages), page.Corrupt, page.Next, err)
				}
				page, err = f.Ledger(ledger, mended("")).List(t.Context(), parked.Filter{}, bad, 3)
				if err != nil || len(page.Messages) != 2 || page.Messages[0].ID != before[3].ID || page.Corrupt != nil {
					t.Errorf("after it: %d, corrupt %v: %v", len(page.Messages), page.Corrupt, err)
				}
				if f.db.CheckSound(t.Context()) == nil {
					t.Error("nobody is told of it")
				}
				if _, _, err := f.Ledger(ledger, nil).Get(t.Context(), bad); !errors.Is(err, boltdb.ErrCorrupt) {
					t.Errorf("by itself: %v", err)
				}
				done, err := f.Ledger(ledger, mended("")).
					DecideAll(t.Context(), parked.Filter{}, parked.Decision{Verb: verb, Reason: "a test"})
				if err != nil || done.Messages != 4 || !slices.Equal(done.Corrupt, []string{bad}) {
					t.Errorf("decided: %+v, %v", done, err)
				}
				if left := f.sizes().Sizes[ledger].Messages; left != 1 {
					t.Errorf("%d are left", left)
				}
			})
		}
	}
}

// TestStore_AMassActPassesAnEntryWhoseDayIsDamaged: what one retry needs is damaged, and the others, in the same
// transaction before, are counted.
func TestStore_AMassActPassesAnEntryWhoseDayIsDamaged(t *testing.T) {
	f := newFile(t)
	f.apply(batch(0, message("old", 1, noon.Add(time.Hour), 1)))
	f.park(poison(0, activity.ReasonMalformed), poison(1, activity.ReasonMalformed),
		poison(2, activity.ReasonMalformed))
	f.close()
	f.raw(func(tx *bbolt.Tx) error {
		bins := tx.Bucket([]byte(def.Name)).Bucket([]byte("bins"))
		key, value := bins.Cursor().First()
		value = slices.Clone(value)
		value[len(value)-1] ^= 1
		return bins.Put(slices.Clone(key), value)
	})
	f.open()
	ill := f.list(activity.ParkedLedger, parked.Filter{})[1].ID
	decode := func(p *activity.Parked) (activity.Message, *activity.Poison) {
		m, poison := mended("")(p)
		if p.Offset == 1 {
			m.Event.At = noon.Add(time.Hour)
		}
		return m, poison
	}
	done, err := f.Ledger(activity.ParkedLedger, decode).
		DecideAll(t.Context(), parked.Filter{}, parked.Decision{Verb: parked.Retry})
	if err != nil || figures(&done) != [4]int{2, 2} || !slices.Equal(done.Corrupt, []string{ill}) {
		t.Errorf("decided: %+v, %v", done, err)
	}
	if left := f.sizes().Sizes[activity.ParkedLedger].Messages; left != 1 {
		t.Errorf("%d are left", left)
	}
}

// TestStore_ExpiryPassesADamagedEntry: it stays, the others past their retention go, and counting goes on.
func TestStore_ExpiryPassesADamagedEntry(t *testing.T) {
	for _, bucket := range []string{"messages", "ages"} {
		t.Run(bucket, func(t *testing.T) {
			f := newFile(t)
			f.limits(1<<20, 24*time.Hour)
			f.park(poison(0, activity.ReasonMalformed), poison(1, activity.ReasonMalformed),
				poison(2, activity.ReasonMalformed))
			f.close()
			f.raw(func(tx *bbolt.Tx) error {
				root := tx.Bucket([]byte(def.Name))
				records := root.Bucket([]byte("parked")).Bucket([]byte(def.Topic))
				if bucket == "ages" {
					records = root.Bucket([]byte("indexes")).Bucket([]byte("parked")).Bucket([]byte("ages"))
				}
				key, value := records.Cursor().First()
				value = slices.Clone(value)
				value[len(value)-1] ^= 1
				return records.Put(slices.Clone(key), value)
			})
			f.open()
			f.clock.Advance(48 * time.Hour)
			if counted := f.apply(batch(1, message("a", 0, noon, 1))); !counted[0] {
				t.Error("counting stopped")
			}
			if sizes := f.sizes(); sizes.Sizes[activity.ParkedLedger].Messages != 1 || sizes.Expired != 2 {
				t.Errorf("afterwards: %+v", sizes)
			}
			if f.db.CheckSound(t.Context()) == nil {
				t.Error("nobody is told of it")
			}
		})
	}
}
