package activityd

import (
	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/boltdb"
)

// storeMetrics tells of the commits of the database file.
type storeMetrics struct {
	commit prometheus.Histogram
	sync   prometheus.Histogram
}

func newStoreMetrics(reg prometheus.Registerer) *storeMetrics {
	seconds := prometheus.ExponentialBuckets(0.0001, 2, 16)
	m := &storeMetrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "activity_commit_seconds", Help: "Time of one transaction, from deciding what counts to the end of the fsync.", Buckets: seconds}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "activity_commit_sync_seconds", Help: "Part of a transaction spent writing pages and in fsync.", Buckets: seconds}),
	}
	reg.MustRegister(m.commit, m.sync)
	return m
}

func (m *storeMetrics) observe(s boltdb.CommitStats) {
	m.commit.Observe(s.Took.Seconds())
	m.sync.Observe(s.Sync.Seconds())
}

// watchFile adds the size of the file, read at each scrape.
func watchFile(reg prometheus.Registerer, db *boltdb.DB) {
	gauge := func(name, help string, value func(boltdb.Size) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			size, err := db.Size()
			if err != nil {
				return -1
			}
			return float64(value(size))
		})
	}
	reg.MustRegister(
		gauge("activity_database_bytes", "Length of the database file, -1 when it cannot be read.", func(s boltdb.Size) int64 { return s.Bytes }),
		gauge("activity_database_free_bytes", "Part of the database file that later writes reuse.", func(s boltdb.Size) int64 { return s.FreeBytes }),
	)
}
