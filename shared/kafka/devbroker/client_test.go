package devbroker_test

import (
	"errors"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const patience = 30 * time.Second

// client returns a librdkafka configuration for a broker of this package.
func client(addr string, more confluent.ConfigMap) *confluent.ConfigMap {
	cfg := confluent.ConfigMap{"bootstrap.servers": addr, "enable.metrics.push": false, "broker.address.family": "v4"}
	for name, value := range more {
		cfg[name] = value
	}
	return &cfg
}

func admin(t *testing.T, addr string) *confluent.AdminClient {
	t.Helper()
	a, err := confluent.NewAdminClient(client(addr, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func createTopic(t *testing.T, addr, topic string, config map[string]string) {
	t.Helper()
	results, err := admin(t, addr).CreateTopics(t.Context(), []confluent.TopicSpecification{
		{Topic: topic, NumPartitions: 2, ReplicationFactor: 1, Config: config},
	}, confluent.SetAdminOperationTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	if code := results[0].Error.Code(); code != confluent.ErrNoError {
		t.Fatalf("create topic %s: %v", topic, results[0].Error)
	}
}

// producer returns a transactional producer that is ready to begin.
func producer(t *testing.T, addr, transactionalID string) *confluent.Producer {
	t.Helper()
	p, err := confluent.NewProducer(client(addr, confluent.ConfigMap{
		"transactional.id": transactionalID, "message.max.bytes": 2 << 20, "linger.ms": 0,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.InitTransactions(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// produce writes values inside the open transaction and returns the first delivery error.
func produce(t *testing.T, p *confluent.Producer, topic string, values ...[]byte) error {
	t.Helper()
	deliveries := make(chan confluent.Event, len(values))
	for _, value := range values {
		message := &confluent.Message{TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: 0},
			Value: value}
		if err := p.Produce(message, deliveries); err != nil {
			return err
		}
	}
	var failed error
	for range values {
		if m := (<-deliveries).(*confluent.Message); m.TopicPartition.Error != nil && failed == nil {
			failed = m.TopicPartition.Error
		}
	}
	return failed
}

// readCommitted returns the values of partition 0 up to its end, as a read_committed consumer without a group sees
// them.
func readCommitted(t *testing.T, addr, topic string) []string {
	t.Helper()
	c, err := confluent.NewConsumer(client(addr, confluent.ConfigMap{
		"group.id": "unused", "isolation.level": "read_committed", "enable.auto.commit": false,
		"auto.offset.reset": "error", "enable.partition.eof": true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Assign([]confluent.TopicPartition{{Topic: &topic, Partition: 0, Offset: 0}}); err != nil {
		t.Fatal(err)
	}
	var values []string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		switch event := c.Poll(1000).(type) {
		case *confluent.Message:
			values = append(values, string(event.Value))
		case confluent.PartitionEOF:
			return values
		case confluent.Error:
			t.Logf("consumer: %v", event)
		}
	}
	t.Fatalf("no end of partition within %s; read %d", patience, len(values))
	return nil
}

// committed returns the group's offset and metadata for partition 0.
func committed(t *testing.T, addr, group, topic string) (confluent.Offset, string) {
	t.Helper()
	answer, err := admin(t, addr).ListConsumerGroupOffsets(t.Context(), []confluent.ConsumerGroupTopicPartitions{
		{Group: group, Partitions: []confluent.TopicPartition{{Topic: &topic, Partition: 0}}},
	}, confluent.SetAdminRequireStableOffsets(true), confluent.SetAdminRequestTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	got := answer.ConsumerGroupsTopicPartitions[0].Partitions[0]
	if got.Error != nil {
		t.Fatalf("offset of group %s: %v", group, got.Error)
	}
	if got.Metadata == nil {
		return got.Offset, ""
	}
	return got.Offset, *got.Metadata
}

// isCode reports whether err is Kafka's error of that code.
func isCode(err error, code confluent.ErrorCode) bool {
	var e confluent.Error
	return errors.As(err, &e) && e.Code() == code
}
