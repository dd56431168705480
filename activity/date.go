package activity

import (
	"fmt"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// Date is a day of the Gregorian calendar, in no particular zone. It counts days from 1970-01-01, and is negative
// before.
type Date int64

// DateOf returns the date of t in t's own location.
func DateOf(t time.Time) Date {
	_, offset := t.Zone()
	return Date(floorDiv(t.Unix()+int64(offset), secondsPerDay))
}

// ParseDate reads YYYY-MM-DD. If the text is anything else or the date does not exist, the error is an *Error with
// CodeInvalidDay.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, &Error{CodeInvalidDay,
			fmt.Sprintf("%.40q is not a day: it must exist and be written YYYY-MM-DD.", text)}
	}
	return DateOf(t), nil
}

// String returns the date as YYYY-MM-DD.
func (d Date) String() string {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC().Format(time.DateOnly)
}
