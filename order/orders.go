package order

import (
	"errors"

	"ordertally/shared/clock"
	"ordertally/shared/event/cloudevent"
)

// Orders implements the use cases: placing an order and cancelling one. It is safe for concurrent use.
type Orders struct {
	store Store
	clock clock.Clock
}

// NewOrders returns an Orders that uses store and takes the time from c.
func NewOrders(store Store, c clock.Clock) (*Orders, error) {
	if store == nil || c == nil {
		return nil, errors.New("orders: a store and a clock are needed")
	}
	return &Orders{store: store, clock: c}, nil
}

// Origin tells where a request comes from.
type Origin struct {
	// Caller identifies the caller, "" when it is unknown. Each caller has its own idempotency keys. It must not
	// contain a zero byte.
	Caller string
	// By is the caller's name for people to read, "" when it is unknown. It is stored with the order or cancellation.
	By string
	// Backfill allows the caller to place orders of the past.
	Backfill bool
	// Trace is sent with the message.
	Trace cloudevent.Trace
}
