package ingest

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ordertally/activity"
	"ordertally/shared/kafka"
	"ordertally/shared/text/rfc3339"
)

// moment returns when the event of a record happened, by the record's timestamp or by the declared time.
func (d *decoder) moment(r *kafka.Record) (time.Time, *activity.Poison) {
	form := &d.def.AtForm
	if form.Record {
		if r.Timestamp.IsZero() {
			return time.Time{}, poison(activity.ReasonMalformed,
				"The record has no timestamp: declare where the time is in its value.")
		}
		return r.Timestamp.UTC(), nil
	}
	text, p := d.fact(r, d.def.At, d.at)
	if p != nil {
		return time.Time{}, p
	}
	var at time.Time
	var err error
	if form.Unit != 0 {
		at, err = sinceEpoch(string(text), form.Unit)
	} else {
		at, err = asWritten(string(text), form.Zone)
	}
	switch {
	case errors.Is(err, errFar):
		return at, poison(
			activity.ReasonImpossible,
			"The time at %s is %.40q, %s: is its unit right?",
			d.def.At,
			text,
			err,
		)
	case err != nil:
		return at, poison(activity.ReasonMalformed, "The time at %s is %.40q; it %s.", d.def.At, text, err)
	}
	return at, nil
}

// unitNames are the units that a time may be counted in.
var unitNames = map[time.Duration]string{
	time.Second: "seconds", time.Millisecond: "milliseconds", time.Microsecond: "microseconds",
}

// Bounds of a number that is a time. No real one has more digits or a larger exponent.
const (
	maxDigits   = 40
	maxExponent = 40
)

var errFar = errors.New("which is of no year that has four digits")

// sinceEpoch reads a JSON number of units since 1970. It cuts off what is less than a nanosecond.
func sinceEpoch(text string, unit time.Duration) (time.Time, error) {
	perSecond := int64(time.Second / unit)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && text[0] != '+' {
		return inYears(time.Unix(n/perSecond, n%perSecond*int64(unit)))
	}
	if number := jsontext.Value(text); number.Kind() != '0' || !number.IsValid() || strings.TrimSpace(text) != text {
		return time.Time{}, fmt.Errorf("must be a number of %s since 1970", unitNames[unit])
	}
	digits, exponent := text, 0
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		digits = text[:at]
		exponent, _ = strconv.Atoi(text[at+1:]) // the largest number there is when it is larger
	}
	switch {
	case len(digits) > maxDigits || exponent > maxExponent:
		return time.Time{}, errFar
	case exponent < -maxExponent:
		digits, exponent = "0", 0
	}
	exact, _ := new(big.Rat).SetString(digits + "e" + strconv.Itoa(exponent)) // a JSON number is one
	exact.Mul(exact, new(big.Rat).SetInt64(int64(unit)))
	nanoseconds := new(big.Int).Div(exact.Num(), exact.Denom()) // towards minus infinity
	second := big.NewInt(int64(time.Second))
	seconds, rest := nanoseconds.DivMod(nanoseconds, second, new(big.Int))
	if !seconds.IsInt64() {
		return time.Time{}, errFar
	}
	return inYears(time.Unix(seconds.Int64(), rest.Int64()))
}

func inYears(at time.Time) (time.Time, error) {
	if at = at.UTC(); at.Year() < 0 || at.Year() > 9999 {
		return time.Time{}, errFar
	}
	return at, nil
}

// What may be missing from the declaration of a time.
var (
	errNumber = errors.New("is a number: declare its unit, such as time: PATH unit=ms or unit=s")
	errZone   = errors.New("has no offset from UTC: declare its zone, such as time: PATH zone=Europe/London")
)

// asWritten reads a time in RFC 3339, or nearly so: a space is taken for the T and before the offset, and the offset
// may be +0000, +00 or UTC. It may be missing if a zone is declared.
func asWritten(text string, zone activity.Zone) (time.Time, error) {
	at, err := rfc3339.Parse(text)
	if err == nil {
		return at, nil
	}
	const date, second = len("2006-01-02"), len("2006-01-02T15:04:05")
	if len(text) < second || text[date] != ' ' && text[date] != 'T' && text[date] != 't' {
		if _, notOne := strconv.ParseFloat(text, 64); notOne == nil {
			return time.Time{}, errNumber
		}
		return time.Time{}, err
	}
	clock, offset := text[:date]+"T"+text[date+1:], ""
	if at := strings.IndexAny(clock[second:], "Zz+- U"); at >= 0 {
		clock, offset = clock[:second+at], strings.TrimPrefix(clock[second+at:], " ")
	}
	switch {
	case offset == "" && strings.HasSuffix(text, " "):
		return time.Time{}, err
	case offset == "" && zone == activity.Zone{}:
		if _, err := rfc3339.Parse(clock + "Z"); err != nil {
			return time.Time{}, err
		}
		return time.Time{}, errZone
	case offset == "":
		at, err := rfc3339.Parse(clock + "Z")
		if err != nil {
			return time.Time{}, err
		}
		return zone.At(at), nil
	case offset == "UTC":
		offset = "Z"
	case len(offset) == len("+00"):
		offset += ":00"
	case len(offset) == len("+0000") && offset[3] != ':':
		offset = offset[:3] + ":" + offset[3:]
	}
	return rfc3339.Parse(clock + offset)
}
