package kafka_test

import (
	"fmt"
	"slices"
	"testing"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka"
)

// Another program's records stand between committed ones. They are open at first, and then aborted.
func TestConsumer_NeverReturnsWhatWasNotCommitted(t *testing.T) {
	l := newLog(t)
	l.publish("a", 1, 1)
	other := l.foreign(2)
	r := l.read(nil)
	r.follows("a1")
	keys := r.keep()
	clocktest.Eventually(t, "it stands at the open transaction, or has read it",
		func() bool { return r.c.Held().Partitions > 0 || len(keys) > 0 })
	if len(keys) > 0 {
		t.Fatalf("returned %s of an open transaction", <-keys)
	}
	other.abort()
	l.publish("a", 2, 2)
	if key := next(t, keys); key != "a2" {
		t.Fatalf("returned %s, which was aborted", key)
	}
}

// Records that the consumer is about to read are deleted. librdkafka must not go to the end of the log or to its start
// by itself. Either would lose records unnoticed.
func TestConsumer_SaysWhenItsPlaceIsGone(t *testing.T) {
	l := newLog(t)
	l.publish("a", 1, 1) // offsets 0 and 1
	producer, err := confluent.NewProducer(
		&confluent.ConfigMap{"bootstrap.servers": l.addr, "enable.metrics.push": false, "go.delivery.reports": false})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	topic := "orders"
	large := make([]byte, 900_000) // one of these fills a fetch
	for i := range 3 {
		message := &confluent.Message{TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: 0},
			Key: fmt.Append(nil, "b", i), Value: large}
		if err := producer.Produce(message, nil); err != nil {
			t.Fatal(err)
		}
		if left := producer.Flush(20_000); left > 0 {
			t.Fatal("a record is not written")
		}
	}
	c, err := kafka.NewConsumer(kafka.ConsumerConfig{Brokers: []string{l.addr}, Topic: topic, GroupID: "g",
		ReadAheadBytes: 1}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	l.deleteBefore(4) // all but the last
	r := &reader{t: t, c: c}
	keys, moved := r.until("b2")
	if len(moved) != 1 || moved[0].Reason != kafka.Expired || moved[0].To != 4 || slices.Contains(keys, "b1") {
		t.Fatalf("read %v after %+v, want b2 after records expired before offset 4", keys, moved)
	}
}
