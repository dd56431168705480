package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/outbox"
)

// watermarkTimeout bounds one request for the watermark. On a cluster that never had a consumer group, the first one
// makes the broker create its offsets topic and gets no answer.
const watermarkTimeout = time.Second

// newWatermarkClient returns a client for the watermark. With this isolation.level the broker holds the answer back
// while an earlier transaction is ending ("unstable").
//
// It is a consumer, because requests of librdkafka's admin API to a group's coordinator abort the whole process if the
// connection breaks at the wrong moment (librdkafka issue 3663, seen with 2.15 in an outage).
func (s *session) newWatermarkClient() (*bulkConsumer, error) {
	client, err := newConsumer(s.brokers, s.security, s.logs.lines, confluent.ConfigMap{
		"group.id": s.group, "enable.auto.commit": false, "isolation.level": "read_committed",
	})
	if err != nil {
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	return client, nil
}

// closeLater closes a client in the background. That takes 0.1 s, and nothing need wait for it.
func (s *session) closeLater(client *bulkConsumer) {
	s.asking.Go(func() {
		closeInTime(s.logger, "consumer", func() { _ = client.Close() })
	})
}

// readWatermark asks for the lineage's committed offset until there is an answer or ctx ends. known is false if there
// is no watermark.
func readWatermark(ctx context.Context, client *bulkConsumer, topic, lineage string) (
	watermark outbox.Watermark, known bool, err error) {
	partition := []confluent.TopicPartition{{Topic: &topic, Partition: 0}}
	for {
		committed, err := client.Committed(partition, int(watermarkTimeout.Milliseconds()))
		if err == nil {
			err = committed[0].Error
		}
		var kafkaErr confluent.Error
		isKafka := errors.As(err, &kafkaErr)
		switch {
		case err == nil:
			watermark, known = watermarkOf(committed[0])
			return watermark, known, nil
		case isKafka && kafkaErr.Code() == confluent.ErrGroupIDNotFound:
			return outbox.Watermark{}, false, nil
		case isKafka && retryWatermark(kafkaErr) && pause(ctx, 20*time.Millisecond) == nil:
			continue
		default:
			return outbox.Watermark{}, false, fmt.Errorf("read the watermark of lineage %s: %w", lineage, err)
		}
	}
}

func watermarkOf(committed confluent.TopicPartition) (watermark outbox.Watermark, known bool) {
	if committed.Offset < 0 {
		return outbox.Watermark{}, false
	}
	watermark.Slot = uint64(committed.Offset)
	if committed.Metadata != nil {
		watermark.Note = *committed.Metadata
	}
	return watermark, true
}

// offsetOf returns the committed offset that carries the watermark.
func (s *session) offsetOf(watermark outbox.Watermark) []confluent.TopicPartition {
	return []confluent.TopicPartition{{
		//nolint:gosec // slots stay far below 2^63
		Topic: &s.name, Partition: 0, Offset: confluent.Offset(watermark.Slot), Metadata: &watermark.Note,
	}}
}

func retryWatermark(err confluent.Error) bool {
	switch err.Code() {
	case confluent.ErrUnstableOffsetCommit, confluent.ErrTimedOut, confluent.ErrCoordinatorLoadInProgress,
		confluent.ErrCoordinatorNotAvailable, confluent.ErrNotCoordinator:
		return true
	}
	return err.IsRetriable()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
