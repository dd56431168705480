package orderapi_test

import (
	"testing"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
)

// TestPlace_PublishesTheHashesOfKeyAndRequest checks the hashes in the message. With them, a service that lost its file
// can learn from the topic which keys were used, and for what.
func TestPlace_PublishesTheHashesOfKeyAndRequest(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	_, publisher := service.PublishWithout("nothing")
	post(body(goodLine), "Idempotency-Key", "cart-4711").do(t, service)
	post(body(goodLine)).do(t, service)
	records, err := publisher.Await(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint64]string{}
	for _, r := range records {
		for _, h := range r.Headers {
			if h.Key == cloudevent.HeaderKey {
				found[r.Slot] += string(h.Value)
			}
		}
	}
	draft := order.Draft{Currency: "GBP", Lines: []event.Line{{SKU: "a", Quantity: 1, UnitPrice: 1}}}
	want := event.KeyHeader(order.HashKey("", "cart-4711"), order.HashRequest(&draft))
	if len(found) != 1 || found[1] != string(want.Value) {
		t.Errorf("the keys of the messages by slot: %v, want only %s", found, want.Value)
	}
}
