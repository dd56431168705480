package boltdb

import (
	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/service/metric"
)

// Metrics are the metrics of one database file and its commits.
type Metrics struct {
	reg      prometheus.Registerer
	prefix   string
	commit   prometheus.Histogram
	sync     prometheus.Histogram
	requests prometheus.Histogram
}

// NewMetrics registers the metrics of commits under prefix, such as "order" for order_commit_seconds. Pass Observe as
// Options.OnCommit.
func NewMetrics(reg prometheus.Registerer, prefix string) *Metrics {
	return &Metrics{
		reg: reg, prefix: prefix,
		commit: metric.Histogram(reg, prefix+"_commit_seconds",
			"Time of one group commit, from its first request to the end of the fsync.", 0.0001, 2, 16),
		sync: metric.Histogram(reg, prefix+"_commit_sync_seconds",
			"Part of a group commit spent writing pages and in fsync.", 0.0001, 2, 16),
		requests: metric.Histogram(reg, prefix+"_commit_requests", "Requests that shared one group commit.", 1, 2, 13),
	}
}

// Observe counts one commit.
func (m *Metrics) Observe(s CommitStats) {
	m.commit.Observe(s.Took.Seconds())
	m.sync.Observe(s.Sync.Seconds())
	m.requests.Observe(float64(s.Requests))
}

// Watch adds the size of db's file and the amount of known damage. Both are read at each scrape.
func (m *Metrics) Watch(db *DB) {
	gauge := func(name, help string, value func(Size) int64) {
		metric.GaugeOf(m.reg, m.prefix+name, help, func() int64 {
			size, err := db.Size()
			if err != nil {
				return -1
			}
			return value(size)
		})
	}
	gauge("_database_bytes", "Length of the database file, -1 when it cannot be read.",
		func(s Size) int64 { return s.Bytes })
	gauge("_database_free_bytes", "Part of the database file that later writes reuse.",
		func(s Size) int64 { return s.FreeBytes })
	metric.GaugeOf(m.reg, m.prefix+"_database_free_pages", "Free pages of the database file. Each commit writes the "+
		"list of them, so what deletes much waits while there are more than 8,192.", db.FreePages)
	metric.GaugeOf(m.reg, m.prefix+"_scrub_errors",
		"Known damaged pages and records of the database file: found by the last scrub, or read since.",
		func() int { return len(db.Incidents()) })
}
