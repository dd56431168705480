package orderstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// BenchmarkPlaceWhileMessagesExpire places orders from 64 writers, in turn while nothing expires and while retention
// deletes what it can, until a million published messages have gone. The outbox's clock, set forth and back, decides
// which. It reports the latency of placements in milliseconds and the ratios with to without; some two minutes.
//
//	go test -run - -bench PlaceWhileMessagesExpire -benchtime 1x ./order/orderstore
func BenchmarkPlaceWhileMessagesExpire(b *testing.B) {
	const (
		old       = 1_000_000
		writers   = 64
		turn      = 2 * time.Second
		retention = 7 * 24 * time.Hour
	)
	for range b.N {
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		now := clock.NewManual(start)
		db, err := boltdb.Open(filepath.Join(b.TempDir(), "order.db"), boltdb.Options{Format: orderstore.Format})
		if err != nil {
			b.Fatal(err)
		}
		box, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source, Retention: retention, Clock: now,
			Content: orderstore.Content})
		if err != nil {
			b.Fatal(err)
		}
		store, err := orderstore.Open(b.Context(), db, box, clock.System{}, prometheus.NewRegistry())
		if err != nil {
			b.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		relay := outbox.NewRelay(box, &sink{}, outbox.RelayConfig{}, outbox.NewMetrics(registry, "order", box),
			zerolog.Nop())
		ctx, cancel := context.WithCancel(b.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := relay.Run(ctx); err != nil {
				b.Error(err)
			}
		})
		fill(b, db, box, old)
		expired := func() float64 { return value(b, registry, "order_outbox_expired_total") }
		var without, with []time.Duration
		var expiring time.Duration
		for expired() < old {
			without = append(without, latencies(b, store, writers, turn)...)
			before := expired()
			now.Set(start.Add(retention + time.Hour))
			began := time.Now()
			with = append(with, latencies(b, store, writers, turn)...)
			expiring += time.Since(began)
			now.Set(start.Add(time.Hour))
			if expired() == before {
				b.Fatal("nothing expired")
			}
		}
		for _, of := range []struct {
			name string
			at   float64
		}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}} {
			x, y := quantile(without, of.at), quantile(with, of.at)
			b.ReportMetric(x, of.name+"-without-ms")
			b.ReportMetric(y, of.name+"-with-ms")
			b.ReportMetric(y/x, of.name+"-ratio")
		}
		b.ReportMetric(float64(len(with))/float64(len(without)), "rate-ratio")
		b.ReportMetric(float64(len(with))/expiring.Seconds(), "place/s")
		b.ReportMetric(expired()/expiring.Seconds(), "expired/s")
		b.ReportMetric(0, "ns/op")
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// fill appends n messages as large as an order's and waits until they are published.
func fill(b *testing.B, db *boltdb.DB, box *outbox.Outbox, n int) {
	b.Helper()
	const group = 5000
	r := request(1, false)
	for range n / group {
		if err := db.Write(b.Context(), func(tx *boltdb.Tx) error {
			var errs []error
			for range group {
				_, err := box.Append(tx,
					outbox.Message{Key: make([]byte, 36), Type: event.TypeCreated, Value: r.Payload})
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}); err != nil {
			b.Fatal(err)
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for box.Backlog() > 0 {
		<-tick.C
	}
}

// latencies places orders from that many writers for d.
func latencies(b *testing.B, store *orderstore.Store, writers int, d time.Duration) []time.Duration {
	b.Helper()
	var n atomic.Int64
	all := make([][]time.Duration, writers)
	end := time.Now().Add(d)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for {
				number := n.Add(1)
				r := request(number, true)
				identify(r, "", r.Reference, fmt.Sprint(number%100_000))
				began := time.Now()
				if began.After(end) {
					return
				}
				if _, err := store.Place(b.Context(), r); err != nil {
					b.Error(err)
					return
				}
				all[w] = append(all[w], time.Since(began))
			}
		})
	}
	wait.Wait()
	return slices.Concat(all...)
}

func quantile(of []time.Duration, q float64) (ms float64) {
	slices.Sort(of)
	return float64(of[min(int(q*float64(len(of))), len(of)-1)].Microseconds()) / 1000
}

func value(b *testing.B, registry *prometheus.Registry, name string) float64 {
	b.Helper()
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.Fatalf("there is no %s", name)
	return 0
}

// sink publishes nowhere, and keeps nothing but the watermark: the suite's fake would keep a million records in memory.
type sink struct {
	next      int64
	watermark outbox.Watermark
	known     bool
}

func (s *sink) Open(context.Context, outbox.Identity) (outbox.Session, error) { return s, nil }

func (s *sink) Watermark() (outbox.Watermark, bool) { return s.watermark, s.known }

func (s *sink) Partitions() int { return 1 }

func (s *sink) LogID() string { return "sink" }

func (s *sink) Disconnected() <-chan struct{} { return nil }

func (s *sink) Ends(context.Context) (map[int32]int64, error) {
	return map[int32]int64{0: s.next}, nil
}

func (s *sink) Lost(context.Context, []outbox.StoredRecord) ([]outbox.StoredRecord, error) {
	return nil, nil
}

func (s *sink) Scan(context.Context, map[int32]int64, func(outbox.Sight) error) (map[int32]int64, error) {
	return map[int32]int64{0: 0}, nil
}

func (s *sink) Publish(_ context.Context, records []outbox.Record, watermark outbox.Watermark) ([]outbox.Position,
	error) {
	s.watermark, s.known = watermark, true
	places := make([]outbox.Position, len(records))
	for i := range places {
		places[i] = outbox.Position{Offset: s.next}
		s.next++
	}
	return places, nil
}

func (s *sink) Close() {}
