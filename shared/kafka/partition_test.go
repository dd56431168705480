package kafka_test

import (
	"fmt"
	"testing"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// The relay names the partition that librdkafka would choose for the topic's number of partitions.
func TestPartition_IsThatOfMurmur2Random(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	const topic, partitions = "murmur2", 7
	brokertest.Create(t, address, topic, partitions)
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": address, "partitioner": "murmur2_random", "enable.metrics.push": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	name := topic
	reports := make(chan confluent.Event, 1000)
	for i := range 300 {
		key := fmt.Sprint(i)[:1] + uuidv7.ID{byte(i), byte(i >> 4), 15: byte(i)}.String()[i%30:]
		if err := producer.Produce(&confluent.Message{Key: []byte(key),
			TopicPartition: confluent.TopicPartition{Topic: &name, Partition: confluent.PartitionAny}},
			reports); err != nil {
			t.Fatal(err)
		}
	}
	for range 300 {
		m, ok := (<-reports).(*confluent.Message)
		if !ok || m.TopicPartition.Error != nil {
			t.Fatal(m)
		}
		if got := outbox.Partition(m.Key, partitions); got != m.TopicPartition.Partition {
			t.Errorf("%q: %d, and librdkafka chose %d", m.Key, got, m.TopicPartition.Partition)
		}
	}
}
