// Package metric declares metrics, each in one call: name, help and label, registered, and visible from the start.
//
//	m.refused = metric.Counters(reg, "order_refused_total", "Placements refused, by reason.", "reason", Reasons())
//
// docs/reference/metrics.md is made from what the services register. A test in stack/docs holds all of them to the
// rules of Prometheus. Registering a metric twice is a bug in the program, and panics.
package metric

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Counter declares a counter.
func Counter(reg prometheus.Registerer, name, help string) prometheus.Counter {
	return register(reg, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

// Counters declares a counter for each value of a label. No other values may occur. Each counter exists from the start,
// at 0.
func Counters[V ~string](
	reg prometheus.Registerer, name, help, label string, values []V,
) *prometheus.CounterVec {
	vec := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label}))
	for _, value := range values {
		vec.WithLabelValues(string(value))
	}
	return vec
}

// CounterOf declares a counter that is read at each scrape.
func CounterOf[N int | int64 | uint64](reg prometheus.Registerer, name, help string, value func() N) {
	register(reg, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// GaugeOf declares a gauge that is read at each scrape.
func GaugeOf[N int | int64 | float64](reg prometheus.Registerer, name, help string, value func() N) {
	register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// Histogram declares a histogram of n buckets. The first one ends at first. Each other ends at factor times the
// previous bound.
func Histogram(reg prometheus.Registerer, name, help string, first, factor float64, n int) prometheus.Histogram {
	return register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, factor, n),
	}))
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	reg.MustRegister(c)
	return c
}
