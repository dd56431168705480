// Package brokertest reads topics for tests. It has a client of its own, so that the reader shares no code with the
// services.
package brokertest

import (
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

// ReadAll returns all committed records in topic, partition by partition and in order. The test fails if that takes
// longer than a minute.
func ReadAll(t testing.TB, address, topic string) []kafka.Record {
	t.Helper()
	consumer, partitions := assign(t, address, topic)
	defer closeConsumer(t, consumer)
	var records []kafka.Record
	ended := map[int32]bool{}
	for deadline := time.Now().Add(time.Minute); len(ended) < partitions; {
		if time.Now().After(deadline) {
			t.Fatalf("topic %s was not read to its end within a minute: %d records so far", topic, len(records))
		}
		switch event := poll(t, consumer).(type) {
		case *confluent.Message:
			delete(ended, event.TopicPartition.Partition)
			records = append(records, record(event))
		case confluent.PartitionEOF:
			ended[event.Partition] = true
		}
	}
	return records
}

// Reader reads the committed records of a topic as it grows. It belongs to one goroutine.
type Reader struct {
	consumer *confluent.Consumer
}

// NewReader returns a reader at the beginning of topic, which must exist. It is closed when the test ends.
func NewReader(t testing.TB, address, topic string) *Reader {
	t.Helper()
	consumer, partitions := assign(t, address, topic)
	t.Cleanup(func() { closeConsumer(t, consumer) })
	if partitions == 0 {
		t.Fatalf("topic %s does not exist", topic)
	}
	return &Reader{consumer: consumer}
}

// Next returns the next record of any partition, and false if none came within limit. Records of one partition come in
// order.
func (r *Reader) Next(t testing.TB, limit time.Duration) (kafka.Record, bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if message, ok := poll(t, r.consumer).(*confluent.Message); ok {
			return record(message), true
		}
	}
	return kafka.Record{}, false
}

// assign returns a consumer of all partitions of topic from their start, and their number.
func assign(t testing.TB, address, topic string) (consumer *confluent.Consumer, partitions int) {
	t.Helper()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers": address, "group.id": "brokertest", "isolation.level": "read_committed",
		"enable.auto.commit": false, "auto.offset.reset": "error", "enable.partition.eof": true,
		"allow.auto.create.topics": false, "enable.metrics.push": false, "fetch.queue.backoff.ms": 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := consumer.GetMetadata(&topic, false, 10_000)
	if err != nil {
		closeConsumer(t, consumer)
		t.Fatalf("ask for topic %s: %v", topic, err)
	}
	var all []confluent.TopicPartition
	for _, p := range metadata.Topics[topic].Partitions {
		all = append(all, confluent.TopicPartition{Topic: &topic, Partition: p.ID,
			Offset: confluent.OffsetBeginning})
	}
	if len(all) == 0 {
		return consumer, 0
	}
	if err := consumer.Assign(all); err != nil {
		closeConsumer(t, consumer)
		t.Fatal(err)
	}
	return consumer, len(all)
}

func closeConsumer(t testing.TB, consumer *confluent.Consumer) {
	t.Helper()
	if err := consumer.Close(); err != nil {
		t.Error(err)
	}
}

// poll returns the next event within 0.1 s, or nil. A fatal error fails the test.
func poll(t testing.TB, consumer *confluent.Consumer) confluent.Event {
	t.Helper()
	event := consumer.Poll(100)
	switch e := event.(type) {
	case *confluent.Message:
		if e.TopicPartition.Error != nil {
			t.Fatal(e.TopicPartition.Error)
		}
	case confluent.Error:
		if e.IsFatal() || e.Code() == confluent.ErrAutoOffsetReset {
			t.Fatal(e)
		}
	}
	return event
}

func record(m *confluent.Message) kafka.Record {
	r := kafka.Record{
		Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset),
		Timestamp: m.Timestamp, Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, cloudevent.Header(h))
	}
	return r
}
