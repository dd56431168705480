package order

import (
	"errors"

	"ordertally/shared/clock"
	"ordertally/shared/event/cloudevent"
)

// Orders is the use cases: placing an order, and cancelling one. It is safe for concurrent use.
type Orders struct {
	store Store
	clock clock.Clock
}

// NewOrders returns Orders that keeps them in store and takes the present from c.
func NewOrders(store Store, c clock.Clock) (*Orders, error) {
	if store == nil || c == nil {
		return nil, errors.New("orders: a store and a clock are needed")
	}
	return &Orders{store: store, clock: c}, nil
}

// Origin is where a request comes from.
type Origin struct {
	// Caller tells callers apart, "" when they are not known. Each has idempotency keys of its own. It has no zero
	// byte.
	Caller string
	// By names the caller for people, "" when it is not known. It is stored with what was asked for.
	By string
	// Backfill says that the caller may place orders of the past.
	Backfill bool
	// Trace goes with the message.
	Trace cloudevent.Trace
}
