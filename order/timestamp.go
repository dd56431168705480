package order

import (
	"errors"
	"strings"
	"time"
)

var errNoTime = errors.New("must be an existing RFC 3339 time with an offset, such as 2010-12-01T08:26:00Z")

// ParseTime reads an RFC 3339 time with its offset. T and Z must be upper case, a second has at most nine digits after the point (more
// would be dropped silently), and a leap second (:60) is refused, as no instant of Unix time stands for it.
func ParseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !isTimeShaped(text) {
		return time.Time{}, errNoTime
	}
	return at.UTC(), nil
}

// parseTime also checks that the time lies in 1970 to now.
func parseTime(text string, now time.Time) (time.Time, Rule, string) {
	at, err := ParseTime(text)
	switch {
	case err != nil:
		return at, RuleInvalidTime, err.Error()
	case at.Before(time.Unix(0, 0)):
		return time.Time{}, RuleOutOfRange, "must not be before 1970-01-01T00:00:00Z"
	case at.After(now):
		return time.Time{}, RuleOutOfRange, "must not be in the future; it is " + now.UTC().Format(time.RFC3339) + " here"
	}
	return at, "", ""
}

// isTimeShaped refuses what time.Parse lets pass: single-digit hours, a comma for the point, offsets of 24 hours and
// more, and more than nine digits of a second.
func isTimeShaped(text string) bool {
	const date, offset = "0000-00-00T00:00:00", "00:00"
	if len(text) <= len(date) || !hasShape(text[:len(date)], date) {
		return false
	}
	rest := text[len(date):]
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		rest = strings.TrimLeft(fraction, "0123456789")
		if digits := len(fraction) - len(rest); digits < 1 || digits > 9 {
			return false
		}
	}
	if rest == "Z" {
		return true
	}
	return rest != "" && (rest[0] == '+' || rest[0] == '-') && hasShape(rest[1:], offset) && rest[1:3] < "24" && rest[4:6] < "60"
}

// hasShape reports whether text has a digit wherever shape has a 0, and the same byte elsewhere.
func hasShape(text, shape string) bool {
	if len(text) != len(shape) {
		return false
	}
	for i := range len(shape) {
		if isDigit := text[i] >= '0' && text[i] <= '9'; shape[i] == '0' && !isDigit || shape[i] != '0' && text[i] != shape[i] {
			return false
		}
	}
	return true
}
