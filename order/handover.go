package order

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// Offer is an order of another file that is handed over to this service, because the file is not served any more.
type Offer struct {
	// The order's id.
	ID string `json:"id" format:"uuid"`
	// The order. Left out to ask only whether it is known.
	Placement *OfferedPlacement `json:"placement,omitempty"`
	// The cancellation of the order, if there is one that was not published.
	Cancellation *OfferedCancellation `json:"cancellation,omitempty"`
	// Of an id that another order has superseded: the id of that one.
	SupersededBy string `json:"superseded_by,omitempty" format:"uuid"`
}

// OfferedPlacement is an order as another file has it.
type OfferedPlacement struct {
	// The id of the order's message. The message keeps it.
	MessageID string `json:"message_id" format:"uuid"`
	// The order as it was placed, JSON, in base64. It is kept byte for byte.
	Payload []byte `json:"payload"`
	// The hash of caller and idempotency key, in base64. Left out if there was no key.
	Key []byte `json:"key,omitempty"`
	// The hash of what was asked for, in base64.
	Hash []byte `json:"hash"`
	// Who placed it. Left out if that is not known.
	PlacedBy string `json:"placed_by,omitempty"`
}

// OfferedCancellation is a cancellation as another file has it.
type OfferedCancellation struct {
	// The id of the cancellation's message. The message keeps it.
	MessageID string `json:"message_id" format:"uuid"`
	// The hash of caller and idempotency key, in base64. Left out if there was no key.
	Key []byte `json:"key,omitempty"`
	// When it was cancelled.
	At time.Time `json:"cancelled_at"`
	// Who cancelled it. Left out if that is not known.
	By string `json:"cancelled_by,omitempty"`
	// Why. Left out if no reason was given.
	Reason string `json:"reason,omitempty"`
}

// Verdict says what became of an offer.
type Verdict struct {
	// The order's id.
	ID string `json:"id" format:"uuid"`
	// What became of it.
	Result HandoverResult `json:"result"`
	// The id of the order that stands for it now. Left out unless it is superseded.
	SupersededBy string `json:"superseded_by,omitempty" format:"uuid"`
	// Why it was refused. For people. Left out otherwise.
	Reason string `json:"reason,omitempty"`
}

// HandoverResult is what became of an offer.
type HandoverResult string

// The results of an offer.
const (
	HandoverKnown   HandoverResult = "known"   // nothing was missing
	HandoverWanted  HandoverResult = "wanted"  // it is not known: offer it with its placement
	HandoverAdopted HandoverResult = "adopted" // it, or its cancellation, was stored and will be published
	// its key or reference belongs to another order with the same content
	HandoverSuperseded HandoverResult = "superseded"
	HandoverRefused    HandoverResult = "refused" // nothing was stored, see the reason
)

// HandoverResults returns all results.
func HandoverResults() []HandoverResult {
	return []HandoverResult{
		HandoverKnown, HandoverWanted, HandoverAdopted, HandoverSuperseded, HandoverRefused,
	}
}

// SupersededError says that another order stands for the one asked for: they were placed with the same key, or source
// and reference, in two files.
type SupersededError struct {
	ID, By uuidv7.ID
}

// Error names both orders.
func (e *SupersededError) Error() string {
	return fmt.Sprintf("order %s is superseded by order %s", e.ID, e.By)
}

// Handover is an offer that has passed the checks, on its way into a Store. A nil Request only asks.
type Handover struct {
	ID           uuidv7.ID
	MessageID    uuidv7.ID
	Request      *Request
	Cancellation *HandoverCancellation
	SupersededBy uuidv7.ID // zero for none
}

// HandoverCancellation is a cancellation that is handed over.
type HandoverCancellation struct {
	Cancellation
	MessageID uuidv7.ID
	Key       KeyHash
}

// HandOver takes over orders of a file that is not served any more (rule P15). All that is stored is stored in one
// transaction. Repeated, it changes nothing. The verdicts are in the order of the offers.
//
// A known id stays as it is. An order whose key, or source and reference, belongs to another order with the same
// content is superseded: its id leads to the other one from then on. Any other order is stored under its id and message
// id, and its message is published. An offer that breaks a rule is refused and does not hinder the others.
func (o *Orders) HandOver(ctx context.Context, offers []Offer) ([]Verdict, error) {
	verdicts := make([]Verdict, len(offers))
	var sound []Handover
	var at []int
	for i := range offers {
		verdicts[i].ID = offers[i].ID
		h, err := offers[i].check()
		if err != nil {
			verdicts[i].Result, verdicts[i].Reason = HandoverRefused, err.Error()
			continue
		}
		sound, at = append(sound, h), append(at, i)
	}
	if len(sound) == 0 {
		return verdicts, nil
	}
	decided, err := o.store.HandOver(ctx, sound)
	if err != nil {
		return nil, fmt.Errorf("take orders over: %w", err)
	}
	for i := range decided {
		verdicts[at[i]] = decided[i]
	}
	return verdicts, nil
}

// check returns the offer as a Store takes it, or what is wrong with it.
func (f *Offer) check() (h Handover, err error) {
	if h.ID, err = uuidv7.Parse(f.ID); err != nil {
		return h, errors.New("the id is no UUID of an order")
	}
	if f.SupersededBy != "" {
		if h.SupersededBy, err = uuidv7.Parse(f.SupersededBy); err != nil {
			return h, errors.New("superseded_by is no UUID of an order")
		}
	}
	if c := f.Cancellation; c != nil {
		h.Cancellation = &HandoverCancellation{
			Cancellation: Cancellation{At: c.At.UTC(), By: c.By, Reason: c.Reason},
		}
		if h.Cancellation.MessageID, err = uuidv7.Parse(c.MessageID); err != nil || c.At.IsZero() ||
			!fits(h.Cancellation.Key[:], c.Key, true) {
			return h, errors.New("the cancellation lacks its time or message id, or its key has another length")
		}
	}
	if p := f.Placement; p != nil {
		if h.MessageID, err = uuidv7.Parse(p.MessageID); err != nil {
			return h, errors.New("the message id is no UUID")
		}
		h.Request, err = p.request(h.ID)
	}
	return h, err
}

func (p *OfferedPlacement) request(id uuidv7.ID) (*Request, error) {
	placed, err := event.Decode(p.Payload)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the payload is no order: %w", err)
	case placed.ID != id.String() || len(p.Payload) > MaxPayload || len(placed.Lines) == 0 || placed.PlacedAt.IsZero():
		return nil, errors.New("the payload is not the order that the offer names")
	}
	again := event.Encode(&placed)
	event.SetID(again, id)
	if !bytes.Equal(again, p.Payload) {
		return nil, errors.New("the payload is not as this release writes it: hand it over to the release that wrote " +
			"it")
	}
	r := &Request{
		Payload: p.Payload, Order: &placed, Source: placed.Source, Reference: placed.Reference,
		CustomerID: placed.CustomerID,
		PlacedAt:   placed.PlacedAt, PlacedBy: p.PlacedBy,
	}
	if !fits(r.Key[:], p.Key, true) || !fits(r.Hash[:], p.Hash, false) {
		return nil, errors.New("the hash of the key or of the request has another length")
	}
	return r, nil
}

// fits copies given into hash. It reports false if the lengths differ. given may be empty only if that is allowed.
func fits(hash, given []byte, mayBeEmpty bool) bool {
	return len(given) == 0 && mayBeEmpty || len(given) == len(hash) && copy(hash, given) == len(hash)
}
