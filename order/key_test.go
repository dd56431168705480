package order_test

import (
	"encoding/hex"
	"testing"
	"time"

	"ordertally/order"
	"ordertally/shared/event"
)

// Hashes are stored in files and topics, so they must never change.
func TestHashes_StayAsTheyAre(t *testing.T) {
	key := order.HashKey("key:shop", "cart-4711") // printf 'key:shop\0cart-4711' | sha256sum
	if got := hex.EncodeToString(key[:]); got != "feeef85238481c5ce3f6fc5975783c71" {
		t.Errorf("the key's hash is %s", got)
	}
	if !order.HashKey("key:shop", "").IsZero() || order.HashKey("", "k") == order.HashKey("a", "k") {
		t.Error("callers share keys, or no key has a hash")
	}
	draft := order.Draft{
		Source: "shop", Reference: "1", CustomerID: "c", Currency: "EUR",
		Lines: []event.Line{
			{SKU: "a", Description: "d", Quantity: 2, UnitPrice: 3},
			{SKU: "b", Quantity: 1},
		},
		PlacedAt: time.Date(2026, 5, 1, 12, 0, 0, 7, time.UTC),
		Metadata: map[string]string{"y": "", "x": "1"},
	}
	for want, d := range map[string]order.Draft{
		"6b9535a3f5807fd3d05f6da502f3d4c653a95d0102a357a3cc8860f6e77ff097": draft,
		"e9af015f7db11c04e881bff4e17692b511b3465471524536bbb849e04b55a3f9": {Currency: "EUR",
			Lines: []event.Line{{SKU: "b", Quantity: 1}}},
	} {
		sum := order.HashRequest(&d)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("the hash of %+v is %s", d, got)
		}
	}
}
