package refconsumer

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"
)

// Figures are the figures of one day.
type Figures struct {
	Orders  int64
	Revenue map[string]*big.Int // by currency, in minor units
}

// Ledger counts each order once. It is safe for concurrent use.
type Ledger struct {
	schema *Schema
	zone   *time.Location

	mu         sync.Mutex
	counted    map[string][sha256.Size]byte // what each message said, by ce_id
	lineages   map[string]*Lineage
	days       map[string]Figures // by date
	duplicates int
	others     int
	covered    int
	unknown    []string
}

// NewLedger returns a ledger whose days are days in zone.
func NewLedger(schema *Schema, zone *time.Location) *Ledger {
	return &Ledger{
		schema:   schema,
		zone:     zone,
		counted:  map[string][sha256.Size]byte{},
		lineages: map[string]*Lineage{},
		days:     map[string]Figures{},
	}
}

// order is what a Ledger reads from the value.
type order struct {
	ID       string    `json:"id"`
	Currency string    `json:"currency"`
	PlacedAt time.Time `json:"placed_at"`
	Total    int64     `json:"total"`
	Lines    []struct {
		Quantity  int64 `json:"quantity"`
		UnitPrice int64 `json:"unit_price"`
	} `json:"lines"`
}

// Take counts a record, unless it was counted before or has another type. A record that breaks the contract, or has the
// ce_id of another message, is an error and changes nothing.
func (l *Ledger) Take(r Record) error {
	e, headers, err := openEnvelope(r.Headers)
	if errors.Is(err, errOther) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.others++
		if e.lineage != "" {
			l.lineage(e.lineage).Cover(e.previous, e.sequence)
		}
		return nil
	}
	if err != nil {
		return err
	}
	members, err := l.schema.Check(r.Value)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return err
	}
	if err := o.agrees(e, r); err != nil {
		return err
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	lineage := l.lineage(e.lineage)
	content := e.content(r.Value)
	before, again := l.counted[e.id]
	if again && before != content {
		return fmt.Errorf("message %s came before and said something else: one of the two is forged", e.id)
	}
	if !again && lineage.Covers(e.sequence) {
		l.covered++ // counted anyway, because anybody can write any number
	}
	l.unknown = append(append(l.unknown, headers...), members...)
	lineage.Cover(e.previous, e.sequence)
	if again {
		l.duplicates++
		return nil
	}
	l.counted[e.id] = content
	date := o.PlacedAt.In(l.zone).Format(time.DateOnly)
	day := l.days[date]
	if day.Revenue == nil {
		day.Revenue = map[string]*big.Int{}
	}
	if day.Revenue[o.Currency] == nil {
		day.Revenue[o.Currency] = new(big.Int)
	}
	day.Orders++
	day.Revenue[o.Currency].Add(day.Revenue[o.Currency], big.NewInt(o.Total))
	l.days[date] = day
	return nil
}

// lineage returns which numbers of a lineage are dealt with. The caller holds l.mu.
func (l *Ledger) lineage(name string) *Lineage {
	if l.lineages[name] == nil {
		l.lineages[name] = &Lineage{}
	}
	return l.lineages[name]
}

// agrees checks what headers, key and value say redundantly.
func (o *order) agrees(e envelope, r Record) error {
	total := new(big.Int)
	for _, line := range o.Lines {
		total.Add(total, new(big.Int).Mul(big.NewInt(line.Quantity), big.NewInt(line.UnitPrice)))
	}
	switch {
	case string(r.Key) != o.ID || e.subject != o.ID:
		return fmt.Errorf("key %q, ce_subject %q and id %q are not one", r.Key, e.subject, o.ID)
	case !e.at.Equal(o.PlacedAt):
		return fmt.Errorf("ce_time %s and placed_at %s are not one", e.at, o.PlacedAt)
	case total.Cmp(big.NewInt(o.Total)) != 0:
		return fmt.Errorf("the lines sum up to %s, total is %d", total, o.Total)
	case o.PlacedAt.Truncate(time.Millisecond).After(r.Timestamp):
		return fmt.Errorf("placed at %s, after the record's timestamp %s", o.PlacedAt, r.Timestamp)
	}
	return nil
}

// Day returns the figures of a date.
func (l *Ledger) Day(date string) (orders int64, revenue map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	revenue = map[string]string{}
	for currency, sum := range l.days[date].Revenue {
		revenue[currency] = sum.String()
	}
	return l.days[date].Orders, revenue
}

// Orders returns how many orders were counted.
func (l *Ledger) Orders() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.counted)
}

// Duplicates returns how many records came again.
func (l *Ledger) Duplicates() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.duplicates
}

// Covered returns how many messages were counted although their number had been dealt with. Somebody then wrote numbers
// that are not its own.
func (l *Ledger) Covered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.covered
}

// Complete reports whether every lineage has all numbers up to its highest.
func (l *Ledger) Complete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lineage := range l.lineages {
		if !lineage.Complete() {
			return false
		}
	}
	return true
}

// Undocumented lists headers and members that the documents do not name. They are allowed, but the author of a consumer
// would like to know.
func (l *Ledger) Undocumented() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(l.unknown)))
}
