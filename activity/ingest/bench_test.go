package ingest_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/uuidv7"
)

const (
	benchEvents     = 200_000
	benchPartitions = 6
	benchBatch      = 5000
)

// benchRecords are orders of three lines as one order service publishes them, spread over three days. A consumer gets
// them a run of a partition at a time.
func benchRecords(foreign bool) []kafka.Record {
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	var partitions [benchPartitions][]kafka.Record
	for i := range benchEvents {
		id, order := ids.Next(), ids.Next()
		e := cloudevent.Envelope{
			ID: id.String(), Source: event.Source, Type: event.TypeCreated, Subject: order.String(), Time: placed,
			DataSchema: event.SchemaCreated, ContentType: event.ContentType,
		}
		if foreign { // random ids, no slots: the dearest to look up
			h := fnv.New64a()
			_, _ = h.Write(id[:])
			e.ID, e.Source = fmt.Sprintf("%016x-%d", h.Sum64(), i), "/webshop"
		} else {
			e.Lineage, e.Sequence, e.Previous = "01890a5d-ac96-774b-8000-a8b45f0c6d21", uint64(i+1), uint64(i)
		}
		value := event.Encode(&event.Order{
			Reference: fmt.Sprint(i), CustomerID: "17850", Currency: "GBP", Total: 5764,
			PlacedAt: placed.Add(time.Duration(i) * 3 * 24 * time.Hour / benchEvents),
			Lines: []event.Line{
				{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
				{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 6, UnitPrice: 339},
				{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
			},
		})
		event.SetID(value, order)
		p := i * 7 % benchPartitions
		partitions[p] = append(partitions[p], kafka.Record{
			Partition: int32(p), Offset: int64(len(partitions[p])), Timestamp: written, Headers: e.Headers(),
			Value: value,
		})
	}
	const run = 1500
	var records []kafka.Record
	for from := 0; len(records) < benchEvents; from += run {
		for _, p := range partitions {
			records = append(records, p[min(from, len(p)):min(from+run, len(p))]...)
		}
	}
	return records
}

// memory is a source that has all records at hand, and calls done when all are applied.
type memory struct {
	records []kafka.Record
	done    func()

	mu    sync.Mutex
	sizes []int // of the batches that are not applied yet
	left  int   // records that are not applied yet
}

func (m *memory) Assign(context.Context, map[int32]kafka.Position) error { return nil }
func (m *memory) Lag() map[int32]int64                                   { return map[int32]int64{} }

func (m *memory) Fetch(ctx context.Context, limit int) (kafka.Fetched, error) {
	n := min(limit, len(m.records))
	if n == 0 {
		<-ctx.Done()
		return kafka.Fetched{}, ctx.Err()
	}
	records := m.records[:n]
	m.records = m.records[n:]
	m.mu.Lock()
	m.sizes = append(m.sizes, n)
	m.mu.Unlock()
	return fetchedOf(records), nil
}

func (m *memory) PartitionsAdded() int { return 0 }

func (m *memory) Held() kafka.Held { return kafka.Held{} }

func (m *memory) Link() kafka.Link { return kafka.Link{State: kafka.LinkUp} }

func (m *memory) Behind() bool { return false }

func (m *memory) Through() time.Time { return time.Time{} }

func (m *memory) CommitForMonitors(map[int32]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left -= m.sizes[0] // batches are applied in the order they were fetched
	if m.sizes = m.sizes[1:]; m.left == 0 {
		m.done()
	}
}

// BenchmarkIngest decodes and stores 200,000 orders that are in memory already, fsyncs and all.
//
//	go test -run - -bench BenchmarkIngest ./activity/ingest
func BenchmarkIngest(b *testing.B) {
	for name, foreign := range map[string]bool{"outbox": false, "foreign": true} {
		records := benchRecords(foreign)
		b.Run(name, func(b *testing.B) {
			var took time.Duration
			for range b.N {
				took += ingestAll(b, records)
			}
			b.ReportMetric(float64(b.N)*benchEvents/took.Seconds(), "events/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFlood puts a poisonous message after each of the 200,000 good ones, and tells how much of their rate is left
// to the good: 0.5 is wanted at least. Then it has a million in a row, into a ledger of 64 MiB, and tells what the file
// takes.
//
//	go test -run - -bench BenchmarkFlood -benchtime 1x ./activity/ingest
func BenchmarkFlood(b *testing.B) {
	good := benchRecords(false)
	mixed := make([]kafka.Record, 0, 2*len(good))
	offsets := map[int32]int64{}
	next := func(r kafka.Record) kafka.Record {
		r.Offset = offsets[r.Partition]
		offsets[r.Partition]++
		return r
	}
	for _, r := range good {
		spoilt := r
		spoilt.Value = r.Value[:len(r.Value)-1]
		mixed = append(mixed, next(r), next(spoilt))
	}
	flood := make([]kafka.Record, 1_000_000)
	for i := range flood {
		flood[i] = mixed[1+2*(i%len(good))]
		flood[i].Partition, flood[i].Offset = int32(i/5000%benchPartitions), int64(i)
	}
	for b.Loop() {
		alone := ingestAll(b, good)
		flooded := ingestAll(b, mixed)
		b.ReportMetric(alone.Seconds()/flooded.Seconds(), "good-ratio")
		path := filepath.Join(b.TempDir(), "flood.db")
		took := ingestInto(b, path, flood, activitystore.Options{LedgerBytes: 64 << 20})
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(flood))/took.Seconds(), "poison/s")
		b.ReportMetric(float64(info.Size()>>20), "MiB")
	}
	b.ReportMetric(0, "ns/op")
}

func ingestAll(b *testing.B, records []kafka.Record) time.Duration {
	b.Helper()
	return ingestInto(b, filepath.Join(b.TempDir(), "activity.db"), records, activitystore.Options{})
}

func ingestInto(b *testing.B, path string, records []kafka.Record, options activitystore.Options) time.Duration {
	b.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	store, err := activitystore.Open(b.Context(), db, def, options)
	if err != nil {
		b.Fatal(err)
	}
	ctx, done := context.WithCancel(b.Context())
	defer done()
	source := &memory{records: records, left: len(records), done: done}
	in := ingest.New(source, activitystore.Stores{store}, []activity.Definition{def},
		ingest.Config{MaxBatch: benchBatch}, ingest.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	start := time.Now()
	if err := in.Run(ctx); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
