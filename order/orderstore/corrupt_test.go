package orderstore_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// TestStore_AListPassesACorruptOrderAndNamesIt checks that the other orders are listed, also by reference, and that the
// damage is known from then on.
func TestStore_AListPassesACorruptOrderAndNamesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	db, store, err := openAt(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var ids []uuidv7.ID
	for n := range int64(5) {
		placed, err := store.Place(t.Context(), request(n, false))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, placed.ID)
	}
	err = db.Write(t.Context(), func(tx *boltdb.Tx) error {
		orders := tx.Bucket([]byte("orders"))
		row := slices.Clone(orders.Get(ids[2][:]))
		row[len(row)-3] ^= 1
		return orders.Put(ids[2][:], row)
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := store.List(t.Context(), order.Query{Limit: 50})
	if err != nil || len(page.Orders) != 4 || !slices.Equal(page.Corrupt, ids[2:3]) || page.Next != (uuidv7.ID{}) {
		t.Errorf("all: %d orders, corrupt %v, next %v: %v", len(page.Orders), page.Corrupt, page.Next, err)
	}
	page, err = store.List(t.Context(), order.Query{Limit: 3})
	if err != nil || len(page.Orders) != 2 || !slices.Equal(page.Corrupt, ids[2:3]) || page.Next != ids[2] {
		t.Errorf("three: %d orders, corrupt %v, next %v: %v", len(page.Orders), page.Corrupt, page.Next, err)
	}
	page, err = store.List(t.Context(), order.Query{Limit: 50, Reference: "2"})
	if err != nil || len(page.Orders) != 0 || !slices.Equal(page.Corrupt, ids[2:3]) {
		t.Errorf("by reference: %d orders, corrupt %v: %v", len(page.Orders), page.Corrupt, err)
	}
	if _, err := store.Get(t.Context(), ids[2]); !errors.Is(err, boltdb.ErrCorrupt) {
		t.Errorf("the order itself: %v", err)
	}
	if err := db.CheckSound(t.Context()); err == nil {
		t.Error("nobody is told of it")
	}
	// An index entry without an order is named.
	err = db.Write(t.Context(), func(tx *boltdb.Tx) error { return tx.Bucket([]byte("orders")).Delete(ids[4][:]) })
	if err != nil {
		t.Fatal(err)
	}
	page, err = store.List(t.Context(), order.Query{Limit: 50, Reference: "4"})
	if err != nil || len(page.Orders) != 0 || !slices.Equal(page.Corrupt, ids[4:]) {
		t.Errorf("by a damaged index: %d orders, corrupt %v: %v", len(page.Orders), page.Corrupt, err)
	}
}
