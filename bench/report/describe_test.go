package report_test

import (
	"testing"

	"ordertally/bench/report"
)

func TestNumber_HasThreeDigitsThatMatter(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", .0981: "0.098", .5: "0.5", 1: "1", 1.234: "1.23", 45.67: "45.7", 100: "100", 999.6: "1,000",
		1234:   "1,230",
		27_512: "27,500", 1_234_567: "1,230,000", -1500: "-1,500",
	} {
		if got := report.Number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestRow_DividesRoundByRound(t *testing.T) {
	r := &report.Row{Name: "row"}
	for i := range 3 {
		r.Add("a", "orders/s", float64(2*i+2))
		r.Add("b", "orders/s", float64(i+1))
	}
	values, unit, err := r.Values(report.Figure{Series: "a", Of: "b"})
	if err != nil || unit != "" || report.Median(values) != 2 {
		t.Errorf("%v, %q, %v", values, unit, err)
	}
	r.Add("a", "orders/s", 1)
	if _, _, err := r.Values(report.Figure{Series: "a", Of: "b"}); err == nil {
		t.Error("a round is missing, and nobody says so")
	}
}
