package history_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/clock"
	"ordertally/shared/service/history"
	"ordertally/shared/service/metric"
)

func values(last history.Last, name string) []float64 {
	list := make([]float64, len(last.Figures[name]))
	for i, value := range last.Figures[name] {
		list[i] = math.NaN()
		if value != nil {
			list[i] = *value
		}
	}
	return list
}

// TestHistory_KeepsLevelsRatesAndTimes takes values while metrics move. Those that are not known yet are gaps.
func TestHistory_KeepsLevelsRatesAndTimes(t *testing.T) {
	reg, now := prometheus.NewRegistry(), clock.NewManual(time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC))
	lag := 7
	metric.GaugeOf(reg, "x_lag", "Lag.", func() int { return lag })
	counted := metric.Counters(reg, "x_counted_total", "Counted.", "activity", []string{"a", "b"})
	took := metric.Histogram(reg, "x_seconds", "Time.", 0.001, 2, 10)
	h := history.New(reg, now,
		history.Figure{Name: "lag", Metric: "x_lag"},
		history.Figure{Name: "counted", Metric: "x_counted_total", As: history.Rate},
		history.Figure{Name: "median", Metric: "x_seconds", As: history.Median},
		history.Figure{Name: "slowest", Metric: "x_seconds", As: history.Slowest},
		history.Figure{Name: "none", Metric: "x_none"})
	counted.WithLabelValues("a").Add(1000) // before the first value, so no rate is known of it
	took.Observe(100)
	h.Take()
	now.Advance(10 * time.Second)
	lag = 0
	counted.WithLabelValues("a").Add(30)
	counted.WithLabelValues("b").Add(20)
	for range 99 {
		took.Observe(0.003)
	}
	took.Observe(0.3)
	h.Take()
	now.Advance(10 * time.Second)
	h.Take()
	last := h.Last()
	unknown := math.NaN()
	for name, want := range map[string][]float64{
		"lag": {7, 0, 0}, "counted": {unknown, 5, 0}, "none": {unknown, unknown, unknown},
		"median": {unknown, 0.00301, unknown}, "slowest": {unknown, 0.004, unknown},
	} {
		if got := values(last, name); !slices.EqualFunc(got, want, func(a, b float64) bool {
			return math.Abs(a-b) < 0.0001 || math.IsNaN(a) && math.IsNaN(b)
		}) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if last.EverySeconds != 10 || !last.Until.Equal(now.Now()) {
		t.Errorf("every %v s until %v", last.EverySeconds, last.Until)
	}
}

func TestHistory_KeepsNoMoreThanAnHour(t *testing.T) {
	reg, n := prometheus.NewRegistry(), 0
	metric.GaugeOf(reg, "x_lag", "Lag.", func() int { return n })
	h := history.New(reg, clock.NewManual(time.Time{}), history.Figure{Name: "lag", Metric: "x_lag"})
	for n = range history.Values + 5 {
		h.Take()
	}
	got := values(h.Last(), "lag")
	if len(got) != history.Values || got[0] != 5 || got[len(got)-1] != float64(history.Values+4) {
		t.Errorf("%d values from %v to %v", len(got), got[0], got[len(got)-1])
	}
}
