package orderstore_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/event"
)

// usual returns an order as a shop sends it: with key, customer and reference, and 437 bytes of payload.
func usual(n int64) *order.Request {
	placed := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	o := &event.Order{
		Reference: fmt.Sprintf("R-%07d", n%10_000_000), CustomerID: fmt.Sprintf("C%05d", n*7919%100_000),
		Currency: "GBP",
		Total:    6150, PlacedAt: placed,
		Lines: []event.Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 6, UnitPrice: 339},
			{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
		},
	}
	return &order.Request{
		Payload: event.Encode(o), Order: o, PlacedAt: placed, Reference: o.Reference, CustomerID: o.CustomerID,
		PlacedBy: "key:shop", Hash: order.RequestHash{1, byte(n)}, Key: order.HashKey("shop", fmt.Sprint(n)),
	}
}

// TestStore_AnOrderTakesLessThanTwiceItsPayload counts the pages in use, its indexes and its message included.
func TestStore_AnOrderTakesLessThanTwiceItsPayload(t *testing.T) {
	f := newFixture(t)
	const orders, writers = 6_400, 128
	var wait sync.WaitGroup
	for w := range int64(writers) {
		wait.Go(func() {
			for n := w; n < orders; n += writers {
				if _, err := f.store.Place(t.Context(), usual(n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	used := 0
	err := f.db.View(t.Context(), func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			s := b.Stats()
			t.Logf("%-20s %4d bytes an order", name, (s.LeafAlloc+s.BranchAlloc)/orders)
			used += s.LeafAlloc + s.BranchAlloc
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if payload := len(usual(1).Payload); used/orders > 2*payload {
		t.Errorf("an order takes %d bytes, its payload %d", used/orders, payload)
	}
}
