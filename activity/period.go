package activity

import (
	"fmt"
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

// Period is a week or month, cut to the range.
type Period struct {
	Name     string // 2026-W09, 2026-02
	From, To Date   // both are part of it
	// Unavailable lists its days without totals.
	Unavailable []Date
	Totals
}

// Periods groups consecutive days.
func Periods(days []Day, by By) []Period {
	var periods []Period
	for i := range days {
		name := days[i].Date.period(by)
		if last := len(periods) - 1; last < 0 || periods[last].Name != name {
			periods = append(periods, Period{Name: name, From: days[i].Date})
		}
		p := &periods[len(periods)-1]
		p.To = days[i].Date
		if days[i].Unavailable != nil {
			p.Unavailable = append(p.Unavailable, days[i].Date)
			continue
		}
		p.Merge(&days[i].Totals)
	}
	return periods
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
