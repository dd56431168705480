package activity

import (
	"fmt"
	"slices"
	"time"
)

// MaxDays is the longest range that one answer can have, in days.
const MaxDays = 400

// Day is what was counted on one local day.
type Day struct {
	Date Date
	// Unavailable says why the day has no totals. It is an *Error with CodeOffQuarterHour, or nil.
	Unavailable error
	Totals
}

// Days collects quarter hours into the local days of a range.
//
// A quarter hour belongs to a day if the local clock shows the day's date throughout. A day has 96 of them, 92 or 100
// if summer time begins or ends, and none if the zone skipped it.
type Days struct {
	days   []Day
	pieces []piece // in order of time, disjoint
}

// piece is a run of quarter hours of one day. A day has several pieces if the clocks go back over midnight.
type piece struct {
	Span
	day Date
}

// NewDay returns one day in a zone, with nothing counted. The error is an *Error with CodeOffQuarterHour.
func NewDay(z Zone, date Date) (*Days, error) {
	d, err := NewDays(z, date, date)
	if err == nil {
		err = d.days[0].Unavailable
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// NewDays returns the days from one date to another in a zone, both included, with nothing counted. Days that cannot
// have totals are Unavailable. The error is an *Error with CodeInvalidRange or CodeRangeTooLong.
func NewDays(z Zone, from, to Date) (*Days, error) {
	if err := checkRange(from, to); err != nil {
		return nil, err
	}
	count := int64(to-from) + 1
	d := &Days{days: make([]Day, count), pieces: make([]piece, 0, count)}
	for i := range d.days {
		d.days[i].Date = from + Date(i)
	}
	z.quarters(from, to, func(q Quarter, day Date) {
		if last := len(d.pieces) - 1; last >= 0 && d.pieces[last].day == day && d.pieces[last].To == q {
			d.pieces[last].To++
			return
		}
		d.pieces = append(d.pieces, piece{Span{q, q + 1}, day})
	}, func(day Date, why error) {
		if marked := &d.days[day-from]; marked.Unavailable == nil {
			marked.Unavailable = why
		}
	})
	d.pieces = slices.DeleteFunc(d.pieces, func(p piece) bool { return d.days[p.day-from].Unavailable != nil })
	return d, nil
}

func checkRange(from, to Date) error {
	if to < from {
		return &Error{CodeInvalidRange, fmt.Sprintf("The range ends on %s, before it begins on %s.", to, from)}
	}
	if count := int64(to-from) + 1; count > MaxDays {
		return &Error{CodeRangeTooLong, fmt.Sprintf("The range has %d days; ask for at most %d.", count, MaxDays)}
	}
	return nil
}

// Span covers every quarter hour of the range, and perhaps others. It is empty if the zone skipped all of the days.
func (d *Days) Span() Span {
	if len(d.pieces) == 0 {
		return Span{}
	}
	return Span{d.pieces[0].From, d.pieces[len(d.pieces)-1].To}
}

// Of returns the day that q belongs to. It returns false if that is no day of the range.
func (d *Days) Of(q Quarter) (Date, bool) {
	at, found := slices.BinarySearchFunc(d.pieces, q, func(p piece, q Quarter) int {
		switch {
		case p.To <= q:
			return -1
		case p.From > q:
			return 1
		}
		return 0
	})
	if !found {
		return 0, false
	}
	return d.pieces[at].day, true
}

// Add merges the totals of one quarter hour into its day. It ignores a quarter hour outside the days of the range.
func (d *Days) Add(q Quarter, t *Totals) {
	if day, found := d.Of(q); found {
		d.days[day-d.days[0].Date].Merge(t)
	}
}

// All returns all days, oldest first. Days without events are included.
func (d *Days) All() []Day { return d.days }

// Ends returns the end of the last quarter hour of the last day. It is zero if the zone skipped all of the days.
func (d *Days) Ends() time.Time {
	if len(d.pieces) == 0 {
		return time.Time{}
	}
	return d.pieces[len(d.pieces)-1].To.Start()
}
