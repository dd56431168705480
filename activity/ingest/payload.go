package ingest

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/activity"
)

// order has the members of an ORDER_CREATED payload that are counted or checked; the others are passed over unread.
// Measured with 3 lines: 2.6 µs, the whole event.Order with encoding/json 8.6 µs, reading jsontext's tokens by hand
// 2.0 µs.
type order struct {
	ID       string    `json:"id"`
	Currency string    `json:"currency"`
	Lines    []line    `json:"lines"`
	Total    int64     `json:"total"`
	PlacedAt time.Time `json:"placed_at"`
}

// line of an order. A missing price reads as 0, which the total must agree with.
type line struct {
	Quantity  int64 `json:"quantity"`
	UnitPrice int64 `json:"unit_price"`
}

// maxAhead is how much later than its record an order may have been placed: clocks differ, but not by a day.
const maxAhead = 24 * time.Hour

// payload reads the value of a record that was written at that time. The error is what is wrong with it.
func (d *decoder) payload(value []byte, written time.Time) (activity.Event, *activity.Poison) {
	o := order{Lines: d.lines[:0], Total: -1}
	if err := json.Unmarshal(value, &o); err != nil {
		return activity.Event{}, poison(activity.ReasonMalformed, "The value is not the JSON of an order: %.200s.", err)
	}
	d.lines = o.Lines
	return o.event(written)
}

func (o *order) event(written time.Time) (activity.Event, *activity.Poison) {
	impossible := func(format string, args ...any) (activity.Event, *activity.Poison) {
		return activity.Event{}, poison(activity.ReasonImpossible, format, args...)
	}
	switch {
	case o.ID == "":
		return impossible("The order has no id.")
	case !isCurrency(o.Currency):
		return impossible("The currency is %.20q, want three upper-case letters.", o.Currency)
	case len(o.Lines) == 0:
		return impossible("The order has no lines.")
	case o.PlacedAt.Unix() < 0:
		return impossible("It was placed at %s, before 1970.", o.PlacedAt.Format(time.RFC3339))
	case o.PlacedAt.After(written.Add(maxAhead)):
		return impossible("It was placed at %s, but written at %s: more than %s before.",
			o.PlacedAt.Format(time.RFC3339), written.UTC().Format(time.RFC3339), maxAhead)
	}
	var total, units int64
	for i, l := range o.Lines {
		if l.Quantity < 1 || l.UnitPrice < 0 {
			return impossible("Line %d has quantity %d and unit price %d.", i, l.Quantity, l.UnitPrice)
		}
		amount, amountFits := multiply(l.Quantity, l.UnitPrice)
		sum, sumFits := add(total, amount)
		count, countFits := add(units, l.Quantity)
		if !amountFits || !sumFits || !countFits {
			return impossible("The amounts up to line %d are more than 2^63-1.", i)
		}
		total, units = sum, count
	}
	if total != o.Total {
		return impossible("The total is %d and the lines add up to %d.", o.Total, total)
	}
	return activity.Event{
		At: o.PlacedAt, Items: int64(len(o.Lines)), Units: units, Currency: o.Currency, Revenue: total,
	}, nil
}

func isCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// multiply and add take numbers that are not negative, and report whether the result fits.

func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))  //nolint:gosec // not negative
	return int64(lo), hi == 0 && int64(lo) >= 0 //nolint:gosec // the sign shows what does not fit
}

func add(a, b int64) (int64, bool) { return a + b, a+b >= 0 }

func poison(reason activity.Reason, format string, args ...any) *activity.Poison {
	return &activity.Poison{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
