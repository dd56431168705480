package retail

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// moment is a wall-clock time as written. It may still be unknown which number of its date is the month.
type moment struct {
	style   byte // the separator of the date: - / or .
	numbers [3]int
	year    int // the year, when it comes last; 0 when it comes first
	hour    int
	minute  int
	second  int
	nanos   int
}

// momentForm matches a date and a time: 2010-12-01 08:26:00, 2010-12-01T08:26, 12/1/2010 8:26, 1.12.10 8:26:00 AM.
var momentForm = regexp.MustCompile(
	`^(\d{1,4})([-/.])(\d{1,2})([-/.])(\d{1,4})[ T]` +
		`(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?([AaPp])[Mm])?$`,
)

// parseMoment reads a date and a time. It reports whether the text is one.
func parseMoment(text string) (m moment, ok bool) {
	part := momentForm.FindStringSubmatch(text)
	if part == nil || part[2] != part[4] {
		return m, false
	}
	number := func(text string) int { n, _ := strconv.Atoi(text); return n } // a few digits, or none
	m = moment{
		style:   part[2][0],
		numbers: [3]int{number(part[1]), number(part[3]), number(part[5])},
		hour: number(
			part[6],
		),
		minute: number(part[7]),
		second: number(part[8]),
		nanos:  number((part[9] + "000000000")[:9]),
	}
	yearFirst := len(part[1]) == 4 && len(part[5]) <= 2
	shortYear := len(part[1]) <= 2 && len(part[5]) == 2 && m.style != '-' // 10-12-01 may begin with its year
	switch {
	case yearFirst:
	case len(part[1]) <= 2 && len(part[5]) == 4:
		m.year = m.numbers[2]
	case shortYear && m.numbers[2] < 69: // as in POSIX
		m.year = 2000 + m.numbers[2]
	case shortYear:
		m.year = 1900 + m.numbers[2]
	default:
		return m, false
	}
	if half := part[10]; half != "" {
		if m.hour < 1 || m.hour > 12 {
			return m, false
		}
		m.hour %= 12
		if half == "p" || half == "P" {
			m.hour += 12
		}
	}
	return m, true
}

// wall returns the moment as a time in UTC, with the date read in the given order. It reports whether such a time
// exists.
func (m moment) wall(order Dates) (time.Time, bool) {
	year, month, day := m.year, m.numbers[0], m.numbers[1]
	switch {
	case m.year == 0:
		year, month, day = m.numbers[0], m.numbers[1], m.numbers[2]
	case order == DayFirst:
		month, day = day, month
	}
	at := time.Date(year, time.Month(month), day, m.hour, m.minute, m.second, m.nanos, time.UTC)
	exists := at.Year() == year && int(at.Month()) == month && at.Day() == day &&
		at.Hour() == m.hour && at.Minute() == m.minute && at.Second() == m.second
	return at, exists
}

// dating is how a file's dates are read, by style.
type dating struct {
	fixed  Dates
	styles map[byte]*styleVotes
	last   struct { // what was read last: the rows of an invoice have the same time
		text string
		m    moment
		ok   bool
	}
}

// moment is parseMoment.
func (d *dating) moment(text string) (moment, bool) {
	if l := &d.last; l.text != text || text == "" {
		l.text = text
		l.m, l.ok = parseMoment(text)
	}
	return d.last.m, d.last.ok
}

// styleVotes counts what the rows of a file say about one style of dates with the year last.
type styleVotes struct {
	monthFirst, dayFirst int    // rows that can be read in only one way
	monthRow, dayRow     int    // the first of each
	example              string // the row that decided, or the first
	open                 bool   // some rows can be read either way, as two different dates
}

// yearFirst reports whether a date cannot have its year last.
func yearFirst(text string) bool { return len(text) > 2 && isDigits(text[:3]) }

// consider lets a row vote. A row that can be read in neither way does not count.
func (d *dating) consider(row int, text string) {
	if yearFirst(text) {
		return
	}
	m, ok := d.moment(text)
	if !ok || m.year == 0 {
		return
	}
	if d.styles == nil {
		d.styles = map[byte]*styleVotes{}
	}
	v := d.styles[m.style]
	if v == nil {
		v = &styleVotes{example: text}
		d.styles[m.style] = v
	}
	_, asMonth := m.wall(MonthFirst)
	_, asDay := m.wall(DayFirst)
	switch {
	case asMonth && asDay:
		v.open = v.open || m.numbers[0] != m.numbers[1]
	case asMonth:
		if v.monthFirst++; v.monthFirst == 1 {
			v.monthRow = row
			v.decided(d.fixed, text)
		}
	case asDay:
		if v.dayFirst++; v.dayFirst == 1 {
			v.dayRow = row
			v.decided(d.fixed, text)
		}
	}
}

// decided makes a deciding row the example, unless the caller has chosen the order.
func (v *styleVotes) decided(fixed Dates, text string) {
	if fixed == FindOut {
		v.example = text
	}
}

// of returns how dates of a style are read.
func (d *dating) of(style byte) Dates {
	v := d.styles[style]
	switch {
	case d.fixed != FindOut:
		return d.fixed
	case v != nil && v.monthFirst > 0:
		return MonthFirst
	case v != nil && v.dayFirst > 0:
		return DayFirst
	case style == '/':
		return MonthFirst
	default:
		return DayFirst
	}
}

// check returns an error when the rows contradict each other. Any guess could then be wrong.
func (d *dating) check() error {
	for _, style := range []byte("/.-") {
		if v := d.styles[style]; v != nil && d.fixed == FindOut && v.monthFirst > 0 && v.dayFirst > 0 {
			return fmt.Errorf(
				"its dates contradict each other: the month comes first in %d rows, such as row %d, and the day in "+
					"%d, such as row %d; "+
					"say --dates month-first or day-first",
				v.monthFirst,
				v.monthRow,
				v.dayFirst,
				v.dayRow,
			)
		}
	}
	return nil
}

// describe tells in words how the dates of each style were read.
func (d *dating) describe() (words []string) {
	for _, style := range []byte("/.-") {
		v := d.styles[style]
		if v == nil {
			continue
		}
		text := v.example + " " + strings.ReplaceAll(string(d.of(style)), "-", " ")
		if d.fixed == FindOut && v.open && v.monthFirst+v.dayFirst == 0 {
			other := DayFirst
			if d.of(style) == DayFirst {
				other = MonthFirst
			}
			text += " (no row tells; --dates " + string(other) + " reads it otherwise)"
		}
		words = append(words, text)
	}
	return words
}
