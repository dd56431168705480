package orderstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// BenchmarkPlaceBesideKeys tells what a file with many keys and customers costs: the rate of placing orders in it over
// that in an empty one, in turn, each order with a key and a customer of its own. ORDERTALLY_KEYS is how many there
// are, a million unless set. cold/empty is the first 2 s after a start with nothing in the page cache, and ready how
// long such a start takes. memory is what the indexes keep for each key.
//
//	go test -run - -bench BenchmarkPlaceBesideKeys -benchtime 1x ./order/orderstore
func BenchmarkPlaceBesideKeys(b *testing.B) {
	keys := 1_000_000
	if text := os.Getenv("ORDERTALLY_KEYS"); text != "" {
		var err error
		if keys, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	full := filepath.Join(b.TempDir(), "full.db")
	began := time.Now()
	fillKeys(b, full, keys)
	info, err := os.Stat(full)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d keys and customers: %.1f bytes each, made in %s", keys, float64(info.Size())/float64(keys),
		time.Since(began).Round(time.Second))
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			const rounds, d = 5, 2 * time.Second
			var ratios, cold, slow, ready []float64
			for range b.N * rounds {
				none := openServed(b, filepath.Join(b.TempDir(), "empty.db"))
				empty, emptyP99 := placeKeyed(b, none.store, writers, d)
				none.close()
				dropCache(b, full)
				began := time.Now()
				many := openServed(b, full)
				ready = append(ready, time.Since(began).Seconds())
				first, _ := placeKeyed(b, many.store, writers, d)
				if err := many.store.WarmForBenchmark(b.Context()); err != nil {
					b.Fatal(err)
				}
				warm, warmP99 := placeKeyed(b, many.store, writers, d)
				many.close()
				ratios, cold = append(ratios, warm/empty), append(cold, first/empty)
				slow = append(slow, warmP99/emptyP99)
			}
			for name, values := range map[string][]float64{"full/empty": ratios, "cold/empty": cold, "p99/p99": slow,
				"ready-s": ready} {
				slices.Sort(values)
				b.ReportMetric(values[len(values)/2], name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("memory", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := openServed(b, full)
		if err := s.store.WarmForBenchmark(b.Context()); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(keys), "memory-B/key")
		b.ReportMetric(0, "ns/op")
		s.close()
	})
}

// fillKeys makes a file with that many keys and customers, all of one order.
func fillKeys(b *testing.B, path string, keys int) {
	b.Helper()
	if err := orderstore.FillForBenchmark(b.Context(), path, keys); err != nil {
		b.Fatal(err)
	}
}

// dropCache makes the next reads of a file come from the disk.
func dropCache(b *testing.B, path string) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}

// served is a store with what runs beside it.
type served struct {
	store *orderstore.Store
	close func()
}

func openServed(b *testing.B, path string) *served {
	b.Helper()
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
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	store.KeepKeys(30 * 24 * time.Hour)
	go func() { ended <- store.Maintain(ctx, zerolog.Nop()) }()
	return &served{store, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}}
}

var benchKey atomic.Uint64

// placeKeyed places orders with that many writers, and returns orders a second and the 99th percentile in seconds.
func placeKeyed(b *testing.B, store *orderstore.Store, writers int, d time.Duration) (rate, p99 float64) {
	b.Helper()
	var mu sync.Mutex
	var took []float64
	var wait sync.WaitGroup
	start := time.Now()
	for range writers {
		wait.Go(func() {
			var mine []float64
			for time.Since(start) < d {
				n := benchKey.Add(1)
				r := request(int64(n), false)
				r.Reference, r.CustomerID = "", fmt.Sprintf("customer-%d", n)
				r.Key = order.HashKey("bench", fmt.Sprint("key-", n))
				began := time.Now()
				if _, err := store.Place(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(began).Seconds())
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	wait.Wait()
	rate = float64(len(took)) / time.Since(start).Seconds()
	slices.Sort(took)
	return rate, took[len(took)*99/100]
}
