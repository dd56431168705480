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
	p, err := prepare(&draft, key, now, from)
	if err != nil {
		return Placed{}, err
	}
	placed, err := o.store.Place(ctx, p.request)
	return p.outcome(placed, err)
}

// Placement is an order that was read and is not stored yet.
type Placement struct {
	request    *Request
	repeatable bool
	inactive   string // why the currency is not active now; "" if it is, or does not matter
}

// ReadLine reads a line of a batch: an order as Place reads it, with its idempotency key beside its members. The error
// is a *Rejection. The line may be overwritten once the order is stored.
func (o *Orders) ReadLine(line []byte, from Origin) (Placement, error) {
	now := o.clock.Now()
	draft, key, err := decodeLine(line, now)
	if err != nil {
		return Placement{}, err
	}
	return prepare(&draft, key, now, from)
}

// PlaceAll stores orders as Place does, in their order and together. Each stands for itself, so each has an outcome.
func (o *Orders) PlaceAll(ctx context.Context, placements []Placement) []Outcome {
	requests := make([]*Request, len(placements))
	for i := range placements {
		requests[i] = placements[i].request
	}
	outcomes := o.store.PlaceAll(ctx, requests)
	for i := range outcomes {
		outcomes[i].Placed, outcomes[i].Err = placements[i].outcome(outcomes[i].Placed, outcomes[i].Err)
	}
	return outcomes
}

// prepare turns a valid draft into a placement. key is valid, or "" for none.
func prepare(draft *Draft, key string, now time.Time, from Origin) (Placement, error) {
	ofThePast := !draft.PlacedAt.IsZero() && now.Sub(draft.PlacedAt) > BackfillAfter
	p := Placement{repeatable: key != "" || draft.Source != ""}
	if draft.PlacedAt.IsZero() { // decoding has checked any other time
		p.inactive = checkActive(draft.Currency, now)
	}
	var err error
	if p.request, err = newRequest(draft, now); err != nil {
		return Placement{}, err
	}
	p.request.Key, p.request.PlacedBy, p.request.Trace = HashKey(from.Caller, key), from.By, from.Trace
	p.request.ReplayOnly = ofThePast && !from.Backfill || p.inactive != ""
	return p, nil
}

// outcome is what the store's answer means for the placement.
func (p *Placement) outcome(placed Placed, err error) (Placed, error) {
	// The currency is not active now, so only a replay was allowed, and there was nothing to replay.
	if p.inactive != "" && errors.Is(err, ErrReplayOnly) {
		return Placed{}, reject(
			CodeInvalidOrder,
			Violation{Pointer: "/currency", Rule: RuleUnknownCurrency, Detail: p.inactive},
		)
	}
	if err != nil {
		return Placed{}, fmt.Errorf("place order: %w", err)
	}
	placed.Repeatable = p.repeatable
	return placed, nil
}

// newRequest turns a valid draft into the request to store it.
func newRequest(draft *Draft, now time.Time) (*Request, error) {
	made := &struct {
		request Request
		placed  Draft
	}{placed: *draft}
	placed := &made.placed
	placed.Total, _ = Total(draft.Lines) // decoding has refused a total that overflows
	if placed.PlacedAt.IsZero() || placed.PlacedAt.After(now) {
		placed.PlacedAt = now.UTC().Truncate(time.Millisecond)
	}
	payload := event.Encode(placed)
	if len(payload) > MaxPayload {
		return nil, reject(CodeOrderTooLarge, Violation{
			Rule: RuleTooLarge, Detail: fmt.Sprintf("the order has %d bytes, at most %d fit a message; split it",
				len(payload), MaxPayload),
		})
	}
	made.request = Request{
		Payload:    payload,
		Order:      placed,
		Source:     draft.Source,
		Reference:  draft.Reference,
		CustomerID: draft.CustomerID,
		PlacedAt:   placed.PlacedAt,
		Hash:       HashRequest(draft),
	}
	return &made.request, nil
}
