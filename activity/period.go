package activity

import (
	"fmt"
	"math"
	"time"
)

// By says how the days of a range are grouped.
type By string

// The values of By.
const (
	ByDay   By = "day"
	ByWeek  By = "week" // ISO 8601 weeks, which begin on Monday
	ByMonth By = "month"
)

// ParseBy reads a By. The error is an *Error with CodeInvalidRange.
func ParseBy(text string) (By, error) {
	switch by := By(text); by {
	case ByDay, ByWeek, ByMonth:
		return by, nil
	}
	return "", &Error{CodeInvalidRange, fmt.Sprintf("%.20q is no way to put days together: it is day, week or month.",
		text)}
}

// Period is a day, week or month, cut to the range.
type Period struct {
	Name     string // 2026-03-01, 2026-W09, 2026-02
	From, To Date   // both are part of it
	// Spans are the quarter hours of its days, in order of time.
	Spans []Span
	// Unavailable lists its days without totals, and Why says why the last of them has none.
	Unavailable []Date
	Why         error
}

// Periods are a range in a zone.
type Periods struct {
	All  []Period  // in order of time
	Ends time.Time // of the last quarter hour of all days; zero if the zone skipped all of them
	Size int       // how many quarter hours there are
}

// NewPeriods returns the periods from one date to another in a zone, both included. The error is an *Error with
// CodeInvalidRange or CodeRangeTooLong.
func NewPeriods(z Zone, from, to Date, by By) (*Periods, error) {
	if err := checkRange(from, to); err != nil {
		return nil, err
	}
	periods := new(Periods)
	last := Quarter(math.MinInt64)
	for day := from; day <= to; day++ {
		all := periods.All
		if len(all) == 0 || by == ByDay || all[len(all)-1].Name != day.period(by) {
			all = append(all, Period{Name: day.period(by), From: day})
			periods.All = all
		}
		p := &all[len(all)-1]
		p.To = day
		local := z.day(day)
		if local.untold != nil {
			p.Unavailable, p.Why = append(p.Unavailable, day), local.untold
			continue
		}
		for _, span := range local.spans {
			last = max(last, span.To)
			periods.Size += int(span.To - span.From)
		}
		if p.Spans == nil {
			p.Spans = local.spans[:len(local.spans):len(local.spans)]
		} else {
			p.Spans = append(p.Spans, local.spans...)
		}
	}
	if periods.Size > 0 {
		periods.Ends = last.Start()
	}
	return periods, nil
}

func (d Date) period(by By) string {
	t := time.Unix(int64(d)*secondsPerDay, 0).UTC()
	switch by {
	case ByWeek:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case ByMonth:
		return t.Format("2006-01")
	}
	return d.String()
}
