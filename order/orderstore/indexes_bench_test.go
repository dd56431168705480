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

// BenchmarkPlaceBesideKeys tells what a file with many orders costs: the rate of placing orders in it over that in an
// empty one, in turn, each order with a key and a customer of its own. ORDERTALLY_KEYS is how many there are, a million
// unless set. cold/empty is the first 10 s after a start with nothing in the page cache, of the first 10 s of an empty
// file. ready is how long such a start takes. full/empty and p99/p99 are the 5 s after that. memory is what the indexes
// keep for each order.
//
//	go test -run - -bench BenchmarkPlaceBesideKeys -benchtime 1x -timeout 60m ./order/orderstore
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
	b.Logf("%d orders: %.1f bytes each, made in %s", keys, float64(info.Size())/float64(keys),
		time.Since(began).Round(time.Second))
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			const first, then = 10 * time.Second, 5 * time.Second
			rounds := 5
			if text := os.Getenv("ORDERTALLY_ROUNDS"); text != "" {
				if rounds, err = strconv.Atoi(text); err != nil {
					b.Fatal(err)
				}
			}
			var ratios, cold, slow, ready []float64
			for range b.N * rounds {
				none := openServed(b, filepath.Join(b.TempDir(), "empty.db"))
				emptyFirst := placeKeyed(b, none.store, writers, first)
				empty := placeKeyed(b, none.store, writers, then)
				none.close()
				dropCache(b, full)
				began := time.Now()
				many := openServed(b, full)
				ready = append(ready, time.Since(began).Seconds())
				fullFirst := placeKeyed(b, many.store, writers, first)
				fully := placeKeyed(b, many.store, writers, then)
				many.close()
				b.Logf("empty: %s, then %s; full: %s, then %s", emptyFirst, empty, fullFirst, fully)
				ratios, cold = append(ratios, fully.rate/empty.rate), append(cold, fullFirst.rate/emptyFirst.rate)
				slow = append(slow, fully.p99/empty.p99)
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

// fillKeys makes a file with that many orders.
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

// placing is how orders were placed.
type placing struct {
	rate, p50, p99 float64 // a second, and seconds
	cpu            time.Duration
	faults         int64 // pages that came from the disk
	orders         int
}

// String says it in a line.
func (p placing) String() string {
	return fmt.Sprintf("%.0f/s, p50 %.2f ms, p99 %.2f ms, %.1f us of CPU an order, %d faults", p.rate, p.p50*1e3,
		p.p99*1e3, float64(p.cpu.Microseconds())/float64(p.orders), p.faults)
}

func usage(b *testing.B) (cpu time.Duration, faults int64) {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Majflt
}

// placeKeyed places orders with that many writers.
func placeKeyed(b *testing.B, store *orderstore.Store, writers int, d time.Duration) placing {
	b.Helper()
	cpu, faults := usage(b)
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
	p := placing{rate: float64(len(took)) / time.Since(start).Seconds(), orders: len(took)}
	p.cpu, p.faults = usage(b)
	p.cpu, p.faults = p.cpu-cpu, p.faults-faults
	slices.Sort(took)
	p.p50, p.p99 = took[len(took)/2], took[len(took)*99/100]
	return p
}
