package order

import (
	"time"

	"ordertally/shared/text/rfc3339"
)

// MaxAhead is how far placed_at may be ahead of the service's clock, because a client's clock is seldom exact. Such an
// order is placed now.
const MaxAhead = 5 * time.Second

// ParseTime reads an RFC 3339 time with its offset. The error is a sentence without its subject.
func ParseTime(text string) (time.Time, error) { return rfc3339.Parse(text) }

// parseTime also checks that the time is between 1970 and MaxAhead from now.
func parseTime(text string, now time.Time) (time.Time, Rule, string) {
	at, err := ParseTime(text)
	switch {
	case err != nil:
		return at, RuleInvalidTime, err.Error()
	case at.Before(time.Unix(0, 0)):
		return time.Time{}, RuleOutOfRange, "must not be before 1970-01-01T00:00:00Z"
	case at.After(now.Add(MaxAhead)):
		return time.Time{}, RuleOutOfRange, "must be at most 5 s ahead of the service's clock, which says " + now.UTC().
			Format("2006-01-02T15:04:05.000Z07:00")
	}
	return at, "", ""
}
