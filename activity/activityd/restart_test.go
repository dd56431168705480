package activityd_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/service/lifecycle"
)

// frail panics twice: before it writes a batch, and after it has written one.
type frail struct {
	activitystore.Stores
	calls atomic.Int32
}

func (f *frail) Apply(ctx context.Context, b []*activity.Batch) ([][]activity.Verdict, error) {
	call := f.calls.Add(1)
	if call == 2 {
		panic("before")
	}
	counted, err := f.Stores.Apply(ctx, b)
	if call == 4 {
		panic("after")
	}
	return counted, err
}

// TestIngest_PanicLosesNothing panics around the writing of a batch. What was not written is fetched again. What was
// written is not counted twice.
func TestIngest_PanicLosesNothing(t *testing.T) {
	b := devbrokertest.Start(t, devbroker.Config{})
	publish(t, b.Addr(), orders(1, 500)...)
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "activity.db"), boltdb.Options{Format: activitystore.Format})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	def := declare.OrderCreated(event.Topic)
	store, err := activitystore.Open(t.Context(), db, def, activitystore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := kafka.NewConsumer(kafka.ConsumerConfig{Brokers: []string{b.Addr()}, Topic: event.Topic,
		GroupID: "g"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	wrapped := &frail{Stores: activitystore.Stores{store}}
	in := ingest.New(consumer, wrapped, []activity.Definition{def}, ingest.Config{MaxBatch: 50},
		ingest.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	var panics atomic.Int32
	restarter := lifecycle.NewRestarter(in.Run, func(p *lifecycle.PanicError, _ time.Duration) {
		t.Logf("panic: %v", p.Value)
		panics.Add(1)
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- restarter.Run(ctx) }()

	q := activity.QuarterOf(time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC))
	count := func() (count int64) {
		_, err := store.Read(t.Context(), activity.Span{From: q, To: q + 1},
			func(_ activity.Quarter, t *activity.Totals) { count += t.Count })
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	clocktest.Eventually(t, "500 are counted after two panics", func() bool {
		if panics.Load() < 2 || count() < 500 {
			return false
		}
		left, _ := in.Lag()
		for _, n := range left {
			if n != 0 {
				return false
			}
		}
		return true
	})
	if n := count(); n != 500 {
		t.Errorf("%d are counted, want 500", n)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	consumer.Close()
}
