package order

import (
	"math"

	"ordertally/shared/event"
)

// Draft is the order that a request asks for, without the fields that the service computes. A zero value stands for a
// field that was left out.
type Draft = event.Order

// Total returns the sum of the lines in minor units. It returns false when the sum exceeds 2^63-1. Quantities and
// prices must not be negative.
func Total(lines []event.Line) (int64, bool) {
	var total int64
	for i := range lines {
		amount, ok := lineAmount(&lines[i])
		if !ok || amount > math.MaxInt64-total {
			return 0, false
		}
		total += amount
	}
	return total, true
}

// lineAmount returns quantity times price. It returns false when that exceeds 2^63-1.
func lineAmount(l *event.Line) (int64, bool) {
	if l.Quantity > 0 && l.UnitPrice > math.MaxInt64/l.Quantity {
		return 0, false
	}
	return l.Quantity * l.UnitPrice, true
}
