package bench_test

import (
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/stack/kafka"
)

// BenchmarkVisible measures how long a lone message takes to reach a reader of committed records. It sends 200 messages
// one at a time, in turn with 200 of an idempotent producer without transactions. It reports ratios of the medians.
// ratio is measured from the end of the commit in the file, which the bare producer does not have. ratio-with-commit is
// measured from its beginning.
func BenchmarkVisible(b *testing.B) {
	const n, warm = 200, 20
	address := kafka.ForTest(b).Addr()
	makeTopic(b, address, "outbox")
	makeTopic(b, address, "bare")
	fromOutbox, fromBare := visibleFrom(b, address, "outbox"), visibleFrom(b, address, "bare")
	producer := bareProducer(b, address, 0)
	defer producer.Close()
	reports := make(chan confluent.Event, 1)
	x := openBox(b)
	_, stop := x.relay(b, address, "outbox", outbox.RelayConfig{})
	defer stop()

	var bares, withCommit, afterCommit []float64
	for range b.N {
		messages := smallOrders(warm + n)
		for i := range messages {
			m := &messages[i]
			topic := "bare"
			prepared := bare(&topic, m, i)
			began := time.Now()
			if err := producer.Produce(prepared, reports); err != nil {
				b.Fatal(err)
			}
			bareTook := fromBare(m.Key).Sub(began)
			<-reports

			began = time.Now()
			if err := x.db.Write(b.Context(), func(tx *boltdb.Tx) error {
				_, err := x.outbox.Append(tx, *m)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			committed := time.Now()
			seen := fromOutbox(m.Key)
			clocktest.Within(b, 10*time.Second, "the relay rests", func() bool { return x.outbox.Backlog() == 0 })
			if i >= warm {
				bares = append(bares, float64(bareTook.Microseconds())/1000)
				withCommit = append(withCommit, float64(seen.Sub(began).Microseconds())/1000)
				afterCommit = append(afterCommit, float64(seen.Sub(committed).Microseconds())/1000)
			}
		}
	}
	b.ReportMetric(median(bares), "bare-ms")
	b.ReportMetric(median(withCommit), "with-commit-ms")
	b.ReportMetric(median(afterCommit), "after-commit-ms")
	b.ReportMetric(median(afterCommit)/median(bares), "ratio")
	b.ReportMetric(median(withCommit)/median(bares), "ratio-with-commit")
	b.ReportMetric(0, "ns/op")
}

// visibleFrom returns a function that waits for the record with a key. That must be the next record in topic. The
// function returns the time at which the record was there.
func visibleFrom(b *testing.B, address, topic string) func(key []byte) time.Time {
	b.Helper()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers": address, "group.id": "visible", "isolation.level": "read_committed",
		"enable.auto.commit":  false,
		"enable.metrics.push": false,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = consumer.Close() })
	var partitions []confluent.TopicPartition
	for p := range int32(6) {
		partitions = append(partitions, confluent.TopicPartition{Topic: &topic, Partition: p, Offset: 0})
	}
	if err := consumer.Assign(partitions); err != nil {
		b.Fatal(err)
	}
	return func(key []byte) time.Time {
		b.Helper()
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
			m, ok := consumer.Poll(1000).(*confluent.Message)
			switch {
			case !ok:
			case m.TopicPartition.Error != nil:
				b.Fatal(m.TopicPartition.Error)
			case string(m.Key) != string(key):
				b.Fatalf("topic %s: got %s, want %s", topic, m.Key, key)
			default:
				return time.Now()
			}
		}
		b.Fatalf("topic %s: %s was not seen within 30 s", topic, key)
		return time.Time{}
	}
}
