// Package bare is Kafka's client with nothing around it, tuned as the product tunes it: what a relay and a reader would
// make that keep no promise.
package bare

import (
	"context"
	"errors"
	"fmt"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/bench/sample"
	"ordertally/order"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/uuidv7"
)

// Partitions of each topic.
const Partitions = 6

// Lineage that the records name which Produce sends.
const Lineage = "0123456789abcdef0123456789abcdef"

// CreateTopic creates a topic as the order service does.
func CreateTopic(ctx context.Context, broker, topic string) error {
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{
		"bootstrap.servers": broker, "enable.metrics.push": false,
	})
	if err != nil {
		return err
	}
	defer admin.Close()
	results, err := admin.CreateTopics(ctx, []confluent.TopicSpecification{{
		Topic: topic, NumPartitions: Partitions, ReplicationFactor: 1,
		Config: map[string]string{"max.message.bytes": fmt.Sprint(kafka.MaxMessageBytes)},
	}}, confluent.SetAdminOperationTimeout(30*time.Second))
	if err != nil {
		return err
	}
	if code := results[0].Error.Code(); code != confluent.ErrNoError {
		return fmt.Errorf("create topic %s: %w", topic, results[0].Error)
	}
	return nil
}

// Producer is idempotent and has no transactions. Compression is none or a codec of Kafka.
func Producer(broker string, linger time.Duration, compression string) (*confluent.Producer, error) {
	return confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": broker, "enable.idempotence": true, "acks": "all", "linger.ms": int(linger.Milliseconds()),
		"partitioner": "murmur2_random", "message.max.bytes": kafka.MaxMessageBytes, "compression.type": compression,
		"queue.buffering.max.messages": 1_000_000, "go.delivery.report.fields": "none", "go.produce.channel.size": 1,
		"enable.metrics.push": false,
	})
}

// Maker makes records as the order service publishes them.
type Maker struct {
	topic string
	ids   *uuidv7.Source
	slot  uint64
	// At returns when order n was placed.
	At func(n int64) time.Time
}

// NewMaker returns a Maker of records for a topic, whose orders are placed now.
func NewMaker(topic string) *Maker {
	return &Maker{topic: topic, ids: uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{}),
		At: func(int64) time.Time { return time.Now() }}
}

// Make returns the record of order n. Its value, key and headers are those of the order service.
func (m *Maker) Make(n int64) *confluent.Message {
	id, messageID := m.ids.Next(), m.ids.Next()
	at := m.At(n).UTC().Truncate(time.Millisecond)
	value := event.Encode(sample.Order(n, at))
	event.SetID(value, id)
	m.slot++
	envelope := cloudevent.Envelope{
		ID: messageID.String(), Source: event.Source, Type: event.TypeCreated, Subject: id.String(), Time: at,
		DataSchema: event.SchemaCreated, ContentType: event.ContentType, Lineage: Lineage, Sequence: m.slot,
		Previous: m.slot - 1,
	}
	message := &confluent.Message{
		TopicPartition: confluent.TopicPartition{Topic: &m.topic, Partition: confluent.PartitionAny},
		Key:            []byte(id.String()), Value: value, Timestamp: time.Now(),
	}
	for _, h := range append(envelope.Headers(), event.KeyHeader(sample.KeyHash(n), order.RequestHash{1})) {
		message.Headers = append(message.Headers, confluent.Header(h))
	}
	return message
}

// Send sends all and returns when each is known to be delivered.
func Send(producer *confluent.Producer, messages []*confluent.Message) error {
	reports := make(chan confluent.Event, len(messages))
	for _, m := range messages {
		for {
			err := producer.Produce(m, reports)
			if err == nil {
				break
			}
			if kafkaErr, ok := errors.AsType[confluent.Error](err); !ok || kafkaErr.Code() != confluent.ErrQueueFull {
				return err
			}
			producer.Flush(1)
		}
	}
	for range messages {
		m, ok := (<-reports).(*confluent.Message)
		if !ok {
			return errors.New("a delivery report is no message")
		}
		if m.TopicPartition.Error != nil {
			return m.TopicPartition.Error
		}
	}
	return nil
}

// Fill sends the records of the orders 1 to n to a new topic.
func Fill(ctx context.Context, broker string, maker *Maker, n int) error {
	if err := CreateTopic(ctx, broker, maker.topic); err != nil {
		return err
	}
	const linger, chunk = 20 * time.Millisecond, 50_000
	producer, err := Producer(broker, linger, "zstd")
	if err != nil {
		return err
	}
	defer producer.Close()
	for first := 0; first < n && ctx.Err() == nil; first += chunk {
		var batch []*confluent.Message
		for i := range min(chunk, n-first) {
			batch = append(batch, maker.Make(int64(first+i+1)))
		}
		if err := Send(producer, batch); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Reader is a consumer of committed records from the beginning of a topic.
type Reader struct{ consumer *confluent.Consumer }

// NewReader starts to read.
func NewReader(broker, topic string) (*Reader, error) {
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers": broker, "group.id": "bare", "isolation.level": "read_committed",
		"enable.auto.commit": false, "fetch.queue.backoff.ms": 10, "enable.metrics.push": false,
	})
	if err != nil {
		return nil, err
	}
	var all []confluent.TopicPartition
	for partition := range int32(Partitions) {
		all = append(all, confluent.TopicPartition{Topic: &topic, Partition: partition, Offset: 0})
	}
	if err := consumer.Assign(all); err != nil {
		return nil, errors.Join(err, consumer.Close())
	}
	return &Reader{consumer}, nil
}

// Next returns the next record. It is an error if there is none for half a minute.
func (r *Reader) Next() (*confluent.Message, error) {
	const patience, poll = 30 * time.Second, 1000
	for end := time.Now().Add(patience); time.Now().Before(end); {
		switch e := r.consumer.Poll(poll).(type) {
		case *confluent.Message:
			return e, e.TopicPartition.Error
		case confluent.Error:
			return nil, e
		}
	}
	return nil, errors.New("no record within " + patience.String())
}

// Close ends the reader.
func (r *Reader) Close() error { return r.consumer.Close() }
