package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
)

// Placement is the use case of placing an order.
type Placement struct {
	store Store
	clock clock.Clock
}

// BackfillAfter is how long ago placed_at may be without the right to place orders of the past: an order may have
// waited in a client that had no network.
const BackfillAfter = 24 * time.Hour

// Origin is where a request comes from.
type Origin struct {
	// Caller tells callers apart, "" when they are not known: each has idempotency keys of its own. It has no zero
	// byte.
	Caller string
	// By names the caller for people, "" when it is not known. It is stored with the order.
	By string
	// Backfill says that the caller may place orders of the past.
	Backfill bool
	// Trace goes with the order's message.
	Trace cloudevent.Trace
}

// NewPlacement returns a Placement that keeps orders in store and takes the present from c.
func NewPlacement(store Store, c clock.Clock) (*Placement, error) {
	if store == nil || c == nil {
		return nil, errors.New("placement of orders: a store and a clock are needed")
	}
	return &Placement{store: store, clock: c}, nil
}

// Place reads an order from a request's body and stores it. It returns when the order, its message and its key are on
// disk. key is the idempotency key, "" for none. An order without placed_at, or with one ahead of the clock, is placed
// now, to the millisecond.
//
// The error is a *Rejection when the request is at fault, or one of those of Store.Place. It is safe for concurrent
// use.
func (p *Placement) Place(ctx context.Context, body []byte, key string, from Origin) (Placed, error) {
	if key != "" && !ValidKey(key) {
		return Placed{}, reject(CodeInvalidKey, Violation{
			Rule: RuleInvalidCharacter, Detail: fmt.Sprintf(
				"the idempotency key must be 1 to %d visible ASCII characters", MaxKey),
		})
	}
	now := p.clock.Now()
	draft, err := DecodeDraft(body, now)
	if err != nil {
		return Placed{}, err
	}
	ofThePast := !draft.PlacedAt.IsZero() && now.Sub(draft.PlacedAt) > BackfillAfter
	inactive := ""
	if draft.PlacedAt.IsZero() { // decoding has looked at any other
		inactive = checkActive(draft.Currency, now)
	}
	request, err := newRequest(&draft, now)
	if err != nil {
		return Placed{}, err
	}
	request.Key, request.PlacedBy, request.Trace = HashKey(from.Caller, key), from.By, from.Trace
	request.ReplayOnly = ofThePast && !from.Backfill || inactive != ""
	placed, err := p.store.Place(ctx, request)
	// It is no retry of an order that was placed while the currency was active.
	if inactive != "" && errors.Is(err, ErrBackfill) {
		return Placed{}, reject(
			CodeInvalidOrder,
			Violation{Pointer: "/currency", Rule: RuleUnknownCurrency, Detail: inactive},
		)
	}
	if err != nil {
		return Placed{}, fmt.Errorf("place order: %w", err)
	}
	return placed, nil
}

// newRequest makes the order that a valid draft asks for.
func newRequest(draft *Draft, now time.Time) (*Request, error) {
	total, _ := draft.Total() // decoding has refused a total that overflows
	placedAt := draft.PlacedAt
	if placedAt.IsZero() || placedAt.After(now) {
		placedAt = now.UTC().Truncate(time.Millisecond)
	}
	payload := event.Encode(&event.Order{
		Source: draft.Source, Reference: draft.Reference, CustomerID: draft.CustomerID, Currency: draft.Currency,
		Lines: draft.Lines, Total: total, PlacedAt: placedAt, Metadata: draft.Metadata,
	})
	if len(payload) > MaxPayload {
		return nil, reject(CodeOrderTooLarge, Violation{
			Rule: RuleTooLarge, Detail: fmt.Sprintf("the order has %d bytes, at most %d fit a message; split it",
				len(payload), MaxPayload),
		})
	}
	return &Request{
		Payload:    payload,
		Source:     draft.Source,
		Reference:  draft.Reference,
		CustomerID: draft.CustomerID,
		PlacedAt:   placedAt,
		Hash:       HashRequest(draft),
	}, nil
}
