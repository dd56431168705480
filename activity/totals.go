package activity

import "time"

// Event is what the statistics need to know of one message. Its amounts are not negative.
type Event struct {
	At       time.Time // when it happened, by its own account
	Items    int64     // lines of the order
	Units    int64     // sum of the lines' quantities
	Currency string
	Revenue  int64 // minor units of Currency
}

// Totals is what was counted in some span of time.
type Totals struct {
	Count   int64
	Items   int64
	Units   Sum
	Revenue map[string]Sum // minor units by currency; nil when nothing was counted
}

// Add counts one event.
func (t *Totals) Add(e *Event) {
	t.Count++
	t.Items += e.Items
	t.Units = t.Units.Plus(SumOf(e.Units))
	t.addRevenue(e.Currency, SumOf(e.Revenue))
}

// Merge adds what other counted.
func (t *Totals) Merge(other *Totals) {
	t.Count += other.Count
	t.Items += other.Items
	t.Units = t.Units.Plus(other.Units)
	for currency, sum := range other.Revenue {
		t.addRevenue(currency, sum)
	}
}

func (t *Totals) addRevenue(currency string, sum Sum) {
	if t.Revenue == nil {
		t.Revenue = make(map[string]Sum, 1)
	}
	t.Revenue[currency] = t.Revenue[currency].Plus(sum)
}
