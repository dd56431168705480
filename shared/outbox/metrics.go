package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/service/metric"
)

// Metrics are those of one outbox and its relay. All series exist from the start.
type Metrics struct {
	published prometheus.Counter
	failures  *prometheus.CounterVec
	delay     prometheus.Histogram
	batchSize prometheus.Histogram
	batchTime prometheus.Histogram

	transactions *prometheus.CounterVec
	incidents    *prometheus.CounterVec
	republished  prometheus.Counter
	requested    prometheus.Counter
	recovered    prometheus.Counter
}

// NewMetrics registers the metrics of o under prefix. For "order" there is order_outbox_backlog_messages. Backlog and
// age are exact at every scrape.
func NewMetrics(reg prometheus.Registerer, prefix string, o *Outbox) *Metrics {
	prefix += "_outbox_"
	metric.GaugeOf(reg, prefix+"backlog_messages", "Messages that are neither published nor parked.", o.Backlog)
	metric.GaugeOf(reg, prefix+"waiting_messages",
		"Messages that were refused and will be retried, or wait behind one that was.", o.Waiting)
	metric.GaugeOf(reg, prefix+"parked_messages", "Messages that failed too often and wait for an operator.", o.Parked)
	metric.GaugeOf(reg, prefix+"held_back_seconds", "For how long nothing has been published because the relay waits "+
		"for other programs' transactions to end; 0 when it does not wait.",
		func() float64 { return o.HeldBackFor().Seconds() })
	metric.GaugeOf(reg, prefix+"retained_messages",
		"Messages in the file: those that are not published, and those published that have not expired.",
		o.retained.Load)
	metric.GaugeOf(reg, prefix+"oldest_unpublished_seconds",
		"Age of the oldest message that is neither published nor parked, 0 when there is none.",
		func() float64 { return o.OldestAge().Seconds() })
	metric.CounterOf(reg, prefix+"expired_total",
		"Published and discarded messages that retention deleted since the process started.", o.expired.Load)
	return &Metrics{
		published: metric.Counter(reg, prefix+"published_total", "Messages published since the process started."),
		failures: metric.Counters(reg, prefix+"publish_failures_total", "Failed attempts to publish, by class: a "+
			"message's own fault counts once an attempt, an outage once a try.", "class", Classes()),
		delay: metric.Histogram(reg, prefix+"publish_delay_seconds",
			"Time from a message's commit to its publication.", 0.001, 2, 20),
		batchSize: metric.Histogram(reg, prefix+"batch_messages", "Messages in one published transaction.", 1, 4, 8),
		batchTime: metric.Histogram(reg, prefix+"batch_seconds", "Time to publish one transaction.", 0.001, 2, 15),
		transactions: metric.Counters(reg, prefix+"transactions_total",
			"Transactions with the publisher, by result; of a failed one the outcome is read back.", "result",
			[]string{resultCommitted, resultRejected, resultFailed}),
		incidents: metric.Counters(reg, prefix+"incidents_total",
			"Differences found between the file and the log, by kind.", "kind", IncidentKinds()),
		republished: metric.Counter(reg, prefix+"republished_total",
			"Messages published again because the log had lost them."),
		requested: metric.Counter(reg, prefix+"republished_on_request_total",
			"Messages published once more because an operator asked for it."),
		recovered: metric.Counter(reg, prefix+"recovered_total",
			"Messages found published after a crash or an unknown "+
				"outcome, which sending again would have doubled."),
	}
}

// OldestAge returns the age of the oldest message that is neither published nor parked. It returns 0 if there is none,
// or if the file does not answer within a second.
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
	resultCommitted = "committed"
	resultRejected  = "rejected"
	resultFailed    = "failed"
)

// ended counts a transaction that ended with err.
func (m *Metrics) ended(err error) {
	result := resultCommitted
	if _, ok := errors.AsType[*RejectedError](err); ok {
		result = resultRejected
	} else if err != nil {
		result = resultFailed
	}
	m.transactions.WithLabelValues(result).Inc()
}

func (m *Metrics) found(f *Incident) {
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
