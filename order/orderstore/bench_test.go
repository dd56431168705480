package orderstore_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

const benchWriters = 256

// request returns an order of three lines; keyed gives it an idempotency key of its own.
func request(n int64, keyed bool) *order.Request {
	placed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	payload := event.Encode(&event.Order{
		Reference: fmt.Sprint(n), Currency: "GBP", Total: 6150, PlacedAt: placed,
		Lines: []event.Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 6, UnitPrice: 339},
			{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
		},
	})
	r := &order.Request{
		Payload: payload, PlacedAt: placed, Reference: fmt.Sprint(n), Hash: order.RequestHash{1, byte(n)},
	}
	if keyed {
		r.Key = order.HashKey("", fmt.Sprintf("checkout-%08x", uint64(n)*0x9E3779B97F4A7C15))
	}
	return r
}

// identify gives an order another source, reference and customer, "" for none.
func identify(r *order.Request, source, reference, customer string) {
	o, err := event.Decode(r.Payload)
	if err != nil {
		panic(err)
	}
	r.Source, r.Reference, r.CustomerID = source, reference, customer
	o.Source, o.Reference, o.CustomerID = source, reference, customer
	r.Payload = event.Encode(&o)
}

// rate places orders from benchWriters goroutines for d and returns orders a second.
func rate(b *testing.B, d time.Duration, place func(n int64) error) float64 {
	b.Helper()
	var n, done atomic.Int64
	var wait sync.WaitGroup
	start := time.Now()
	end := start.Add(d)
	for range benchWriters {
		wait.Go(func() {
			for time.Now().Before(end) {
				if err := place(n.Add(1)); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wait.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

func newBenchStore(b *testing.B) *orderstore.Store {
	b.Helper()
	db, err := boltdb.Open(filepath.Join(b.TempDir(), "order.db"), boltdb.Options{Format: orderstore.Format})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	box, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		b.Fatal(err)
	}
	store, err := orderstore.Open(b.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	return store
}

// BenchmarkPlace compares placing orders through the store, group commit and all, with the plainest way to store as
// much in bbolt: one Update per order, which writes the same order and the same message under growing keys. All in one
// run, 256 writers each, in turn, so that a noisy neighbour meets all of them.
//
//	go test -run - -bench BenchmarkPlace -benchtime 1x ./order/orderstore
func BenchmarkPlace(b *testing.B) {
	const rounds, d = 4, 1500 * time.Millisecond
	plainStore, keyedStore := newBenchStore(b), newBenchStore(b)
	var n atomic.Int64 // keys differ between rounds too
	var single, singleKeyed, plain, keyed float64
	for range b.N * rounds {
		single += singleUpdates(b, d, false)
		plain += rate(b, d, func(int64) error {
			_,
				err := plainStore.Place(b.Context(), request(n.Add(1), false))
			return err
		})
		singleKeyed += singleUpdates(b, d, true)
		keyed += rate(b, d, func(int64) error {
			_,
				err := keyedStore.Place(b.Context(), request(n.Add(1), true))
			return err
		})
	}
	total := float64(b.N * rounds)
	b.ReportMetric(single/total, "update/s")
	b.ReportMetric(plain/total, "place/s")
	b.ReportMetric(plain/single, "place/update")
	b.ReportMetric(singleKeyed/total, "keyed-update/s")
	b.ReportMetric(keyed/total, "keyed-place/s")
	b.ReportMetric(keyed/singleKeyed, "keyed/update")
	b.ReportMetric(0, "ns/op")
}

func singleUpdates(b *testing.B, d time.Duration, keyed bool) float64 {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "single.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	names := [][]byte{[]byte("orders"), []byte("messages"), []byte("keys")}
	if err := db.Update(func(tx *bbolt.Tx) error {
		for _, name := range names {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return rate(b, d, func(n int64) error {
		r := request(n, keyed)
		return db.Update(func(tx *bbolt.Tx) error {
			for _, name := range names[:2] {
				bucket := tx.Bucket(name)
				slot, err := bucket.NextSequence()
				if err != nil {
					return err
				}
				if err := bucket.Put(fmt.Appendf(nil, "%016x", slot), r.Payload); err != nil {
					return err
				}
			}
			if !keyed {
				return nil
			}
			return tx.Bucket(names[2]).Put(r.Key[:], r.Hash[:])
		})
	})
}

// BenchmarkPlaceReferences tells what the indexes cost: keyed orders with nothing else, with a reference, and with a
// source and a reference. References are numbers in another order than they come, as those of many shops are.
//
//	go test -run - -bench BenchmarkPlaceReferences -benchtime 1x ./order/orderstore
func BenchmarkPlaceReferences(b *testing.B) {
	const rounds, d = 3, time.Second
	var n atomic.Int64
	kinds := []func(r *order.Request, n int64){
		func(*order.Request, int64) {},
		func(r *order.Request, n int64) { identify(r, "", scattered(n), "") },
		func(r *order.Request, n int64) { identify(r, "shop", scattered(n), "") },
	}
	stores := []*orderstore.Store{newBenchStore(b), newBenchStore(b), newBenchStore(b)}
	sums := make([]float64, len(kinds))
	for range b.N * rounds {
		for i, kind := range kinds {
			sums[i] += rate(b, d, func(int64) error {
				n := n.Add(1)
				r := request(n, true)
				kind(r, n)
				_, err := stores[i].Place(b.Context(), r)
				return err
			})
		}
	}
	b.ReportMetric(sums[0]/float64(b.N*rounds), "keyed/s")
	b.ReportMetric(sums[1]/sums[0], "reference/keyed")
	b.ReportMetric(sums[2]/sums[0], "source/keyed")
	b.ReportMetric(0, "ns/op")
}

func scattered(n int64) string { return fmt.Sprintf("%08x", uint32(uint64(n)*0x9E3779B97F4A7C15>>32)) }
