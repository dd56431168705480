package orderstore_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// BenchmarkCheck checks a file of 100,000 orders, whose messages are all kept. It tells the time and the allocations of
// each record.
func BenchmarkCheck(b *testing.B) {
	const orders = 100_000
	path := filepath.Join(b.TempDir(), "order.db")
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		b.Fatal(err)
	}
	box, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		b.Fatal(err)
	}
	store, err := orderstore.Open(b.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	fillWith(b, store, orders)
	if err := orderstore.Reindex(context.Background(), db, time.Time{}); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	records := 0
	for b.Loop() {
		done, err := boltdb.CheckFile(b.Context(), path, orderstore.Check)
		if err != nil || len(done.Faults) > 0 {
			b.Fatal(err, done.Faults)
		}
		records = done.Records
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
	b.ReportMetric(float64(records), "records")
}
