package activity

import (
	"fmt"
	"slices"
	"time"
)

// MaxDays is the longest range of days that is answered at once.
const MaxDays = 400

// Day is what was counted on one local day.
type Day struct {
	Date Date
	// Unavailable says why the day cannot be told, an *Error with CodeOffQuarterHour; then it has no totals.
	Unavailable error
	Totals
}

// Days collects quarter hours into the local days of a range.
//
// A day holds the quarter hours whose every moment has its date on the local clock: 92 or 100 where summer time begins
// or ends, none when the zone skipped it.
type Days struct {
	days   []Day
	pieces []piece // in order of time, disjoint
}

// piece is a run of quarter hours that belong to one day. A day has several when clocks that go back over midnight
// return to it.
type piece struct {
	Span
	day Date
}

// NewDay returns one day in a zone, nothing counted yet. It is an *Error with CodeOffQuarterHour when the day cannot be
// told.
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

// NewDays returns the days from one to another in a zone, both inclusive, nothing counted yet. Those that cannot be
// told are marked. It is an *Error with CodeInvalidRange or CodeRangeTooLong.
func NewDays(z Zone, from, to Date) (*Days, error) {
	if to < from {
		return nil, &Error{CodeInvalidRange, fmt.Sprintf("The range ends on %s, before it begins on %s.", to, from)}
	}
	count := int64(to-from) + 1
	if count > MaxDays {
		return nil, &Error{CodeRangeTooLong, fmt.Sprintf("The range has %d days; ask for at most %d.", count, MaxDays)}
	}
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

// Span covers every quarter hour of the range, and may cover some that are not in it. It is empty when the zone skipped
// all of the days.
func (d *Days) Span() Span {
	if len(d.pieces) == 0 {
		return Span{}
	}
	return Span{d.pieces[0].From, d.pieces[len(d.pieces)-1].To}
}

// Of returns the day that q belongs to, and whether it is one of the range.
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

// Add merges what was counted in one quarter hour into its day. One that belongs to no day of the range is passed over.
func (d *Days) Add(q Quarter, t *Totals) {
	if day, found := d.Of(q); found {
		d.days[day-d.days[0].Date].Merge(t)
	}
}

// All returns the days, oldest first, those without events too.
func (d *Days) All() []Day { return d.days }

// Ends returns the moment at which the last of the days is over: the end of the last quarter hour in them. It is the
// zero time when the zone skipped all of them.
func (d *Days) Ends() time.Time {
	if len(d.pieces) == 0 {
		return time.Time{}
	}
	return d.pieces[len(d.pieces)-1].To.Start()
}
