package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/event"
)

// BackfillAfter is how old placed_at may be without the right to place orders of the past. A client without a network
// may have held the order back.
const BackfillAfter = 24 * time.Hour

// Place reads an order from a request's body and stores it. It returns when the order, its message and its key are on
// disk. key is the idempotency key, "" for none. An order without placed_at, or with one ahead of the clock, is placed
// now, to the millisecond.
//
// The error is a *Rejection when the request is at fault, or one of the errors of Store.Place.
func (o *Orders) Place(ctx context.Context, body []byte, key string, from Origin) (Placed, error) {
	if err := checkKey(key); err != nil {
		return Placed{}, err
	}
	now := o.clock.Now()
	draft, err := DecodeDraft(body, now)
	if err != nil {
		return Placed{}, err
	}
	ofThePast := !draft.PlacedAt.IsZero() && now.Sub(draft.PlacedAt) > BackfillAfter
	inactive := ""
	if draft.PlacedAt.IsZero() { // decoding has checked any other time
		inactive = checkActive(draft.Currency, now)
	}
	request, err := newRequest(&draft, now)
	if err != nil {
		return Placed{}, err
	}
	request.Key, request.PlacedBy, request.Trace = HashKey(from.Caller, key), from.By, from.Trace
	request.ReplayOnly = ofThePast && !from.Backfill || inactive != ""
	placed, err := o.store.Place(ctx, request)
	// The currency is not active now, so only a replay was allowed, and there was nothing to replay.
	if inactive != "" && errors.Is(err, ErrReplayOnly) {
		return Placed{}, reject(
			CodeInvalidOrder,
			Violation{Pointer: "/currency", Rule: RuleUnknownCurrency, Detail: inactive},
		)
	}
	if err != nil {
		return Placed{}, fmt.Errorf("place order: %w", err)
	}
	placed.Repeatable = key != "" || draft.Source != ""
	return placed, nil
}

// newRequest turns a valid draft into the request to store it.
func newRequest(draft *Draft, now time.Time) (*Request, error) {
	placed := *draft
	placed.Total, _ = Total(draft.Lines) // decoding has refused a total that overflows
	if placed.PlacedAt.IsZero() || placed.PlacedAt.After(now) {
		placed.PlacedAt = now.UTC().Truncate(time.Millisecond)
	}
	payload := event.Encode(&placed)
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
		PlacedAt:   placed.PlacedAt,
		Hash:       HashRequest(draft),
	}, nil
}
