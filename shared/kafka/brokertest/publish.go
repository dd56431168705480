package brokertest

import (
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Publish appends a value to a topic, with the time that its record is to have.
func Publish(t testing.TB, address, topic, value string, at time.Time) {
	t.Helper()
	producer, err := confluent.NewProducer(
		&confluent.ConfigMap{"bootstrap.servers": address, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	delivered := make(chan confluent.Event, 1)
	err = producer.Produce(&confluent.Message{
		TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: confluent.PartitionAny},
		Value:          []byte(value), Timestamp: at,
	}, delivered)
	if err != nil {
		t.Fatal(err)
	}
	if message, is := (<-delivered).(*confluent.Message); !is || message.TopicPartition.Error != nil {
		t.Fatalf("publish to %s: %v", topic, message)
	}
}
