package orderstore_test

import (
	"fmt"
	"runtime"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/order"
)

// BenchmarkCommit tells what a commit of usual orders takes: pages, bbolt's nodes, and allocations of the whole
// process. The file has 20,000 orders before, so that its trees have their usual height.
//
//	go test -run - -bench 'Commit$' -benchtime 200x ./order/orderstore
func BenchmarkCommit(b *testing.B) {
	f := newFixture(b)
	n := int64(0)
	usuals := func(orders int) []*order.Request {
		requests := make([]*order.Request, orders)
		for i := range requests {
			n++
			requests[i] = usual(n)
		}
		return requests
	}
	place := func(requests []*order.Request) {
		for _, placed := range f.store.PlaceAll(b.Context(), requests) {
			if placed.Err != nil {
				b.Fatal(placed.Err)
			}
		}
	}
	for range 20 {
		place(usuals(1000))
	}
	for _, orders := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(orders), func(b *testing.B) {
			var before, after runtime.MemStats
			allocs, bytes := uint64(0), uint64(0)
			stats := statsOf(b, f)
			for range b.N {
				requests := usuals(orders)
				runtime.ReadMemStats(&before)
				place(requests)
				runtime.ReadMemStats(&after)
				allocs += after.Mallocs - before.Mallocs
				bytes += after.TotalAlloc - before.TotalAlloc
			}
			took := statsOf(b, f)
			took = took.Sub(&stats)
			for _, metric := range []struct {
				unit  string
				total float64
			}{
				{"pages/commit", float64(took.GetPageCount())},
				{"nodes/commit", float64(took.GetNodeCount())},
				{"spills/commit", float64(took.GetSpill())},
				{"rebalances/commit", float64(took.GetRebalance())},
				{"pwrites/commit", float64(took.GetWrite())},
				{"page-KB/commit", float64(took.GetPageAlloc()) / 1024},
				{"allocs/commit", float64(allocs)},
				{"KB/commit", float64(bytes) / 1024},
			} {
				b.ReportMetric(metric.total/float64(b.N), metric.unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func statsOf(b *testing.B, f *fixture) bbolt.TxStats {
	b.Helper()
	var stats bbolt.TxStats
	if err := f.db.View(b.Context(), func(tx *bbolt.Tx) error {
		stats = tx.DB().Stats().TxStats
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return stats
}
