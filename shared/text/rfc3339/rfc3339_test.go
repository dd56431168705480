package rfc3339_test

import (
	"strings"
	"testing"
	"time"

	"ordertally/shared/text/rfc3339"
)

func TestParse_TakesAllThatTheStandardAllows(t *testing.T) {
	last := func(year int, month time.Month, day int) time.Time { // instant of a day, by UTC
		return time.Date(year, month, day, 23, 59, 59, 999_999_999, time.UTC)
	}
	for text, want := range map[string]time.Time{
		"2010-12-01T08:26:00Z":                time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		"2010-12-01t08:26:00z":                time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		"2010-12-01T08:26:00z":                time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		"2010-12-01t09:26:00.5+01:00":         time.Date(2010, 12, 1, 8, 26, 0, 5e8, time.UTC),
		"2010-12-01T08:26:00-00:00":           time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		"2010-12-01T00:00:00+23:59":           time.Date(2010, 11, 30, 0, 1, 0, 0, time.UTC),
		"2010-12-01T08:26:00.1234567890Z":     time.Date(2010, 12, 1, 8, 26, 0, 123456789, time.UTC),
		"2010-12-01T08:26:00.123456789999Z":   time.Date(2010, 12, 1, 8, 26, 0, 123456789, time.UTC),
		"2010-12-01T08:26:59.9999999999999z":  time.Date(2010, 12, 1, 8, 26, 59, 999999999, time.UTC),
		"2010-12-01T08:26:00.000000000999Z":   time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		"2024-02-29T00:00:00Z":                time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
		"0000-01-01T00:00:00Z":                time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59-23:59":           time.Date(10000, 1, 1, 23, 58, 59, 0, time.UTC),
		"2016-12-31T23:59:60Z":                last(2016, 12, 31),
		"2016-12-31T23:59:60.5Z":              last(2016, 12, 31),
		"1990-12-31T15:59:60-08:00":           last(1990, 12, 31),
		"2017-01-01T05:29:60.123456789+05:30": last(2016, 12, 31),
		"2015-06-30t23:59:60z":                last(2015, 6, 30),
	} {
		got, err := rfc3339.Parse(text)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestParse_SaysWhichRuleIsBroken(t *testing.T) {
	for text, want := range map[string]error{
		"": rfc3339.ErrForm, "soon": rfc3339.ErrForm, "2010-12-01": rfc3339.ErrForm,
		"2010-12-01T08:26Z":    rfc3339.ErrForm,
		"2010-12-01 08:26:00Z": rfc3339.ErrForm, "2010-12-01T8:26:00Z": rfc3339.ErrForm,
		"2010-12-01T08:26:00,5Z": rfc3339.ErrForm,
		"2010-12-01T08:26:00.Z":  rfc3339.ErrForm, "2010-12-01T08:26:00.5": rfc3339.ErrOffset,
		"2010-12-01T08:26:00":      rfc3339.ErrOffset,
		"2010-12-01T08:26:00+0100": rfc3339.ErrForm, "2010-12-01T08:26:00+01": rfc3339.ErrForm,
		"2010-12-01T08:26:00Z ": rfc3339.ErrForm,
		"20101-12-01T08:26:00Z": rfc3339.ErrForm, "-010-12-01T08:26:00Z": rfc3339.ErrForm,
		"2010-12-01T08:26:00\u0660Z": rfc3339.ErrForm,
		"2023-02-29T00:00:00Z":       rfc3339.ErrNoSuchTime, "2010-04-31T00:00:00Z": rfc3339.ErrNoSuchTime,
		"2010-13-01T00:00:00Z": rfc3339.ErrNoSuchTime,
		"2010-00-01T00:00:00Z": rfc3339.ErrNoSuchTime, "2010-01-00T00:00:00Z": rfc3339.ErrNoSuchTime,
		"2010-12-01T24:00:00Z": rfc3339.ErrNoSuchTime,
		"2010-12-01T08:60:00Z": rfc3339.ErrNoSuchTime, "2010-12-01T08:26:61Z": rfc3339.ErrNoSuchTime,
		"2010-12-01T08:26:00+24:00": rfc3339.ErrNoSuchTime,
		"2010-12-01T08:26:00+01:60": rfc3339.ErrNoSuchTime,
		"2010-12-01T08:26:60Z":      rfc3339.ErrLeapSecond, "2016-12-31T23:59:60+01:00": rfc3339.ErrLeapSecond,
		"2016-12-30T23:59:60Z": rfc3339.ErrLeapSecond,
		"2016-12-31T22:59:60Z": rfc3339.ErrLeapSecond, "2016-12-31T23:58:60Z": rfc3339.ErrLeapSecond,
	} {
		//nolint:errorlint // documented to be one of them
		if got, err := rfc3339.Parse(text); err != want || !got.IsZero() {
			t.Errorf("%q: %s, %v; want %v", text, got, err, want)
		}
	}
}

// FuzzParse compares Parse with time.Parse, which accepts a part of the standard and a little more.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"2010-12-01T08:26:00Z", "2010-12-01T09:26:00.5+01:00", "2016-12-31T23:59:60Z",
		"2010-12-01t08:26:00z", "2010-12-01T8:26:00,5Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := rfc3339.Parse(text)
		want, errWant := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		switch {
		case err == nil && errWant == nil && !got.Equal(want):
			t.Fatalf("%q is %s, want %s", text, got, want)
		case err == nil && errWant != nil && !strings.Contains(text, ":60"):
			t.Fatalf("%q is %s, and time.Parse says: %v", text, got, errWant)
		//nolint:errorlint // as above
		case err == rfc3339.ErrNoSuchTime && errWant == nil &&
			!strings.ContainsAny(text[len("2006-01-02T15:04:05"):], "+-"):
			t.Fatalf("%q exists: %s", text, want)
		}
	})
}
