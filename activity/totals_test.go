package activity_test

import (
	"math"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitytest"
)

func TestTotals_AreExactBeyondInt64(t *testing.T) {
	huge := activitytest.Order{At: time.Unix(0, 0), Items: 1, Units: math.MaxInt64, Currency: "JPY",
		Revenue: math.MaxInt64}
	totals := activitytest.Totals(huge, huge, huge)
	const want = "27670116110564327421"
	if revenue, units := activitytest.Sum(&totals, "revenue", "JPY"),
		activitytest.Sum(&totals, "units", ""); revenue.String() != want || units.String() != want {
		t.Fatalf("got %s and %s, want %s", revenue, units, want)
	}
}

func TestQuarterOf_RoundsDown(t *testing.T) {
	for _, c := range []struct {
		at   string
		want activity.Quarter
	}{
		{"1970-01-01T00:00:00Z", 0}, {"1970-01-01T00:14:59.999999999Z", 0}, {"1970-01-01T00:15:00Z", 1},
		{"1969-12-31T23:59:59.5Z", -1}, {"1970-01-01T01:00:00+01:00", 0},
	} {
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := activity.QuarterOf(at); got != c.want || got.Start().After(at) || !(got + 1).Start().After(at) {
			t.Errorf("%s is in %d, want %d", c.at, got, c.want)
		}
	}
}

func BenchmarkNewDays(b *testing.B) {
	z := zone(b, "Europe/London")
	for b.Loop() {
		if _, err := activity.NewDays(z, 18000, 18399); err != nil {
			b.Fatal(err)
		}
	}
}
