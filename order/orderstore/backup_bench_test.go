package orderstore_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/order/orderstore"
	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// BenchmarkBackup makes and verifies a backup of a file of 2 million orders, or as many as ORDERTALLY_ORDERS says,
// while 500 orders a second are placed. It needs three times the room of the file.
//
//	go test -run - -bench Backup -benchtime 1x -timeout 30m ./order/orderstore
func BenchmarkBackup(b *testing.B) {
	const rate = 500
	orders := int64(2_000_000)
	if text := os.Getenv("ORDERTALLY_ORDERS"); text != "" {
		var err error
		if orders, err = strconv.ParseInt(text, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	db, err := boltdb.Open(filepath.Join(dir, "order.db"), boltdb.Options{Format: orderstore.Format})
	if err != nil {
		b.Fatal(err)
	}
	box, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source})
	if err != nil {
		b.Fatal(err)
	}
	store, err := orderstore.Open(b.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	fillWith(b, store, orders)
	next := orders
	// placing places at the rate until ctx ends, and returns the latencies.
	placing := func(ctx context.Context) (took []time.Duration) {
		var mu sync.Mutex
		var running sync.WaitGroup
		ticker := time.NewTicker(time.Second / rate)
		defer ticker.Stop()
		for ctx.Err() == nil {
			<-ticker.C
			next++
			r := request(next, true)
			running.Go(func() {
				began := time.Now()
				if _, err := store.Place(context.Background(), r); err != nil {
					b.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(began))
			})
		}
		running.Wait()
		return took
	}
	for b.Loop() {
		calm, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		alone := p99(placing(calm))
		cancel()
		before, _ := db.Size()
		busy, cancel := context.WithCancel(b.Context())
		during := make(chan []time.Duration)
		go func() { during <- placing(busy) }()
		began := time.Now()
		var written backup.Result
		var copied time.Duration
		saved, err := orderstore.Backup().Save(b.Context(), filepath.Join(dir, strconv.FormatInt(next, 10)),
			backup.Pacer(b.Context()), func(w io.Writer) (err error) {
				written, err = orderstore.Backup().Write(b.Context(), db, w)
				copied = time.Since(began)
				return err
			})
		took := time.Since(began)
		cancel()
		beside := p99(<-during)
		if err != nil {
			b.Fatal(err)
		}
		after, _ := db.Size()
		b.ReportMetric(float64(before.Bytes)/1e6, "MB-before")
		b.ReportMetric(100*float64(after.Bytes-before.Bytes)/float64(before.Bytes), "%growth")
		b.ReportMetric(alone.Seconds()*1e3, "ms-p99-alone")
		b.ReportMetric(beside.Seconds()*1e3, "ms-p99-beside")
		b.ReportMetric(copied.Seconds(), "s-copy")
		b.ReportMetric(took.Seconds(), "s-with-verification")
		b.ReportMetric(written.Copied.Held.Seconds(), "s-held")
		b.ReportMetric(float64(written.Copied.Again), "pages-again")
		b.ReportMetric(float64(saved.Size)/1e6, "MB-backup")
	}
	b.ReportMetric(0, "ns/op")
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func p99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}

// fillWith places that many orders, many at a time.
func fillWith(b *testing.B, store *orderstore.Store, orders int64) {
	b.Helper()
	numbers := make(chan int64)
	var placing sync.WaitGroup
	for range 4096 {
		placing.Go(func() {
			for n := range numbers {
				if _, err := store.Place(context.Background(), request(n, true)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for n := range orders {
		numbers <- n
	}
	close(numbers)
	placing.Wait()
}
