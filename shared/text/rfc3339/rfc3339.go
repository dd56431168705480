// Package rfc3339 reads times in all spellings that RFC 3339 allows, and in no others. The standard library's parser
// refuses a lower-case t or z and leap seconds, and accepts some spellings that the standard does not allow.
package rfc3339

import (
	"errors"
	"strings"
	"time"
)

// The errors of Parse. Each is a sentence without its subject.
var (
	ErrForm       = errors.New("must be an RFC 3339 time with an offset, such as 2010-12-01T08:26:00Z")
	ErrOffset     = errors.New("must end with an offset from UTC: Z, or one such as +01:00")
	ErrNoSuchTime = errors.New("must be a date and a time of day that exist")
	ErrLeapSecond = errors.New("must not have a second 60: a leap second is the last one of a month, by UTC")
)

// Parse reads a time with its offset and returns it in UTC. T and Z may be in lower case. Digits after the ninth of a
// second are cut off. A leap second (:60) has no instant in Unix time. It becomes the last nanosecond before it, which
// is in the same day. The error is one of those above.
func Parse(text string) (time.Time, error) {
	clock, offset, err := parseClock(text)
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := parseOffset(offset)
	if err != nil {
		return time.Time{}, err
	}
	return clock.at(seconds)
}

// clock is a local date and time of day.
type clock struct {
	year, month, day, hour, minute, second, nanosecond int
}

// parseClock reads the date and the time of day, and returns the rest of the text.
func parseClock(text string) (c clock, rest string, err error) {
	const shape = "0000-00-00T00:00:00"
	if len(text) < len(shape) {
		return c, "", ErrForm
	}
	for i := range len(shape) {
		switch b := text[i]; {
		case shape[i] == '0' && b >= '0' && b <= '9', b == shape[i] && b != '0', i == 10 && b == 't':
		default:
			return c, "", ErrForm
		}
	}
	c = clock{
		year: number(text[:4]), month: number(text[5:7]), day: number(text[8:10]),
		hour: number(text[11:13]), minute: number(text[14:16]), second: number(text[17:19]),
	}
	rest = text[len(shape):]
	if fraction, found := strings.CutPrefix(rest, "."); found {
		rest = strings.TrimLeft(fraction, "0123456789")
		digits := fraction[:len(fraction)-len(rest)]
		if digits == "" {
			return c, "", ErrForm
		}
		for i := range 9 {
			c.nanosecond *= 10
			if i < len(digits) {
				c.nanosecond += int(digits[i] - '0')
			}
		}
	}
	return c, rest, nil
}

// parseOffset reads an offset from UTC, in seconds.
func parseOffset(text string) (int, error) {
	switch {
	case text == "":
		return 0, ErrOffset
	case text == "Z" || text == "z":
		return 0, nil
	case len(text) != len("+00:00") || text[0] != '+' && text[0] != '-' || text[3] != ':':
		return 0, ErrForm
	case !isNumber(text[1:3]) || !isNumber(text[4:]):
		return 0, ErrForm
	}
	hours, minutes := number(text[1:3]), number(text[4:])
	if hours > 23 || minutes > 59 {
		return 0, ErrNoSuchTime
	}
	offset := hours*3600 + minutes*60
	if text[0] == '-' {
		offset = -offset
	}
	return offset, nil
}

// at returns the instant of the local time with that offset from UTC, in seconds.
func (c clock) at(offset int) (time.Time, error) {
	leap := c.second == 60
	if leap {
		c.second, c.nanosecond = 59, 999_999_999
	}
	if c.hour > 23 || c.minute > 59 || c.second > 59 {
		return time.Time{}, ErrNoSuchTime
	}
	local := time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, c.nanosecond, time.UTC)
	if int(local.Month()) != c.month || local.Day() != c.day { // no such day: time.Date went on into the next month
		return time.Time{}, ErrNoSuchTime
	}
	at := local.Add(-time.Duration(offset) * time.Second)
	if leap {
		if next := at.Add(time.Nanosecond); next.Day() != 1 || !next.Equal(next.Truncate(24*time.Hour)) {
			return time.Time{}, ErrLeapSecond
		}
	}
	return at, nil
}

func isNumber(text string) bool { return strings.Trim(text, "0123456789") == "" }

// number returns the value of a few digits.
func number(digits string) int {
	n := 0
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
