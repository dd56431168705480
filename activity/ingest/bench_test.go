package ingest_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/broker"
	"ordertally/shared/clock"
	"ordertally/shared/cloudevent"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

const (
	benchEvents     = 200_000
	benchPartitions = 6
	benchBatch      = 5000
)

// benchRecords are orders of three lines as one order service publishes them, spread over three days. A consumer gets
// them a run of a partition at a time.
func benchRecords(foreign bool) []broker.Record {
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	var partitions [benchPartitions][]broker.Record
	for i := range benchEvents {
		id, order := ids.Next(), ids.Next()
		e := cloudevent.Envelope{
			ID: id.String(), Source: event.Source, Type: event.TypeCreated, Subject: order.String(), Time: placed,
			DataSchema: event.Schema, ContentType: event.ContentType,
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
		partitions[p] = append(partitions[p], broker.Record{
			Partition: int32(p), Offset: int64(len(partitions[p])), Timestamp: written, Headers: e.Headers(), Value: value,
		})
	}
	const run = 1500
	var records []broker.Record
	for from := 0; len(records) < benchEvents; from += run {
		for _, p := range partitions {
			records = append(records, p[min(from, len(p)):min(from+run, len(p))]...)
		}
	}
	return records
}

// memory is a source that has all records at hand, and calls done when all are applied.
type memory struct {
	records []broker.Record
	next    map[int32]int64
	done    func()
}

func (m *memory) Assign(context.Context, map[int32]broker.Position) error { return nil }
func (m *memory) Lag() map[int32]int64                                    { return map[int32]int64{} }

func (m *memory) Fetch(ctx context.Context, limit int) (broker.Fetched, error) {
	n := min(limit, len(m.records))
	if n == 0 {
		<-ctx.Done()
		return broker.Fetched{}, ctx.Err()
	}
	records := m.records[:n]
	m.records = m.records[n:]
	return fetchedOf(records), nil
}

func (m *memory) Behind() bool { return false }

func (m *memory) Through() time.Time { return time.Time{} }

func (m *memory) CommitForMonitors(next map[int32]int64) {
	maps.Copy(m.next, next)
	sum := int64(0)
	for _, offset := range m.next {
		sum += offset
	}
	if sum == benchEvents {
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

func ingestAll(b *testing.B, records []broker.Record) time.Duration {
	b.Helper()
	db, err := boltdb.Open(filepath.Join(b.TempDir(), "activity.db"), boltdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	store, err := activitystore.Open(b.Context(), db, def, activitystore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, done := context.WithCancel(b.Context())
	defer done()
	source := &memory{records: records, next: make(map[int32]int64), done: done}
	in := ingest.New(source, store, def, ingest.Config{MaxBatch: benchBatch}, ingest.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	start := time.Now()
	if err := in.Run(ctx); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
