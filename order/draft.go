package order

import (
	"math"
	"time"

	"ordertally/shared/event"
)

// Draft is what a request for an order contains. An empty text, a zero time and an empty map stand for a field that was
// left out.
type Draft struct {
	// Source: whose references these are; with one the reference is unique.
	Source     string       `json:"source,omitzero"`
	Reference  string       `json:"reference,omitzero"`   // the caller's own name for the order
	CustomerID string       `json:"customer_id,omitzero"` // left out for guests
	Currency   string       `json:"currency"`
	Lines      []event.Line `json:"lines"`
	// PlacedAt: as it was sent: 1970 to MaxAhead from now; left out for now.
	PlacedAt time.Time         `json:"placed_at,omitzero"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Total returns the sum of the lines in minor units, and false when it exceeds 2^63-1. Quantities and prices must not
// be negative.
func (d *Draft) Total() (int64, bool) {
	var total int64
	for i := range d.Lines {
		amount, ok := lineAmount(&d.Lines[i])
		if !ok || amount > math.MaxInt64-total {
			return 0, false
		}
		total += amount
	}
	return total, true
}

// lineAmount returns quantity times price, and false when that exceeds 2^63-1.
func lineAmount(l *event.Line) (int64, bool) {
	if l.Quantity > 0 && l.UnitPrice > math.MaxInt64/l.Quantity {
		return 0, false
	}
	return l.Quantity * l.UnitPrice, true
}
