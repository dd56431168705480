package bench_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity/activitystore"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka"
	apache "ordertally/stack/kafka"
)

// BenchmarkCount counts 1,000,000 orders from Apache Kafka into a file, with keys, bins and offsets. In turn, three
// times, it reads the same topic with a bare consumer that is tuned alike and only looks at the messages. ratio is the
// median of the three ratios of the first rate to the second.
func BenchmarkCount(b *testing.B) {
	const n, chunk = 1_000_000, 100_000
	defer debug.SetGCPercent(debug.SetGCPercent(ingest.GCPercent)) // for both; the bare consumer has hardly any heap
	address := apache.ForTest(b).Addr()
	topic := "orders"
	makeTopic(b, address, topic)
	producer := bareProducer(b, address, 5)
	for sent := 0; sent < n; sent += chunk {
		messages := smallOrders(chunk)
		prepared := make([]*confluent.Message, chunk)
		for i := range messages {
			prepared[i] = bare(&topic, &messages[i], sent+i)
		}
		sendAll(b, producer, prepared)
	}
	producer.Close()
	var ours, bares, ratios []float64
	for b.Loop() {
		for range 3 {
			bareRate, ourRate := readBare(b, address, topic, n), countAll(b, address, topic, n)
			bares, ours, ratios = append(bares, bareRate), append(ours, ourRate), append(ratios, ourRate/bareRate)
		}
	}
	b.Logf("bare %.0f, counted %.0f, ratios %.2f", bares, ours, ratios)
	b.ReportMetric(median(bares), "bare-msgs/s")
	b.ReportMetric(median(ours), "counted-msgs/s")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(0, "ns/op")
}

// readBare returns the messages per second of a consumer that does nothing with them.
func readBare(b *testing.B, address, topic string, n int) float64 {
	b.Helper()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers": address, "group.id": "bare", "enable.auto.commit": false,
		"isolation.level":        "read_committed",
		"fetch.queue.backoff.ms": 10, "enable.metrics.push": false,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	var all []confluent.TopicPartition
	for partition := range int32(6) {
		all = append(all, confluent.TopicPartition{Topic: &topic, Partition: partition, Offset: 0})
	}
	began := time.Now()
	if err := consumer.Assign(all); err != nil {
		b.Fatal(err)
	}
	bytes := 0
	for read := 0; read < n; {
		if m, ok := consumer.Poll(1000).(*confluent.Message); ok {
			bytes += len(m.Value)
			read++
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// countAll returns the messages per second that are counted into a new file, from the start of the consumer to the last
// commit.
func countAll(b *testing.B, address, topic string, n int64) float64 {
	b.Helper()
	db, err := boltdb.Open(filepath.Join(b.TempDir(), "activity.db"), boltdb.Options{Format: activitystore.Format})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	def := declare.OrderCreated(topic)
	store, err := activitystore.Open(b.Context(), db, def, activitystore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	consumer, err := kafka.NewConsumer(kafka.ConsumerConfig{Brokers: []string{address}, Topic: topic,
		GroupID: "counting"}, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	defer consumer.Close()
	registry := prometheus.NewRegistry()
	in := ingest.New(consumer, store, def, ingest.Config{}, ingest.NewMetrics(registry), zerolog.Nop())
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	clocktest.Within(b, 5*time.Minute, fmt.Sprint(n, " are counted"), func() bool {
		return counterIn(b, registry, "activity_counted_total") == float64(n)
	})
	rate := float64(n) / time.Since(began).Seconds()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	return rate
}
