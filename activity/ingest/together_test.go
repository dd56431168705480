package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

// TestIngest_CountsEachMessageForItsActivity: two activities share a topic, each fetch and each transaction.
func TestIngest_CountsEachMessageForItsActivity(t *testing.T) {
	definitions := declare.With(declare.Shipped("orders"), nil)
	stores := openStores(t, definitions...)
	topic := newTopic()
	s := &service{t: t, topic: topic, reg: prometheus.NewRegistry(), ended: make(chan error, 1)}
	s.in = ingest.New(topic, stores, definitions, ingest.Config{}, ingest.NewMetrics(s.reg), zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() { s.ended <- s.in.Run(ctx) }()
	topic.write(order(0, 0, "a"), cancellation(0, 1, "b"), order(1, 0, "c"), order(0, 2, "a"))
	topic.write(cancellation(0, 3, "d"), poisoned(0, 4))
	s.finish()
	metrics := s.metrics()
	for name, want := range map[string]float64{
		"activity_counted_total{ORDER_CREATED}": 2, "activity_counted_total{ORDER_CANCELLED}": 2,
		"activity_duplicates_total": 1, "activity_consumed_total": 6, "activity_batch_messages": 2,
		"activity_batch_messages sum": 6, "activity_poison_total{malformed}": 1, "activity_unknown_types_total": 0,
		"activity_parked_messages":                            1,
		"activity_partition_lag_messages{ORDER_CREATED}{0}":   0,
		"activity_partition_lag_messages{ORDER_CANCELLED}{0}": 0,
	} {
		if got, found := metrics[name]; !found || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for i, store := range stores {
		asOf, err := store.AsOf(t.Context())
		if err != nil || asOf.Next[0].Offset != 5 || asOf.Next[1].Offset != 1 {
			t.Errorf("%s stands at %+v: %v", definitions[i].Name, asOf.Next, err)
		}
	}
}

func cancellation(partition int32, offset int64, id string) kafka.Record {
	e := cloudevent.Envelope{ID: id, Source: event.Source, Type: event.TypeCancelled, DataSchema: event.SchemaCancelled}
	value := event.EncodeCancellation(&event.Cancellation{OrderID: "1", CancelledAt: placed.Add(time.Hour),
		PlacedAt: placed, Currency: "GBP", Total: 100, Lines: []event.Line{{SKU: "a", Quantity: 2, UnitPrice: 50}}})
	return kafka.Record{Partition: partition, Offset: offset, LeaderEpoch: 1, Timestamp: written, Headers: e.Headers(),
		Value: value}
}

func poisoned(partition int32, offset int64) kafka.Record {
	r := cancellation(partition, offset, "poison")
	r.Value = []byte("{")
	return r
}
