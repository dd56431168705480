package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of one outbox and its relay. Every series exists from the start.
type Metrics struct {
	published prometheus.Counter
	failures  *prometheus.CounterVec
	delay     prometheus.Histogram
	batchSize prometheus.Histogram
	batchTime prometheus.Histogram

	transactions *prometheus.CounterVec
	incidents    *prometheus.CounterVec
	republished  prometheus.Counter
	recovered    prometheus.Counter
}

// NewMetrics registers the metrics of o under prefix, such as "order" for order_outbox_backlog_messages. Backlog and
// age are exact at every scrape.
func NewMetrics(reg prometheus.Registerer, prefix string, o *Outbox) *Metrics {
	const subsystem = "outbox"
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: prefix, Subsystem: subsystem, Name: name,
			Help: help}, value)
	}
	histogram := func(name, help string, first, factor float64, n int) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: prefix, Subsystem: subsystem, Name: name, Help: help,
			Buckets: prometheus.ExponentialBuckets(first, factor, n),
		})
	}
	m := &Metrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: prefix, Subsystem: subsystem, Name: "published_total",
			Help: "Messages published since the process started."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: prefix, Subsystem: subsystem, Name: "publish_failures_total",
			Help: "Failed attempts to publish, by class: a message's own fault counts once an attempt, an outage " +
				"once a try."}, []string{"class"}),
		delay:     histogram("publish_delay_seconds", "Time from a message's commit to its publication.", 0.001, 2, 20),
		batchSize: histogram("batch_messages", "Messages in one published transaction.", 1, 4, 8),
		batchTime: histogram("batch_seconds", "Time to publish one transaction.", 0.001, 2, 15),
	}
	m.transactions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: prefix, Subsystem: subsystem, Name: "transactions_total",
		Help: "Transactions with the publisher, by result; of a failed one the outcome is read back."},
		[]string{"result"})
	m.incidents = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: prefix, Subsystem: subsystem, Name: "incidents_total",
		Help: "What was found amiss between the file and the topic, by kind."}, []string{"kind"})
	m.republished = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: prefix, Subsystem: subsystem, Name: "republished_total",
		Help: "Messages published again because the topic had lost them."})
	m.recovered = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: prefix, Subsystem: subsystem, Name: "recovered_total",
		Help: "Messages found published after a crash or an unknown outcome, which sending again would have doubled."})
	for _, result := range []string{committed, rejected, failed} {
		m.transactions.WithLabelValues(result)
	}
	for _, kind := range IncidentKinds() {
		m.incidents.WithLabelValues(string(kind))
	}
	for _, class := range Classes() {
		m.failures.WithLabelValues(string(class))
	}
	reg.MustRegister(
		m.published,
		m.failures,
		m.delay,
		m.batchSize,
		m.batchTime,
		m.transactions,
		m.incidents,
		m.republished,
		m.recovered,
		gauge(
			"backlog_messages",
			"Messages that are neither published nor parked.",
			func() float64 { return float64(o.Backlog()) },
		),
		gauge(
			"waiting_messages",
			"Messages that were refused and will be retried, or wait behind one that was.",
			func() float64 { return float64(o.Waiting()) },
		),
		gauge(
			"parked_messages",
			"Messages that failed too often and wait for an operator.",
			func() float64 { return float64(o.Parked()) },
		),
		gauge(
			"handed_over_messages",
			"Messages left to another file, of which this one turned out to be a copy.",
			func() float64 { return float64(o.HandedOver()) },
		),
		gauge(
			"held_back_seconds",
			"For how long nothing has been published because the relay waits for other programs' transactions to "+
				"end; 0 when it does not wait.",
			func() float64 { return o.HeldBackFor().Seconds() },
		),
		gauge(
			"retained_messages",
			"Messages in the file: those that are not published, and those published that have not expired.",
			func() float64 { return float64(o.retained.Load()) },
		),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: prefix, Subsystem: subsystem, Name: "expired_total",
			Help: "Published and discarded messages that retention deleted since the process started."},
			func() float64 { return float64(o.expired.Load()) }),
		gauge("oldest_unpublished_seconds",
			"Age of the oldest message that is neither published nor parked, 0 when there is none.",
			func() float64 { return o.OldestAge().Seconds() }),
	)
	return m
}

// OldestAge is for how long the oldest message has waited that is neither published nor parked; 0 when there is none,
// or when the file does not answer within a second.
func (o *Outbox) OldestAge() time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	oldest, err := o.OldestUnpublished(ctx)
	if err != nil || oldest.IsZero() {
		return 0
	}
	return max(o.config.Clock.Now().Sub(oldest), 0)
}

// Results of transactions.
const (
	committed = "committed"
	rejected  = "rejected"
	failed    = "failed"
)

// ended counts a transaction that ended with err.
func (m *Metrics) ended(err error) {
	result := committed
	if _, ok := errors.AsType[*RejectedError](err); ok {
		result = rejected
	} else if err != nil {
		result = failed
	}
	m.transactions.WithLabelValues(result).Inc()
}

func (m *Metrics) found(f Incident) {
	m.incidents.WithLabelValues(string(f.Kind)).Inc()
	if f.Kind == IncidentRecovered {
		m.recovered.Add(float64(f.Messages))
	}
}

func (m *Metrics) failed(class Class) { m.failures.WithLabelValues(string(class)).Inc() }

func (m *Metrics) publishedBatch(rows []row, now time.Time, took time.Duration) {
	m.published.Add(float64(len(rows)))
	m.batchSize.Observe(float64(len(rows)))
	m.batchTime.Observe(took.Seconds())
	for i := range rows {
		m.delay.Observe(max(now.Sub(rows[i].committed), 0).Seconds())
	}
}
