// Package history keeps the last hour of a few of a service's metrics in memory, so that a page that is opened late has
// a past. It is no monitoring: it knows one process, and is gone with it.
package history

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"ordertally/shared/auth"
	"ordertally/shared/clock"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
)

const (
	// Path is that of the route.
	Path = "/v1/history"
	// Every is the time from one value to the next.
	Every = 10 * time.Second
	// Values is how many values of a figure are kept: those of an hour.
	Values = int(time.Hour / Every)
)

// As says what is kept of a metric.
type As int

// What can be kept of a metric.
const (
	Level   As = iota // a gauge as it is
	Rate              // growth of a counter, a second
	Median            // the median of a histogram's new observations
	Slowest           // the 99th percentile of a histogram's new observations
)

// Figure is one line of a history. The series of all labels of its metric are added up.
type Figure struct {
	Name   string // in answers
	Metric string
	As     As
}

// History is the last hour of some figures. It is safe for concurrent use.
type History struct {
	gatherer prometheus.Gatherer
	clock    clock.Clock
	figures  []Figure

	mu     sync.Mutex
	until  time.Time
	values [][]*float64 // by figure, the oldest first; nil where it is not known
	before map[string]sample
}

// New returns a history of figures of the gatherer's metrics. Run fills it.
func New(gatherer prometheus.Gatherer, clock clock.Clock, figures ...Figure) *History {
	return &History{gatherer: gatherer, clock: clock, figures: figures, values: make([][]*float64, len(figures))}
}

// Run takes a value of each figure now and then every 10 s, until ctx ends.
func (h *History) Run(ctx context.Context) error {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		h.Take()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Take takes a value of each figure. Metrics that cannot be read leave a gap.
func (h *History) Take() {
	families, _ := h.gatherer.Gather() // an error concerns single metrics: the others are there
	found := make(map[string]sample, len(families))
	for _, family := range families {
		found[family.GetName()] = sum(family)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.Now()
	seconds := now.Sub(h.until).Seconds()
	for i, figure := range h.figures {
		now, known := found[figure.Metric]
		before, hadOne := h.before[figure.Metric]
		var value *float64
		if known && (hadOne || figure.As == Level) {
			value = figure.As.of(now, before, seconds)
		}
		h.values[i] = append(h.values[i], value)
		h.values[i] = h.values[i][max(0, len(h.values[i])-Values):]
	}
	h.until, h.before = now, found
}

// sample is what a metric was at one moment.
type sample struct {
	value   float64
	count   uint64
	buckets map[float64]uint64 // of a histogram: observations up to each bound
}

func sum(family *dto.MetricFamily) sample {
	var s sample
	for _, m := range family.GetMetric() {
		s.value += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		if histogram := m.GetHistogram(); histogram != nil {
			if s.buckets == nil {
				s.buckets = map[float64]uint64{}
			}
			s.count += histogram.GetSampleCount()
			for _, bucket := range histogram.GetBucket() {
				s.buckets[bucket.GetUpperBound()] += bucket.GetCumulativeCount()
			}
		}
	}
	return s
}

// of returns the value of a figure, or nil if there is none, because nothing was observed.
func (as As) of(now, before sample, seconds float64) *float64 {
	var value float64
	switch as {
	case Level:
		value = now.value
	case Rate:
		if seconds <= 0 { // the clock was set back
			return nil
		}
		value = max(0, now.value-before.value) / seconds
	case Median:
		value = quantile(0.5, now, before)
	case Slowest:
		value = quantile(0.99, now, before)
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil
	}
	value = math.Round(value*1e6) / 1e6
	return &value
}

// quantile estimates a quantile of what was observed between two moments, as Prometheus does: observations are taken to
// be spread evenly within a bucket. Those beyond the last bound count as that bound. It is NaN if nothing was observed.
func quantile(q float64, now, before sample) float64 {
	if now.count <= before.count {
		return math.NaN()
	}
	rank := q * float64(now.count-before.count)
	var low, below float64
	for _, bound := range slices.Sorted(maps.Keys(now.buckets)) {
		upTo := float64(now.buckets[bound] - before.buckets[bound])
		if upTo >= rank && upTo > below {
			return low + (bound-low)*(rank-below)/(upTo-below)
		}
		low, below = bound, upTo
	}
	return low
}

// Last is the last hour, or less of a service that has not run for so long.
type Last struct {
	// When the newest values were taken.
	Until time.Time `json:"until"`
	// The time from one value to the next.
	// Example: 10
	EverySeconds float64 `json:"every_seconds" minimum:"1"`
	// The values of each figure, the oldest first: at most 360. A value that is not known is null.
	Figures map[string][]*float64 `json:"figures"`
}

// Last returns what is kept.
func (h *History) Last() Last {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := Last{Until: h.until, EverySeconds: Every.Seconds(), Figures: make(map[string][]*float64, len(h.figures))}
	for i, figure := range h.figures {
		last.Figures[figure.Name] = append([]*float64{}, h.values[i]...)
	}
	return last
}

// Routes returns the route. wrap answers a handler's error.
func (h *History) Routes(wrap func(func(http.ResponseWriter, *http.Request) error) http.HandlerFunc) []web.Route {
	return []web.Route{{Method: http.MethodGet, Path: Path, Scope: auth.OpsRead, Handler: wrap(h.answer)}}
}

// Operations describe the route, by method and path.
func Operations() map[string]openapi.Operation {
	return map[string]openapi.Operation{
		"GET " + Path: {
			ID: "getHistory", Summary: "The last hour of the service, a value every 10 s.",
			Description: "It is kept in memory, and begins with the process. A monitoring system reads /metrics.",
			Answer:      Last{}, AnswerHeaders: openapi.Fresh(),
		},
	}
}

func (h *History) answer(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	text, err := json.Marshal(h.Last())
	if err != nil {
		return fmt.Errorf("write the last hour: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // the client may have gone
	return nil
}
