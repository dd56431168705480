package bench_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// box is an outbox in its own file, without a service around it.
type box struct {
	db     *boltdb.DB
	outbox *outbox.Outbox
}

func openBox(b *testing.B) *box {
	b.Helper()
	db, err := boltdb.Open(filepath.Join(b.TempDir(), "order.db"), boltdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	o, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source})
	if err != nil {
		b.Fatal(err)
	}
	return &box{db, o}
}

// fill appends messages, many in a transaction.
func (x *box) fill(b *testing.B, messages []outbox.Message) {
	b.Helper()
	for chunk := range slices.Chunk(messages, 10_000) {
		err := x.db.Write(b.Context(), func(tx *boltdb.Tx) error {
			for _, m := range chunk {
				if _, err := x.outbox.Append(tx, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// relay publishes to topic until stop is called.
func (x *box) relay(b *testing.B, address, topic string, config outbox.RelayConfig) (registry *prometheus.Registry,
	stop func()) {
	b.Helper()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: topic}, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	registry = prometheus.NewRegistry()
	metrics := outbox.NewMetrics(registry, "bench", x.outbox)
	relay := outbox.NewRelay(x.outbox, publisher, config, metrics, zerolog.Nop())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := relay.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	return registry, func() { cancel(); running.Wait() }
}

// smallOrders makes messages like order's, of about 500 bytes each.
func smallOrders(n int) []outbox.Message {
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	messages := make([]outbox.Message, n)
	for i := range messages {
		id, at := ids.Next(), time.Now()
		o := event.Order{
			ID: id.String(), Reference: fmt.Sprint(500_000 + i), CustomerID: fmt.Sprint(12_000 + i%5_000),
			Currency: "GBP", PlacedAt: at,
			Lines: []event.Line{
				{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
				{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
				{SKU: "22752", Description: "SET 7 BABUSHKA NESTING BOXES", Quantity: 2, UnitPrice: 765},
			},
			Total: 5260, Metadata: map[string]string{"country": "United Kingdom"},
		}
		messages[i] = outbox.Message{
			ID: ids.Next(), Key: []byte(o.ID), Type: event.TypeCreated, Subject: o.ID, Schema: event.SchemaCreated,
			ContentType: event.ContentType, Time: at, Value: event.Encode(&o),
		}
	}
	return messages
}

// bareProducer is idempotent and has no transactions.
func bareProducer(b *testing.B, address string, lingerMillis int) *confluent.Producer {
	b.Helper()
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": address, "enable.idempotence": true, "acks": "all", "linger.ms": lingerMillis,
		"partitioner": "murmur2_random", "message.max.bytes": kafka.MaxMessageBytes,
		"queue.buffering.max.messages": 1_000_000,
		"go.delivery.report.fields":    "none", "go.produce.channel.size": 1, "enable.metrics.push": false,
	})
	if err != nil {
		b.Fatal(err)
	}
	return producer
}

// makeTopic creates a topic as order does.
func makeTopic(b *testing.B, address, topic string) {
	b.Helper()
	brokertest.Create(b, address, topic, 6)
	brokertest.Limit(b, address, topic, kafka.MaxMessageBytes)
}

// sendAll sends all messages and returns once each is reported as delivered.
func sendAll(b *testing.B, producer *confluent.Producer, messages []*confluent.Message) {
	b.Helper()
	reports := make(chan confluent.Event, len(messages))
	for _, m := range messages {
		for {
			err := producer.Produce(m, reports)
			if err == nil {
				break
			}
			var kafkaErr confluent.Error
			if !errors.As(err, &kafkaErr) || kafkaErr.Code() != confluent.ErrQueueFull {
				b.Fatal(err)
			}
			producer.Flush(1)
		}
	}
	for range messages {
		if m, ok := (<-reports).(*confluent.Message); !ok || m.TopicPartition.Error != nil {
			b.Fatal(m)
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
