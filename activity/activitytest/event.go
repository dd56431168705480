// Package activitytest makes events for tests.
package activitytest

import (
	"time"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/activity/measure"
	"ordertally/shared/event/setdigest"
)

// Orders returns the activity of the order service, read from the topic "orders".
func Orders() activity.Definition { return declare.OrderCreated("orders") }

// Order has what the statistics need to know of one order.
type Order struct {
	ID, Customer, Country string
	At                    time.Time
	Items, Units, Revenue int64
	Currency              string
}

// Event returns the order as an event of the activity Orders.
func (o Order) Event() activity.Event {
	e := activity.Event{At: o.At, Labels: []string{o.Country}}
	if o.ID != "" {
		e.Digest = setdigest.Of(o.ID)
	}
	customer := measure.Value{}
	if o.Customer != "" {
		customer = measure.Value{Hash: measure.Hash([]byte(o.Customer)), Known: true}
	}
	e.Values = []measure.Value{customer, {Amount: o.Items}, {Amount: o.Revenue, Group: o.Currency}, {Amount: o.Units}}
	return e
}

// Totals returns the totals of orders of one quarter hour.
func Totals(orders ...Order) activity.Totals {
	def := Orders()
	var t activity.Totals
	t.Begin(&def)
	for _, o := range orders {
		e := o.Event()
		t.Add(&def, &e)
	}
	return t
}

// Sum returns the sum of a measure for a currency, or without currency for "". It is zero if nothing of it was counted.
func Sum(t *activity.Totals, name, currency string) measure.Sum {
	f := t.Figure(name)
	if f == nil {
		return measure.Sum{}
	}
	if currency == "" {
		sum, _ := f.Render(&measure.Measure{}).(measure.Sum)
		return sum
	}
	sums, _ := f.Render(&measure.Measure{By: "currency"}).(map[string]measure.Sum)
	return sums[currency]
}
