// Package sample makes the orders that the benchmarks place. Each has an idempotency key, a customer and a reference of
// its own, and is stored as a payload of 437 bytes.
package sample

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"ordertally/order"
	"ordertally/shared/event"
)

const (
	// PayloadBytes is the size of a stored order.
	PayloadBytes = 437
	// Customers is how many customers there are.
	Customers = 100_000

	keyForm       = "checkout-%016x"
	referenceForm = "R%010d"
	customerForm  = "C%06d"
)

// Placed is when the orders were placed that are written to a store directly.
var Placed = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Key returns the idempotency key of order n. Keys of orders that follow each other are far apart.
func Key(n int64) string { return fmt.Sprintf(keyForm, scatter(n)) }

// Reference returns the reference of order n.
func Reference(n int64) string { return fmt.Sprintf(referenceForm, n) }

// Customer returns the customer of order n.
func Customer(n int64) string { return fmt.Sprintf(customerForm, scatter(n)%Customers) }

// scatter maps numbers one to one, so that neighbours are far apart.
func scatter(n int64) uint64 { return uint64(n) * 0x9E3779B97F4A7C15 } //nolint:gosec // any number will do

// Order returns order n as the service would publish it, without an id.
func Order(n int64, at time.Time) *event.Order {
	o := &event.Order{
		Reference: Reference(n), CustomerID: Customer(n), Currency: "GBP", PlacedAt: at,
		Lines: []event.Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
			{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
			{SKU: "22752", Description: filler, Quantity: 2, UnitPrice: 765},
		},
		Total: 5260,
	}
	return o
}

// filler gives a payload its size.
var filler = func() string {
	short := len(event.Encode(&event.Order{
		Reference: Reference(0), CustomerID: Customer(0), Currency: "GBP", PlacedAt: Placed, Total: 5260,
		Lines: []event.Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
			{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
			{SKU: "22752", Description: "x", Quantity: 2, UnitPrice: 765},
		},
	}))
	return "x" + strings.Repeat("-", PayloadBytes-short)
}()

// template is the payload of an order, and where its reference and customer stand in it.
var template, referenceAt, customerAt = func() ([]byte, int, int) {
	payload := event.Encode(Order(0, Placed))
	return payload, bytes.Index(payload, []byte(Reference(0))), bytes.Index(payload, []byte(Customer(0)))
}()

// Payload returns the payload of order n, placed at Placed, without its id.
func Payload(n int64) []byte {
	payload := bytes.Clone(template)
	copy(payload[referenceAt:], Reference(n))
	copy(payload[customerAt:], Customer(n))
	return payload
}

// Request returns the request to store order n.
func Request(n int64) *order.Request {
	return &order.Request{
		Payload: Payload(n), PlacedAt: Placed, CustomerID: Customer(n), Reference: Reference(n), Key: KeyHash(n),
		Hash: order.RequestHash{1}, PlacedBy: "shop",
	}
}

// KeyHash returns what the idempotency key of order n is stored as.
func KeyHash(n int64) order.KeyHash { return order.HashKey("key:shop", Key(n)) }

// Body returns the request body of order n.
func Body(n int64) []byte {
	return fmt.Appendf(nil, `{"reference":%q,"customer_id":%q,"currency":"GBP","lines":[`+
		`{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255},`+
		`{"sku":"84406B","description":"CREAM CUPID HEARTS COAT HANGER","quantity":8,"unit_price":275},`+
		`{"sku":"22752","description":%q,"quantity":2,"unit_price":765}]}`, Reference(n), Customer(n), filler)
}
