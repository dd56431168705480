package ingest

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/activity"
	"ordertally/shared/broker"
)

// metrics of one Ingest. Every series exists from the start, except the lag of partitions that are not known yet.
type metrics struct {
	consumed   prometheus.Counter
	counted    prometheus.Counter
	duplicates prometheus.Counter
	poison     *prometheus.CounterVec
	batch      prometheus.Histogram
	seconds    prometheus.Histogram

	repositions *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, name string, in *Ingest) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "activity_counted_total", Help: "Messages counted.",
	}, []string{"activity"})
	m := &metrics{
		consumed:   counter("activity_consumed_total", "Records read and applied, duplicates and poison too."),
		counted:    counted.WithLabelValues(name),
		duplicates: counter("activity_duplicates_total", "Messages refused because they had been counted before."),
		poison: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "activity_poison_total", Help: "Messages parked because they cannot be counted.",
		}, []string{"reason"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "activity_batch_messages", Help: "Records that shared one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "activity_placed_to_counted_seconds",
			Help:    "Time from the commit of an order, by its record's timestamp, to the commit of its count.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 600},
		}),
		repositions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "activity_repositions_total",
			Help: "Times that reading a partition went on elsewhere than at its position, because the topic was not any more what had been read.",
		}, []string{"reason"}),
	}
	for _, reason := range activity.Reasons() {
		m.poison.WithLabelValues(string(reason))
	}
	for _, reason := range broker.Reasons() {
		m.repositions.WithLabelValues(string(reason))
	}
	reg.MustRegister(m.consumed, counted, m.duplicates, m.poison, m.batch, m.seconds, m.repositions, newScraped(in))
	return m
}

func (m *metrics) applied(batch *activity.Batch, counted []bool, now time.Time) {
	records := len(batch.Messages) + len(batch.Parked)
	if records == 0 {
		return // only positions moved
	}
	m.consumed.Add(float64(records))
	m.batch.Observe(float64(records))
	for i, first := range counted {
		if !first {
			m.duplicates.Inc()
			continue
		}
		m.counted.Inc()
		m.seconds.Observe(max(now.Sub(batch.Messages[i].Timestamp).Seconds(), 0)) // two machines' clocks
	}
	for i := range batch.Parked {
		m.poison.WithLabelValues(string(batch.Parked[i].Poison.Reason)).Inc()
	}
}

// scraped are the gauges that are read when somebody asks.
type scraped struct {
	in     *Ingest
	lag    *prometheus.Desc
	parked *prometheus.Desc
}

func newScraped(in *Ingest) *scraped {
	return &scraped{
		in: in,
		lag: prometheus.NewDesc("activity_lag_messages",
			"Records of a partition that are not counted yet.", []string{"partition"}, nil),
		parked: prometheus.NewDesc("activity_parked_messages", "Messages parked now.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (s *scraped) Describe(descs chan<- *prometheus.Desc) { descs <- s.lag; descs <- s.parked }

// scrapeTimeout bounds the read of the store: it waits for one commit at most.
const scrapeTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (s *scraped) Collect(metrics chan<- prometheus.Metric) {
	lag, _ := s.in.Lag()
	for partition, n := range lag {
		metrics <- prometheus.MustNewConstMetric(s.lag, prometheus.GaugeValue, float64(n), strconv.Itoa(int(partition)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	parked, err := s.in.store.ParkedCount(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(s.parked, err)
		return
	}
	metrics <- prometheus.MustNewConstMetric(s.parked, prometheus.GaugeValue, float64(parked))
}
