package activity_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ordertally/activity"
	"ordertally/activity/activitytest"
	"ordertally/activity/measure"
)

func zone(t testing.TB, name string) activity.Zone {
	t.Helper()
	z, err := activity.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(t testing.TB, text string) activity.Date {
	t.Helper()
	d, err := activity.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// code returns the code of a refusal. It is "" for nil and for other errors.
func code(err error) activity.Code {
	if refused, ok := errors.AsType[*activity.Error](err); ok {
		return refused.Code
	}
	return ""
}

func TestDays_HaveTheirLength(t *testing.T) {
	for _, c := range []struct {
		zone, day string
		quarters  int
	}{
		{"UTC", "2010-12-01", 96},
		{"Europe/London", "2024-03-31", 92},
		{"Europe/London", "2024-10-27", 100},
		{"Australia/Lord_Howe", "2024-04-07", 98},  // clocks go back half an hour
		{"Asia/Kathmandu", "2024-01-01", 96},       // +05:45
		{"Asia/Kathmandu", "1986-01-01", 95},       // +05:30 becomes +05:45 at midnight
		{"America/Sao_Paulo", "2018-11-04", 92},    // the day begins at 01:00
		{"America/Sao_Paulo", "2018-02-17", 100},   // midnight comes twice
		{"Pacific/Apia", "2011-12-29", 96},         // the day before the skipped one
		{"Pacific/Apia", "2011-12-30", 0},          // skipped
		{"Pacific/Apia", "2011-12-31", 96},         //
		{"America/Juneau", "2024-07-01", 96},       //
		{"Pacific/Kiritimati", "2024-07-01", 96},   // +14:00
		{"Antarctica/Troll", "2024-03-31", 88},     // two hours at once
		{"America/St_Johns", "2024-11-03", 100},    // since 2011 at 02:00
		{"America/St_Johns", "2000-04-02", 92},     // 00:01 -> 01:01, the same date
		{"America/Goose_Bay", "2024-11-03", 100},   //
		{"Etc/GMT+12", "2024-11-03", 96},           //
		{"Asia/Kolkata", "2024-11-03", 96},         //
		{"Africa/Cairo", "2024-10-31", 100},        // 24:00 -> 23:00
		{"Europe/London", "1970-01-01", 96},        // +01:00 all year
		{"Africa/Monrovia", "1972-01-08", 96},      // the first whole day on UTC
		{"America/Scoresbysund", "2024-03-31", 96}, // the offset changed and summer time began at once
		{"America/Toronto", "1999-10-31", 100},     //
		{"America/New_York", "2040-12-31", 96},     // past the tables of zone data, in a leap year
		{"America/New_York", "2024-12-31", 96},     //
	} {
		days, err := activity.NewDay(zone(t, c.zone), date(t, c.day))
		if err != nil {
			t.Errorf("%s %s: %v", c.zone, c.day, err)
			continue
		}
		quarters := 0
		for q := days.Span().From; q < days.Span().To; q++ {
			if _, found := days.Of(q); found {
				quarters++
			}
		}
		if quarters != c.quarters {
			t.Errorf("%s %s: %d quarter hours, want %d", c.zone, c.day, quarters, c.quarters)
		}
	}
}

func TestDays_OffTheQuarterHourAreUnavailable(t *testing.T) {
	for _, c := range []struct {
		zone, day string
		says      []string
	}{
		{"Africa/Monrovia", "1971-06-01", []string{"Africa/Monrovia is -00:44:30"}},
		{"Africa/Monrovia", "1972-01-07", []string{"Africa/Monrovia", "-00:44:30"}}, // the last day of that offset
		{"Europe/Amsterdam", "1900-01-01", []string{"Europe/Amsterdam"}},
		{"America/Juneau", "1800-06-01", []string{"America/Juneau", "+15:02:19"}},
		{"Asia/Kolkata", "1800-06-01", []string{"Asia/Kolkata"}},
		// Until 2011 the clocks of Newfoundland changed at 00:01, in autumn back to 23:01 of the day before.
		{"America/St_Johns", "2000-10-29", []string{"America/St_Johns", "2000-10-29T02:30:00Z", "-02:30", "-03:30"}},
		{"America/St_Johns", "2000-10-28", []string{"America/St_Johns", "2000-10-29T02:30:00Z", "-02:30", "-03:30"}},
	} {
		_, err := activity.NewDay(zone(t, c.zone), date(t, c.day))
		if code(err) != activity.CodeOffQuarterHour {
			t.Errorf("%s %s: %v", c.zone, c.day, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s %s: %q does not say %s", c.zone, c.day, err, part)
			}
		}
	}
	for _, neighbour := range []string{"2000-10-27", "2000-10-30"} {
		if _, err := activity.NewDay(zone(t, "America/St_Johns"), date(t, neighbour)); err != nil {
			t.Errorf("%s: %v", neighbour, err)
		}
	}
}

func TestLoadZone_RefusesWhatIsNone(t *testing.T) {
	for _, name := range []string{"", "Local", "localtime", "posix/UTC", "right/Europe/London", "posixrules",
		"Mars/Olympus", "europe/london",
		"../UTC", "/etc/localtime", "Europe", "zone.tab", "UTC\x00", "+01:00", "Europe/./London", "Europe//London",
		"./UTC", "UTC/.", "UTC/", strings.Repeat("x", 10_000)} {
		if _, err := activity.LoadZone(name); code(err) != activity.CodeInvalidZone {
			t.Errorf("%.40q: %v", name, err)
		}
	}
}

func TestParseDate_RefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "2024-02-30", "2023-02-29", "2024-1-1", "24-01-01", "2024-01-01T00:00:00Z",
		" 2024-01-01", "today",
		"2024-13-01", "2024-00-10", "-2024-01-01", "10000-01-01", "2024-01-0x"} {
		if _, err := activity.ParseDate(text); code(err) != activity.CodeInvalidDay {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// zones has zones of every kind: offsets of whole hours, half hours and quarter hours; changes at, over and near
// midnight; skipped days.
var zones = []string{
	"UTC", "Europe/London", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Goose_Bay",
	"America/Sao_Paulo",
	"America/Asuncion", "America/Havana", "America/Juneau", "America/Caracas", "America/Scoresbysund", "America/Nuuk",
	"Africa/Monrovia", "Africa/Cairo", "Africa/Casablanca", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran",
	"Asia/Pyongyang",
	"Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Kabul", "Asia/Yangon", "Asia/Manila", "Australia/Lord_Howe",
	"Australia/Eucla",
	"Antarctica/Troll", "Antarctica/Casey", "Antarctica/Macquarie", "Pacific/Apia", "Pacific/Kwajalein",
	"Pacific/Kiritimati",
	"Pacific/Chatham", "Pacific/Enderbury", "Pacific/Marquesas", "Pacific/Norfolk", "Pacific/Tongatapu", "Etc/GMT-14",
	"Etc/GMT+12",
}

// TestDays_EveryQuarterHourIsInOne compares the days of a year with the time package, minute by minute. A quarter hour
// belongs to the day that is the local date of all its minutes. If its minutes have two dates, it belongs to no day,
// and both days are refused.
func TestDays_EveryQuarterHourIsInOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		year := rapid.IntRange(1969, 2045).Draw(t, "year")
		z, err := activity.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		from := activity.QuarterOf(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		first := activity.DateOf(from.Start())
		const noDate = math.MinInt32
		owners := slices.Repeat([]activity.Date{noDate}, 365*96)
		refused := make(map[activity.Date]bool)
		for day := first - 2; day <= first+367; day++ {
			days, err := activity.NewDay(z, day)
			if err != nil {
				if code(err) != activity.CodeOffQuarterHour {
					t.Fatalf("%s: %v", day, err)
				}
				refused[day] = true
				continue
			}
			for q := max(days.Span().From, from); q < min(days.Span().To, from+365*96); q++ {
				if _, found := days.Of(q); !found {
					continue
				}
				if other := owners[q-from]; other != noDate {
					t.Fatalf("%s is in %s and in %s", q.Start(), other, day)
				}
				owners[q-from] = day
			}
		}
		begins := from.Start().In(location)
		for i, owner := range owners {
			q := from + activity.Quarter(i)
			ends := begins.Add(15 * time.Minute)
			dates := []activity.Date{activity.DateOf(begins)}
			// If the clocks do not change, the first and the last minute have the dates of all. That is so in most
			// quarter hours.
			step := 14 * time.Minute
			if !sameOffset(begins, ends) || !sameOffset(begins, begins.Add(step)) {
				step = time.Minute
			}
			for minute := step; minute < 15*time.Minute; minute += step {
				if d := activity.DateOf(begins.Add(minute)); !slices.Contains(dates, d) {
					dates = append(dates, d)
				}
			}
			for _, d := range dates {
				switch owned := owner != noDate; {
				case len(dates) > 1 && !refused[d]:
					t.Fatalf("%s has minutes of two dates and %s is not refused", q.Start(), d)
				case owned && d != owner, !owned && !refused[d]:
					t.Fatalf("%s has the local date %s and is in %s (%v)", q.Start(), d, owner, owned)
				}
			}
			begins = ends
		}
	})
}

func sameOffset(a, b time.Time) bool {
	_, first := a.Zone()
	_, second := b.Zone()
	return first == second
}

// TestDays_AddUp counts events at random times. The days of a range add up to its quarter hours.
func TestDays_AddUp(t *testing.T) {
	first := date(t, "1995-06-01")
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		z, err := activity.LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		from := first + activity.Date(rapid.IntRange(0, 11000).Draw(t, "from"))
		days, err := activity.NewDays(z, from, from+activity.Date(rapid.IntRange(0, 399).Draw(t, "length")))
		if err != nil {
			t.Fatal(err)
		}
		last := days.All()[len(days.All())-1].Date
		want := make(map[activity.Date]int64)
		for range rapid.IntRange(0, 200).Draw(t, "events") {
			at := time.Unix(rapid.Int64Range((int64(from)-3)*86400, (int64(last)+3)*86400).Draw(t, "at"), 0)
			day := z.DateOf(at)
			totals := activitytest.Totals(activitytest.Order{At: at, Items: 2, Units: 3, Currency: "GBP", Revenue: 5})
			days.Add(activity.QuarterOf(at), &totals)
			if day >= from && day <= last {
				want[day]++
			}
		}
		for _, day := range days.All() {
			n := want[day.Date]
			if day.Unavailable != nil { // it has no figures, and other days have none of its events
				n = 0
			}
			sum := func(name, currency string) measure.Sum { return activitytest.Sum(&day.Totals, name, currency) }
			if day.Count != n || sum("items", "") != measure.SumOf(2*n) || sum("units", "") != measure.SumOf(3*n) ||
				sum("revenue", "GBP") != measure.SumOf(5*n) {
				t.Fatalf("%s in %s: %+v, want %d events", day.Date, z, day.Totals, n)
			}
		}
	})
}

// TestDays_NothingIsCountedIntoADayThatCannotBeTold adds the quarter hours around an autumn night of Newfoundland. Two
// days share one of them. No quarter hour of these two days is counted.
func TestDays_NothingIsCountedIntoADayThatCannotBeTold(t *testing.T) {
	days, err := activity.NewDays(zone(t, "America/St_Johns"), date(t, "2010-11-05"), date(t, "2010-11-08"))
	if err != nil {
		t.Fatal(err)
	}
	for at := time.Date(2010, 11, 4, 0, 0, 0, 0, time.UTC); at.Day() < 11; at = at.Add(15 * time.Minute) {
		totals := activitytest.Totals(activitytest.Order{At: at})
		days.Add(activity.QuarterOf(at), &totals)
	}
	for i, want := range []int64{96, 0, 0, 96} {
		if day := days.All()[i]; day.Count != want || (day.Unavailable == nil) != (want > 0) {
			t.Errorf("%s has %d quarter hours, want %d: %v", day.Date, day.Count, want, day.Unavailable)
		}
	}
}

func TestNewDays_RefusesBadRanges(t *testing.T) {
	utc := activity.UTC()
	for _, c := range []struct {
		from, to string
		want     activity.Code
		days     int
	}{
		{"2024-01-01", "2024-01-01", "", 1},
		{"2024-01-01", "2025-02-03", "", 400},
		{"2024-01-01", "2025-02-04", activity.CodeRangeTooLong, 0},
		{"0000-01-01", "9999-12-31", activity.CodeRangeTooLong, 0},
		{"2024-01-02", "2024-01-01", activity.CodeInvalidRange, 0},
		{"9999-12-31", "9999-12-31", "", 1},
		{"0000-01-01", "0000-01-01", "", 1},
	} {
		days, err := activity.NewDays(utc, date(t, c.from), date(t, c.to))
		if code(err) != c.want {
			t.Errorf("%s to %s: %v, want %q", c.from, c.to, err, c.want)
		}
		if err == nil && len(days.All()) != c.days {
			t.Errorf("%s to %s: %d days", c.from, c.to, len(days.All()))
		}
	}
}
