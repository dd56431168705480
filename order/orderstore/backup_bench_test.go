package orderstore_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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
	box, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source, Content: orderstore.Content})
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
	var phase atomic.Int32 // 0 alone, 1 while the file is copied, 2 while the backup is verified
	placing := func(ctx context.Context) (took [3][]time.Duration) {
		var mu sync.Mutex
		var running sync.WaitGroup
		ticker := time.NewTicker(time.Second / rate)
		defer ticker.Stop()
		for ctx.Err() == nil {
			<-ticker.C
			next++
			r := request(next, true)
			running.Go(func() {
				began, in := time.Now(), phase.Load()
				if _, err := store.Place(context.Background(), r); err != nil {
					b.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				took[in] = append(took[in], time.Since(began))
			})
		}
		running.Wait()
		return took
	}
	for b.Loop() {
		calm, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		phase.Store(0)
		alone := p99(placing(calm)[0])
		cancel()
		before, _ := db.Size()
		busy, cancel := context.WithCancel(b.Context())
		phase.Store(1)
		during := make(chan [3][]time.Duration)
		go func() { during <- placing(busy) }()
		began := time.Now()
		var written backup.Result
		var copied time.Duration
		saved, err := orderstore.Backup().Save(b.Context(), filepath.Join(dir, strconv.FormatInt(next, 10)),
			backup.Pacer(b.Context()), func(w io.Writer) (err error) {
				written, err = orderstore.Backup().Write(b.Context(), db, w)
				copied = time.Since(began)
				phase.Store(2)
				return err
			})
		took := time.Since(began)
		cancel()
		beside := <-during
		if err != nil {
			b.Fatal(err)
		}
		after, _ := db.Size()
		b.ReportMetric(float64(before.Bytes)/1e6, "MB-before")
		b.ReportMetric(100*float64(after.Bytes-before.Bytes)/float64(before.Bytes), "%growth")
		b.ReportMetric(alone.Seconds()*1e3, "ms-p99-alone")
		b.ReportMetric(p99(append(slices.Clone(beside[1]), beside[2]...)).Seconds()*1e3, "ms-p99-beside")
		b.ReportMetric(p99(beside[1]).Seconds()*1e3, "ms-p99-copying")
		b.ReportMetric(p99(beside[2]).Seconds()*1e3, "ms-p99-verifying")
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
