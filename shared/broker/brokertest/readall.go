// Package brokertest reads topics for tests, with a client of its own: what the services wrote is judged by a reader that
// shares no code with them.
package brokertest

import (
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/broker"
	"ordertally/shared/cloudevent"
)

// ReadAll returns every record that a reader of committed records sees in topic now, partition by partition in order. It
// fails the test when that takes longer than a minute.
func ReadAll(t testing.TB, address, topic string) []broker.Record {
	t.Helper()
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": address, "group.id": "brokertest", "isolation.level": "read_committed",
		"enable.auto.commit": false, "auto.offset.reset": "error", "enable.partition.eof": true,
		"allow.auto.create.topics": false, "enable.metrics.push": false, "fetch.queue.backoff.ms": 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := consumer.Close(); err != nil {
			t.Error(err)
		}
	}()
	metadata, err := consumer.GetMetadata(&topic, false, 10_000)
	if err != nil {
		t.Fatalf("ask for topic %s: %v", topic, err)
	}
	var all []kafka.TopicPartition
	for _, p := range metadata.Topics[topic].Partitions {
		all = append(all, kafka.TopicPartition{Topic: &topic, Partition: p.ID, Offset: 0})
	}
	if len(all) == 0 {
		return nil
	}
	if err := consumer.Assign(all); err != nil {
		t.Fatal(err)
	}
	var records []broker.Record
	ended := map[int32]bool{}
	for deadline := time.Now().Add(time.Minute); len(ended) < len(all); {
		if time.Now().After(deadline) {
			t.Fatalf("topic %s was not read to its end within a minute: %d records so far", topic, len(records))
		}
		switch event := consumer.Poll(100).(type) {
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				t.Fatal(event.TopicPartition.Error)
			}
			delete(ended, event.TopicPartition.Partition)
			records = append(records, record(event))
		case kafka.PartitionEOF:
			ended[event.Partition] = true
		case kafka.Error:
			if event.IsFatal() || event.Code() == kafka.ErrAutoOffsetReset {
				t.Fatal(event)
			}
		}
	}
	return records
}

func record(m *kafka.Message) broker.Record {
	r := broker.Record{
		Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset),
		Timestamp: m.Timestamp, Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, cloudevent.Header(h))
	}
	return r
}
