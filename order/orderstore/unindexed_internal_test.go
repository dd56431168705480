package orderstore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// faultsOf checks a file.
func faultsOf(t *testing.T, path string) []string {
	t.Helper()
	done, err := boltdb.CheckFile(t.Context(), path, Check)
	if err != nil {
		t.Fatal(err)
	}
	return done.Faults
}

// placeUnindexed stores an order as the store does, and leaves its entries out.
func placeUnindexed(t *testing.T, s *Store, r *order.Request) uuidv7.ID {
	t.Helper()
	id := s.ids.Next()
	rest := s.prepare(r)
	err := s.db.Write(t.Context(), func(tx *boltdb.Tx) error {
		placed := row{
			message: message{kind: "ORDER_CREATED", id: s.ids.Next()}, placedAt: r.PlacedAt, key: r.Key, hash: r.Hash,
			content: rest.content,
		}
		m, err := placed.again(id)
		if err != nil {
			return err
		}
		m.Stored = true
		if placed.message.slot, err = s.outbox.Append(tx, m); err != nil {
			return err
		}
		return tx.Bucket(ordersBucket).Put(id[:], encodeRow(nil, id[:], &placed))
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestCheck_NamesAnOrderThatIsInNoIndex stores orders without their entries, among others whose entries are in the log
// or in runs.
func TestCheck_NamesAnOrderThatIsInNoIndex(t *testing.T) {
	for _, inRuns := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "order.db")
		db, s := openStore(t, path)
		for i := range 50 {
			n := fmt.Sprint(i)
			place(t, s, placing("key-"+n, "shop", n, "anna"))
			place(t, s, placing("late-"+n, "shop", n, "anna")) // in the same second: its order has another key
		}
		if inRuns {
			if err := Reindex(t.Context(), db, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		_ = db.Close()
		if faults := faultsOf(t, path); len(faults) > 0 {
			t.Fatalf("in runs: %v: a sound file: %q", inRuns, faults)
		}
		db, s = openStore(t, path)
		ids := []uuidv7.ID{
			placeUnindexed(t, s, placing("lost", "other", "1", "bert")),
			placeUnindexed(t, s, placing("lost too", "other", "2", "anna")),
		}
		_ = db.Close()
		var want []string
		for _, id := range ids {
			for _, name := range []string{"customers", "keys", "references", "sources"} {
				want = append(want, fmt.Sprintf("order %s: it is missing in the index %s", id, name))
			}
		}
		slices.Sort(want)
		if faults := slices.Sorted(slices.Values(faultsOf(t, path))); !slices.Equal(faults, want) {
			t.Errorf("in runs: %v: %q, want %q", inRuns, faults, want)
		}
		// Keys that are old enough need not be there.
		db, s = openStore(t, path)
		if err := forgetKeys(t.Context(), db, s.indexes, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
		want = slices.DeleteFunc(want, func(text string) bool { return strings.HasSuffix(text, "keys") })
		if faults := slices.Sorted(slices.Values(faultsOf(t, path))); !slices.Equal(faults, want) {
			t.Errorf("in runs: %v, without old keys: %q, want %q", inRuns, faults, want)
		}
	}
}

// TestCheck_NamesAnEntryWhoseOrderIsMissing deletes the row of an order.
func TestCheck_NamesAnEntryWhoseOrderIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	db, s := openStore(t, path)
	place(t, s, placing("1", "shop", "1", "anna"))
	gone := place(t, s, placing("2", "shop", "2", "bert"))
	late := place(t, s, placing("3", "shop", "2", "bert"))
	if late.ID != gone.ID {
		t.Fatal("the third request is not answered with the second order")
	}
	err := db.Write(context.Background(), func(tx *boltdb.Tx) error {
		return tx.Bucket(ordersBucket).Delete(gone.ID[:])
	})
	if err != nil {
		t.Fatal(err)
	}
	scrub := boltdb.NewScrub(db, Check, 0, nil)
	found, err := scrub.Once(t.Context())
	if err != nil || found.Faults == 0 {
		t.Errorf("the scrub found %d faults: %v", found.Faults, err)
	}
	_ = db.Close()
	faults := strings.Join(faultsOf(t, path), "\n")
	for _, index := range []string{"customers", "keys", "references", "sources"} {
		if !strings.Contains(faults, "index "+index+": an entry: ") {
			t.Errorf("index %s: %s", index, faults)
		}
	}
	if !strings.Contains(faults, gone.ID.String()+" is missing") {
		t.Errorf("it does not name the order: %s", faults)
	}
}
