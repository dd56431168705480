package refconsumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Read passes every committed record of the topic to ledger, from the earliest on, until ctx ends. It joins the
// consumer group. A record that breaks the contract ends Read. The error tells where the record is.
func Read(ctx context.Context, brokers, topic, group string, ledger *Ledger) (err error) {
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": brokers, "group.id": group,
		"isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.auto.commit": false,
		"enable.metrics.push": false,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, consumer.Close()) }()
	if err := consumer.Subscribe(topic, nil); err != nil {
		return err
	}
	for ctx.Err() == nil {
		switch event := consumer.Poll(100).(type) {
		case *kafka.Message:
			if err := ledger.Take(record(event)); err != nil {
				return fmt.Errorf("record at %v: %w", event.TopicPartition, err)
			}
		case kafka.Error:
			if event.IsFatal() {
				return event
			}
		}
	}
	return nil
}

func record(m *kafka.Message) Record {
	r := Record{Key: m.Key, Value: m.Value, Timestamp: m.Timestamp}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, Header{Name: h.Key, Value: h.Value})
	}
	return r
}
