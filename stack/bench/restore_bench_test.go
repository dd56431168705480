package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/order"
	"ordertally/order/restore"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	sharedkafka "ordertally/shared/kafka"
	"ordertally/stack/kafka"
)

// BenchmarkRestore restores orders from a topic of Apache Kafka, and reads the same topic with a bare consumer, in
// turn, three times. ratio is the median of the ratios of orders/s restored to records/s read. Each order has an
// idempotency key, a customer and a reference. RESTORE_ORDERS is their number; the default is 100,000.
func BenchmarkRestore(b *testing.B) {
	n := 100_000
	if text := os.Getenv("RESTORE_ORDERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	address := kafka.ForTest(b).Addr()
	for i := range b.N {
		topic := fmt.Sprintf("restore-%d", i)
		makeTopic(b, address, topic)
		fillWithOrders(b, address, topic, n)
		var bares, ours, ratios []float64
		for round := range 3 {
			bareRate := consumeBare(b, address, topic, n)
			began := time.Now()
			report, err := restore.Run(b.Context(), restore.Config{
				Data: filepath.Join(b.TempDir(), fmt.Sprintf("%d-%d.db", i, round)), FromTopic: true,
				Lineage:      benchLineage,
				Publisher:    sharedkafka.PublisherConfig{Brokers: []string{address}, Topic: topic},
				KeyRetention: 720 * time.Hour, OutboxRetention: 168 * time.Hour,
			})
			if err != nil || report.Absorbed.Orders != n {
				b.Fatalf("%+v, %v", report, err)
			}
			rate := float64(n) / time.Since(began).Seconds()
			bares, ours, ratios = append(bares, bareRate), append(ours, rate), append(ratios, rate/bareRate)
		}
		b.Logf("%d orders: bare %.0f, restored %.0f, ratios %.2f", n, bares, ours, ratios)
		b.ReportMetric(median(bares), "bare-msgs/s")
		b.ReportMetric(median(ours), "restored-orders/s")
		b.ReportMetric(median(ratios), "ratio")
	}
	b.ReportMetric(0, "ns/op")
}

const benchLineage = "0123456789abcdef0123456789abcdef"

// fillWithOrders sends orders as an order service does, spread over the partitions by their keys.
func fillWithOrders(b *testing.B, address, topic string, n int) {
	b.Helper()
	producer := bareProducer(b, address, 20)
	defer producer.Close()
	const chunk = 50_000
	for first := 0; first < n; first += chunk {
		var batch []*confluent.Message
		for i, m := range smallOrders(min(chunk, n-first)) {
			slot := uint64(first + i + 1)
			envelope := cloudevent.Envelope{
				ID: m.ID.String(), Source: event.Source, Type: m.Type, Subject: m.Subject, Time: m.Time,
				DataSchema: m.Schema, ContentType: m.ContentType, Lineage: benchLineage, Sequence: slot,
				Previous: slot - 1,
			}
			key := order.HashKey("", fmt.Sprint("key-", slot))
			headers := append(envelope.Headers(), event.KeyHeader(key, order.RequestHash{1}))
			message := &confluent.Message{
				TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: confluent.PartitionAny},
				Key:            m.Key, Value: m.Value, Timestamp: m.Time,
			}
			for _, h := range headers {
				message.Headers = append(message.Headers, confluent.Header(h))
			}
			batch = append(batch, message)
		}
		sendAll(b, producer, batch)
	}
}

// consumeBare reads n records and returns the rate.
func consumeBare(b *testing.B, address, topic string, n int) float64 {
	b.Helper()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers": address, "group.id": "bare", "isolation.level": "read_committed",
		"enable.auto.commit": false, "fetch.queue.backoff.ms": 10, "queued.max.messages.kbytes": 64 << 10,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	var all []confluent.TopicPartition
	for id := range int32(6) {
		all = append(all, confluent.TopicPartition{Topic: &topic, Partition: id, Offset: confluent.OffsetBeginning})
	}
	began := time.Now()
	if err := consumer.Assign(all); err != nil {
		b.Fatal(err)
	}
	for read := 0; read < n; {
		switch event := consumer.Poll(1000).(type) {
		case *confluent.Message:
			read++
		case confluent.Error:
			b.Fatal(event)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}
