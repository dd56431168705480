package activity_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ordertally/activity"
)

func TestSumsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum activity.Sum
		want := new(big.Int)
		for _, n := range rapid.SliceOfN(rapid.Int64Min(0), 0, 30).Draw(t, "amounts") {
			sum = sum.Plus(activity.SumOf(n))
			want.Add(want, big.NewInt(n))
		}
		double := sum.Plus(sum)
		if sum.String() != want.String() || double.String() != want.Lsh(want, 1).String() {
			t.Fatalf("%s and %s, want half of and %s", sum, double, want)
		}
	})
}

func TestTotalsBeyondInt64(t *testing.T) {
	var totals activity.Totals
	for range 3 {
		totals.Add(&activity.Event{At: time.Unix(0, 0), Items: 1, Units: math.MaxInt64, Currency: "JPY", Revenue: math.MaxInt64})
	}
	text, err := json.Marshal(totals.Revenue)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"JPY":27670116110564327421}`; string(text) != want {
		t.Fatalf("got %s, want %s", text, want)
	}
}

func TestQuarterOf(t *testing.T) {
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
