package activity

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
	_ "time/tzdata" // for machines without zone data of their own
)

// widestOffset is more than any zone has ever differed from UTC, in seconds. The most is 15 h (America/Juneau).
const widestOffset = 26 * 60 * 60

// Zone is an IANA time zone. The zero Zone is not valid; see LoadZone.
type Zone struct {
	location *time.Location
	calendar *calendar // nil if its days are not remembered
}

// UTC returns the zone UTC.
func UTC() Zone { return Zone{location: time.UTC} }

// ZoneName is a zone as a setting. LoadZone accepts it.
type ZoneName string

// Check refuses what LoadZone refuses.
func (n ZoneName) Check() error {
	_, err := LoadZone(string(n))
	return err
}

// LoadZone returns the zone with an IANA name. The machine's zone data comes before the program's. The error is an
// *Error with CodeInvalidZone. LoadZone refuses names that only this machine knows: Local, localtime, and the copies of
// the database under posix/ and right/, which counts leap seconds. It also refuses a detour to a zone's file, such as
// Europe/./London.
func LoadZone(name string) (Zone, error) {
	if !fs.ValidPath(name) {
		return Zone{}, invalidZone(name)
	}
	switch machine, _, _ := strings.Cut(name, "/"); machine {
	case "Local", "localtime", "posix", "posixrules", "right":
		return Zone{}, invalidZone(name)
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return Zone{}, invalidZone(name)
	}
	return Zone{location: location}, nil
}

func invalidZone(name string) error {
	return &Error{CodeInvalidZone, fmt.Sprintf("%.64q is not the name of an IANA time zone, such as Europe/London.",
		name)}
}

// String returns the zone's name.
func (z Zone) String() string { return z.location.String() }

// DateOf returns the local date at t.
func (z Zone) DateOf(t time.Time) Date { return DateOf(t.In(z.location)) }

// At returns when the zone's clocks show the time that UTC's clocks show at wall. If they show it twice, it is the
// first time. If they skip it, it is when clocks that had not changed would show it.
func (z Zone) At(wall time.Time) time.Time {
	const aDay = 24 * time.Hour
	shown := func(near time.Time) (at time.Time, right bool) {
		offset := time.Duration(z.offset(near.Unix())) * time.Second
		at = wall.Add(-offset)
		return at, time.Duration(z.offset(at.Unix()))*time.Second == offset
	}
	before, rightBefore := shown(wall.Add(-aDay))
	after, rightAfter := shown(wall.Add(aDay))
	if rightAfter && (!rightBefore || after.Before(before)) {
		return after
	}
	return before
}

// Starts returns when a day begins: at midnight, or later if the zone's clocks skip that.
func (z Zone) Starts(day Date) time.Time { return z.At(time.Unix(int64(day)*secondsPerDay, 0).UTC()) }

// moment is what the local clock shows.
type moment struct {
	date   Date
	offset int64 // seconds east of UTC
}

func (z Zone) moment(unix, offset int64) moment {
	return moment{Date(floorDiv(unix+offset, secondsPerDay)), offset}
}

func (z Zone) offset(unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(z.location).Zone()
	return int64(offset)
}

// quarters calls yield for each quarter hour of the days from one to another, in order of time, with its day.
//
// It calls untold with an *Error with CodeOffQuarterHour for each day that does not consist of whole quarter hours.
// Either the zone's offset is not a multiple of a quarter hour, or a change of the clocks put two dates into one
// quarter hour. Several calls may concern the same day, even after quarter hours of it went to yield.
//
// It asks for the offset at every quarter hour. It does not use time.Time.ZoneBounds, which on the last day of a leap
// year returns an end before the time in question (Go 1.26).
func (z Zone) quarters(from, to Date, yield func(Quarter, Date), untold func(Date, error)) {
	marked := from - 1
	inside := func(d Date) bool { return d >= from && d <= to }
	mark := func(d Date, why func() error) {
		if d != marked { // most such days are marked again for each quarter hour
			marked = d
			untold(d, why())
		}
	}
	first := Quarter(floorDiv(int64(from)*secondsPerDay-widestOffset, quarterSeconds))
	last := Quarter(floorDiv(int64(to+1)*secondsPerDay+widestOffset, quarterSeconds))
	offset := z.offset(first.unix())
	for q := first; q <= last; q++ {
		begins, ends := q.unix(), (q+1).unix()-1
		nextOffset := z.offset(ends + 1)
		start := z.moment(begins, offset)
		end := z.moment(ends, offset)
		if nextOffset != offset {
			end = z.moment(ends, z.offset(ends))
		}
		offset = nextOffset
		for _, m := range []moment{start, end} {
			if inside(m.date) && m.offset%quarterSeconds != 0 {
				mark(m.date, func() error { return z.offOffset(m) })
			}
			if inside(m.date) && start.date != end.date {
				mark(m.date, func() error { return z.offTransition(q, start, end) })
			}
		}
		if inside(start.date) {
			yield(q, start.date)
		}
	}
}

func (z Zone) offOffset(m moment) error {
	return &Error{CodeOffQuarterHour, fmt.Sprintf(
		"On %s the time zone %s is %s from UTC, which is not a multiple of a quarter"+
			" hour. Statistics are kept by the quarter hour, so this day has none in this zone; ask for another tz.",
		m.date, z, offsetText(m.offset))}
}

func (z Zone) offTransition(q Quarter, start, end moment) error {
	return &Error{CodeOffQuarterHour, fmt.Sprintf(
		"The quarter hour from %s has moments of %s and of %s in the time zone %s, whose"+
			" clocks change in it from %s to %s from UTC. Statistics are kept by the quarter hour, so these days have "+
			"none in this"+
			" zone; ask for another tz.", q.Start().Format(time.RFC3339), start.date, end.date, z,
		offsetText(start.offset),
		offsetText(end.offset))}
}

// offsetText returns an offset as +05:45. It has seconds if they are not zero.
func offsetText(offset int64) string {
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	text := fmt.Sprintf("%c%02d:%02d", sign, offset/3600, offset/60%60)
	if seconds := offset % 60; seconds != 0 {
		text += fmt.Sprintf(":%02d", seconds)
	}
	return text
}
