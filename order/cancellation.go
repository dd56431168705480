package order

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/uuidv7"
)

// Cancellation tells when, by whom and why an order was cancelled.
type Cancellation struct {
	At     time.Time
	By     string // who cancelled it, "" when that was not known
	Reason string // "" when none was given
}

// CancelRequest is one validated cancellation on its way into a Store.
type CancelRequest struct {
	ID uuidv7.ID // the order's id
	Cancellation
	// Key stands for the idempotency key. Hash stands for the content of the request.
	Key  KeyHash
	Hash RequestHash
	// Payload is the encoded event.Cancellation.
	Payload []byte
	Trace   cloudevent.Trace
}

// Cancelled is the answer to a cancellation.
type Cancelled struct {
	Stored
	// Message is how far the cancellation's message got, and MessageSlot where it is or will be published.
	Message     State
	MessageSlot uint64
	// Replayed says that an earlier request with the same key cancelled the order.
	Replayed bool
}

// Cancel cancels an order and returns when the cancellation and its message are on disk. The body may give a reason.
// key is the idempotency key, "" for none.
//
// An order is cancelled once. The same key again gets the order as its answer. Any other later request gets
// ErrAlreadyCancelled. The time of the cancellation is now, to the millisecond.
//
// The error is a *Rejection when the request is at fault, or one of the errors of Store.Cancel.
func (o *Orders) Cancel(ctx context.Context, stored *Stored, body []byte, key string, from Origin) (Cancelled, error) {
	if err := checkKey(key); err != nil {
		return Cancelled{}, err
	}
	reason, err := decodeReason(body)
	if err != nil {
		return Cancelled{}, err
	}
	placed, err := event.Decode(stored.Payload)
	if err != nil {
		return Cancelled{}, fmt.Errorf("cancel order %s: %w", stored.ID, err)
	}
	at := o.clock.Now().UTC().Truncate(time.Millisecond)
	if at.Before(placed.PlacedAt) { // the clock went backwards
		at = placed.PlacedAt
	}
	cancelled, err := o.store.Cancel(ctx, &CancelRequest{
		ID: stored.ID, Cancellation: Cancellation{At: at, By: from.By, Reason: reason},
		Key: HashKey(from.Caller, key), Hash: HashCancellation(reason),
		Trace:   from.Trace,
		Payload: CancellationPayload(&placed, at, reason),
	})
	if err != nil {
		return Cancelled{}, fmt.Errorf("cancel order: %w", err)
	}
	return cancelled, nil
}

// CancellationPayload returns the payload of the message about the cancellation of an order. It is the same each time.
func CancellationPayload(placed *event.Order, at time.Time, reason string) []byte {
	return event.EncodeCancellation(&event.Cancellation{
		OrderID: placed.ID, Reason: reason, CancelledAt: at, PlacedAt: placed.PlacedAt,
		Currency: placed.Currency, Total: placed.Total, Lines: placed.Lines,
	})
}

// HashCancellation returns the hash of the content of a request for a cancellation.
func HashCancellation(reason string) RequestHash {
	return hashFields(event.CancellationFields, &event.Cancellation{Reason: reason})
}

// decodeReason reads a request's body. The body may be empty.
func decodeReason(body []byte) (string, error) {
	var c event.Cancellation
	if len(bytes.TrimSpace(body)) == 0 {
		return "", nil
	}
	s := newScanner(body, time.Time{})
	defer s.release()
	if s.outermost() {
		readMembers(&s, "", event.CancellationFields, &c, nil)
	}
	return c.Reason, s.finish(CodeInvalidCancellation)
}
