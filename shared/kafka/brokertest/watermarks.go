package brokertest

import (
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/kafka"
)

// Hidden returns in how many partitions of topic an open transaction hides records: the last stable offset is below the
// high watermark.
func Hidden(t testing.TB, address, topic string) (partitions int) {
	t.Helper()
	high, stable := ends(t, address, topic, "read_uncommitted"), ends(t, address, topic, "read_committed")
	for partition, end := range high {
		if stable[partition] < end {
			partitions++
		}
	}
	return partitions
}

// ReadToHighWatermark is ReadAll up to the present high watermarks. It waits up to a minute for open transactions to
// end.
func ReadToHighWatermark(t testing.TB, address, topic string) []kafka.Record {
	t.Helper()
	left := ends(t, address, topic, "read_uncommitted")
	consumer, _ := assign(t, address, topic)
	defer closeConsumer(t, consumer)
	var records []kafka.Record
	reached := func(partition int32, offset int64) {
		if offset >= left[partition] {
			delete(left, partition)
		}
	}
	for partition := range left {
		reached(partition, 0)
	}
	for deadline := time.Now().Add(time.Minute); len(left) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("topic %s was not read to its high watermarks within a minute: %v are left", topic, left)
		}
		switch event := poll(t, consumer).(type) {
		case *confluent.Message:
			records = append(records, record(event))
			reached(event.TopicPartition.Partition, int64(event.TopicPartition.Offset)+1)
		case confluent.PartitionEOF:
			reached(event.Partition, int64(event.Offset))
		}
	}
	return records
}

// ends returns the end of each partition of topic for that isolation level.
func ends(t testing.TB, address, topic, isolation string) map[int32]int64 {
	t.Helper()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers":   address,
		"group.id":            "brokertest",
		"isolation.level":     isolation,
		"enable.metrics.push": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closeConsumer(t, consumer)
	metadata, err := consumer.GetMetadata(&topic, false, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int32]int64{}
	for _, p := range metadata.Topics[topic].Partitions {
		_, end, err := consumer.QueryWatermarkOffsets(topic, p.ID, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		ends[p.ID] = end
	}
	return ends
}
