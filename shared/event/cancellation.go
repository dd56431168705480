package event

import (
	"strconv"
	"time"
)

// Cancellation is the payload of ORDER_CANCELLED: what was cancelled, and when.
type Cancellation struct {
	OrderID     string    `json:"order_id"`
	Reason      string    `json:"reason,omitzero"`
	CancelledAt time.Time `json:"cancelled_at"`
	PlacedAt    time.Time `json:"placed_at"` // this and what follows are the order's
	Currency    string    `json:"currency"`
	Total       int64     `json:"total"`
	Lines       []Line    `json:"lines"`
}

// EncodeCancellation returns the payload of c.
func EncodeCancellation(c *Cancellation) []byte {
	b := make([]byte, 0, 256+len(c.Lines)*96)
	b = append(b, `{"order_id":`...)
	b = quote(b, c.OrderID)
	b = appendString(b, "reason", c.Reason)
	b = appendTime(b, "cancelled_at", c.CancelledAt)
	b = appendTime(b, "placed_at", c.PlacedAt)
	b = append(b, `,"currency":`...)
	b = quote(b, c.Currency)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, c.Total, 10)
	b = append(b, `,"lines":`...)
	b = appendLines(b, c.Lines)
	return append(b, '}')
}
