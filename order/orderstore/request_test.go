package orderstore_test

import (
	"fmt"
	"time"

	"ordertally/order"
	"ordertally/shared/event"
)

// request returns an order of three lines; keyed gives it an idempotency key of its own.
func request(n int64, keyed bool) *order.Request {
	placed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	payload := event.Encode(&event.Order{
		Reference: fmt.Sprint(n), Currency: "GBP", Total: 6150, PlacedAt: placed,
		Lines: []event.Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 6, UnitPrice: 339},
			{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
		},
	})
	r := &order.Request{
		Payload: payload, PlacedAt: placed, Reference: fmt.Sprint(n), Hash: order.RequestHash{1, byte(n)},
	}
	if keyed {
		r.Key = order.HashKey("", fmt.Sprintf("checkout-%08x", uint64(n)*0x9E3779B97F4A7C15))
	}
	return r
}

// identify gives an order another source, reference and customer, "" for none.
func identify(r *order.Request, source, reference, customer string) {
	o, err := event.Decode(r.Payload)
	if err != nil {
		panic(err)
	}
	r.Source, r.Reference, r.CustomerID = source, reference, customer
	o.Source, o.Reference, o.CustomerID = source, reference, customer
	r.Payload = event.Encode(&o)
}
