package ingest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/activity"
	"ordertally/shared/kafka"
	"ordertally/shared/service/metric"
)

// Metrics are those of all activities of a service together. Every series exists from the start, except the lag of
// partitions that are not known yet.
type Metrics struct {
	consumed   prometheus.Counter
	counted    *prometheus.CounterVec
	duplicates prometheus.Counter
	poison     *prometheus.CounterVec
	covered    prometheus.Counter
	unknown    prometheus.Counter
	batch      prometheus.Histogram
	seconds    prometheus.Histogram

	repositions *prometheus.CounterVec
	scraped     *scraped
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		consumed: metric.Counter(reg, "activity_consumed_total",
			"Records read and applied, duplicates and poison too."),
		counted: metric.Counters[string](reg, "activity_counted_total", "Messages counted, by activity.", "activity",
			nil), // watch adds each activity
		duplicates: metric.Counter(reg, "activity_duplicates_total",
			"Messages refused because they had been counted before."),
		poison: metric.Counters(reg, "activity_poison_total",
			"Messages parked because they cannot be counted, by reason.",
			"reason", activity.Reasons()),
		covered: metric.Counter(reg, "activity_covered_counted_total", "Messages counted although their lineage and "+
			"sequence number were already covered. Each is an incident: another program writes sequence numbers that "+
			"are not its own."),
		unknown: metric.Counter(reg, "activity_unknown_types_total",
			"Messages of unknown types that were passed over, because their program may send new types."),
		batch: metric.Histogram(reg, "activity_batch_messages",
			"Messages counted, refused or parked in one transaction, of all its activities.", 1, 4, 7),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "activity_placed_to_counted_seconds",
			Help:    "Time from the commit of an order, by its record's timestamp, to the commit of its count.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 600},
		}),
		repositions: metric.Counters(reg, "activity_repositions_total",
			"Times that reading a partition resumed elsewhere "+
				"than at its position, because the topic had changed, by reason.", "reason", kafka.Reasons()),
		scraped: newScraped(),
	}
	reg.MustRegister(m.seconds, m.scraped)
	return m
}

// applied notes what one transaction applied.
func (m *Metrics) applied(batches []*activity.Batch) {
	records := 0
	for _, batch := range batches {
		m.unknown.Add(float64(batch.UnknownTypes))
		records += len(batch.Messages) + len(batch.Parked)
	}
	if records > 0 { // otherwise only positions moved
		m.consumed.Add(float64(records))
		m.batch.Observe(float64(records))
	}
}

// counts notes what became of a batch of one activity.
func (m *Metrics) counts(name string, batch *activity.Batch, verdicts []activity.Verdict, now time.Time) {
	counted := 0
	for i, verdict := range verdicts {
		switch verdict {
		case activity.VerdictDuplicate:
			m.duplicates.Inc()
		case activity.VerdictCovered:
			m.covered.Inc()
		}
		if !verdict.Counts() {
			continue
		}
		counted++
		if batch.Messages[i].Republished {
			continue // its record has the time of the repetition
		}
		m.seconds.Observe(max(now.Sub(batch.Messages[i].Timestamp).Seconds(), 0)) // two machines' clocks
	}
	m.counted.WithLabelValues(name).Add(float64(counted))
	for i := range batch.Parked {
		m.poison.WithLabelValues(string(batch.Parked[i].Poison.Reason)).Inc()
	}
}

// watch has an ingest's gauges read.
func (m *Metrics) watch(in *Ingest) {
	for i := range in.counters {
		m.counted.WithLabelValues(in.counters[i].def.Name)
	}
	m.scraped.mu.Lock()
	defer m.scraped.mu.Unlock()
	m.scraped.all = append(m.scraped.all, in)
}

// scraped are the gauges that are read when somebody asks.
type scraped struct {
	mu          sync.Mutex
	all         []*Ingest
	lag         *prometheus.Desc
	activityLag *prometheus.Desc
	added       *prometheus.Desc
	held        *prometheus.Desc
	outage      *prometheus.Desc
	ledgers     []ledgerMetric
}

// ledgerMetric is a number of the ledgers, of all activities together.
type ledgerMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*activity.Ledgers) int64
}

func desc(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

func gauge(name, help string, of func(*activity.Ledgers) int64) ledgerMetric {
	return ledgerMetric{desc(name, help), prometheus.GaugeValue, of}
}

func messagesIn(name activity.Ledger) func(*activity.Ledgers) int64 {
	return func(l *activity.Ledgers) int64 { return l.Sizes[name].Messages }
}

func bytesIn(name activity.Ledger) func(*activity.Ledgers) int64 {
	return func(l *activity.Ledgers) int64 { return l.Sizes[name].Bytes }
}

func newScraped() *scraped {
	return &scraped{
		lag: prometheus.NewDesc(
			"activity_lag_messages",
			"Offsets of a partition up to its end that are not counted yet, of all topics together.",
			[]string{"partition"},
			nil,
		),
		activityLag: prometheus.NewDesc("activity_partition_lag_messages",
			"Offsets of a partition up to its end that are not counted yet.", []string{"activity", "partition"}, nil),
		held: desc(
			"activity_open_transaction_wait_seconds",
			"For how long reading has waited for the end of another program's open transaction, of the partition "+
				"that waits longest; 0 when none does.",
		),
		outage: desc("activity_kafka_outage_seconds", "For how long activity has not been able to read from Kafka, of "+
			"the topic where that is longest; 0 while it can, and while a start reads batch by batch."),
		added: desc(
			"activity_partitions_added_total",
			"Partitions that the topics got since the service started to read them.",
		),
		ledgers: []ledgerMetric{
			gauge("activity_parked_messages", "Messages parked now.", messagesIn(activity.ParkedLedger)),
			gauge("activity_parked_bytes", "Size of the messages parked now.", bytesIn(activity.ParkedLedger)),
			gauge(
				"activity_late_messages",
				"Messages in the late ledger now. An operator must decide whether they count.",
				messagesIn(activity.LateLedger),
			),
			gauge("activity_late_bytes", "Size of the messages in the late ledger now.", bytesIn(activity.LateLedger)),
			gauge(
				"activity_conflicts",
				"Messages in the conflict ledger now: another message had their id. An operator must decide whether "+
					"they count.",
				messagesIn(activity.ConflictLedger),
			),
			gauge(
				"activity_conflict_bytes",
				"Size of the messages in the conflict ledger now.",
				bytesIn(activity.ConflictLedger),
			),
			gauge(
				"activity_lineages",
				"Lineages seen since the file was made. Each is one database file of an order service.",
				func(l *activity.Ledgers) int64 { return l.Lineages },
			),
			gauge(
				"activity_ledger_limit_bytes",
				"Maximum size of the messages in each ledger, for all activities together.",
				func(l *activity.Ledgers) int64 { return l.LimitBytes },
			),
			gauge(
				"activity_processed_keys",
				"Ids in the set of processed keys.",
				func(l *activity.Ledgers) int64 { return l.Keys },
			),
			{
				desc(
					"activity_ledger_overflow_total",
					"Messages that a full ledger had no room for, since the file was made: their places are kept.",
				),
				prometheus.CounterValue,
				func(l *activity.Ledgers) int64 { return l.Overflowed },
			},
			{
				desc(
					"activity_ledger_expired_total",
					"Messages that the ledgers dropped past their retention, since the file was made.",
				),
				prometheus.CounterValue,
				func(l *activity.Ledgers) int64 { return l.Expired },
			},
		},
	}
}

// Describe implements prometheus.Collector.
func (s *scraped) Describe(descs chan<- *prometheus.Desc) {
	descs <- s.lag
	descs <- s.activityLag
	descs <- s.added
	descs <- s.held
	descs <- s.outage
	for _, l := range s.ledgers {
		descs <- l.desc
	}
}

// scrapeTimeout bounds the read of the store: it waits for one commit at most.
const scrapeTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (s *scraped) Collect(metrics chan<- prometheus.Metric) {
	s.mu.Lock()
	all := slices.Clone(s.all)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	total, sums := map[int32]int64{}, make([]int64, len(s.ledgers))
	added, waits, outage := 0, 0.0, 0.0
	for _, in := range all {
		added += in.source.PartitionsAdded()
		if held := in.source.Held(); held.Partitions > 0 {
			waits = max(waits, in.config.Clock.Now().Sub(held.Since).Seconds())
		}
		if link := in.source.Link(); link.State == kafka.LinkDown {
			outage = max(outage, in.config.Clock.Now().Sub(link.Since).Seconds())
		}
		lag, _ := in.Lag()
		for partition, n := range lag {
			for i := range in.counters {
				total[partition] += n
				metrics <- prometheus.MustNewConstMetric(s.activityLag, prometheus.GaugeValue, float64(n),
					in.counters[i].def.Name, strconv.Itoa(int(partition)))
			}
		}
		ledgers, err := in.store.Ledgers(ctx)
		if err != nil {
			metrics <- prometheus.NewInvalidMetric(s.ledgers[0].desc, err)
			return
		}
		for of := range ledgers {
			for i, l := range s.ledgers {
				sums[i] += l.of(&ledgers[of])
			}
		}
	}
	metrics <- prometheus.MustNewConstMetric(s.added, prometheus.CounterValue, float64(added))
	metrics <- prometheus.MustNewConstMetric(s.held, prometheus.GaugeValue, waits)
	metrics <- prometheus.MustNewConstMetric(s.outage, prometheus.GaugeValue, outage)
	for partition, n := range total {
		metrics <- prometheus.MustNewConstMetric(s.lag, prometheus.GaugeValue, float64(n), strconv.Itoa(int(partition)))
	}
	for i, l := range s.ledgers {
		metrics <- prometheus.MustNewConstMetric(l.desc, l.kind, float64(sums[i]))
	}
}
