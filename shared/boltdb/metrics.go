package boltdb

import "github.com/prometheus/client_golang/prometheus"

// Metrics are those of one database file and its commits.
type Metrics struct {
	reg      prometheus.Registerer
	prefix   string
	commit   prometheus.Histogram
	sync     prometheus.Histogram
	requests prometheus.Histogram
}

// NewMetrics registers the metrics of commits under prefix, such as "order" for order_commit_seconds. Observe goes into
// Options.OnCommit.
func NewMetrics(reg prometheus.Registerer, prefix string) *Metrics {
	histogram := func(name, help string, first, factor float64, buckets int) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: prefix, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(first, factor, buckets)})
	}
	m := &Metrics{
		reg: reg, prefix: prefix,
		commit: histogram("commit_seconds",
			"Time of one group commit, from its first request to the end of the fsync.", 0.0001, 2, 16),
		sync: histogram("commit_sync_seconds", "Part of a group commit spent writing pages and in fsync.", 0.0001,
			2, 16),
		requests: histogram("commit_requests", "Requests that shared one group commit.", 1, 2, 13),
	}
	reg.MustRegister(m.commit, m.sync, m.requests)
	return m
}

// Observe counts one commit.
func (m *Metrics) Observe(s CommitStats) {
	m.commit.Observe(s.Took.Seconds())
	m.sync.Observe(s.Sync.Seconds())
	m.requests.Observe(float64(s.Requests))
}

// Watch adds the size of db's file, and how much of it is known to be damaged, read at each scrape.
func (m *Metrics) Watch(db *DB) {
	gauge := func(name, help string, value func(Size) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: m.prefix, Name: name, Help: help},
			func() float64 {
				size, err := db.Size()
				if err != nil {
					return -1
				}
				return float64(value(size))
			})
	}
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: m.prefix,
		Name:      "scrub_errors",
		Help:      "Known damaged pages and records of the database file: found by the last scrub, or read since.",
	}, func() float64 { return float64(len(db.Incidents())) }))
	m.reg.MustRegister(
		gauge("database_bytes", "Length of the database file, -1 when it cannot be read.",
			func(s Size) int64 { return s.Bytes }),
		gauge("database_free_bytes", "Part of the database file that later writes reuse.",
			func(s Size) int64 { return s.FreeBytes }),
	)
}
