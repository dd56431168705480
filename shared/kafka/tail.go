package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/settings"
)

// ErrNoTopic says that a topic that was to be read does not exist.
var ErrNoTopic = errors.New("the topic does not exist")

// Tail calls look for the newest committed records of a topic, no more than most in all. It returns the results, the
// oldest first by timestamp. It leaves no trace in Kafka: it joins no group and commits nothing. The error is
// ErrNoTopic if the topic does not exist. Brokers that are silent for readPatience are an error too.
func Tail[T any](
	ctx context.Context, config ConsumerConfig, most int, logger zerolog.Logger, look func(*Record) T,
) ([]T, error) {
	settings.Fill(&config)
	logs := startLogPump(logger)
	defer logs.stop()
	client, err := newConsumer(config.Brokers, &config.Security, logs.lines, confluent.ConfigMap{
		"group.id": config.GroupID, "enable.auto.commit": false, "enable.auto.offset.store": false,
		"isolation.level": string(committed), "auto.offset.reset": "error", "enable.partition.eof": true,
		"fetch.queue.backoff.ms": 10, "queued.max.messages.kbytes": config.ReadAheadBytes >> 10,
		"fetch.wait.max.ms": 50, // it waits for the ends of partitions
	})
	if err != nil {
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	defer func() { _ = client.Close() }()
	t := &tail[T]{config: config, client: client, look: look, seen: make(map[int32][]looked[T])}
	if err := t.read(ctx, most); err != nil {
		return nil, fmt.Errorf("read the end of topic %s: %w", config.Topic, err)
	}
	return t.newest(most), nil
}

// tail reads a topic backwards from its end, one stretch of each partition at a time.
type tail[T any] struct {
	config ConsumerConfig
	client *bulkConsumer
	look   func(*Record) T
	seen   map[int32][]looked[T]
}

// looked is the result of look for one record.
type looked[T any] struct {
	partition int32
	offset    int64
	timestamp time.Time
	made      T
}

func (t *tail[T]) read(ctx context.Context, most int) error {
	spans, err := t.spans(ctx)
	if err != nil {
		return err
	}
	for len(spans) > 0 {
		stretch := make(map[int32]span, len(spans))
		for id, whole := range spans {
			missing := int64(most - len(t.seen[id]))
			if missing <= 0 || whole.start >= whole.end {
				delete(spans, id)
				continue
			}
			// Every transaction leaves a record that is not delivered. With small transactions, that is half of all
			// records.
			from := max(whole.start, whole.end-2*missing)
			stretch[id], spans[id] = span{from, whole.end}, span{whole.start, from}
		}
		if err := t.stretch(ctx, stretch); err != nil {
			return err
		}
	}
	return nil
}

// spans asks for the offsets of the partitions' committed records.
func (t *tail[T]) spans(ctx context.Context) (map[int32]span, error) {
	admin, err := confluent.NewAdminClientFromConsumer(t.client.Consumer)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	ask, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	found, exists, err := describeTopic(ask, admin, t.config.Topic)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%v do not answer: %w", t.config.Brokers, err)
	case !exists:
		return nil, ErrNoTopic
	}
	spans := make(map[int32]span, found.partitions)
	for id := range int32(found.partitions) { //nolint:gosec // few
		start, end, err := t.client.QueryWatermarkOffsets(t.config.Topic, id, int(rangeTimeout.Milliseconds()))
		if err != nil {
			return nil, fmt.Errorf("ask where partition %d ends: %w", id, err)
		}
		spans[id] = span{start, end}
	}
	return spans, nil
}

// stretch reads a part of each partition.
func (t *tail[T]) stretch(ctx context.Context, parts map[int32]span) error {
	partitions := make([]confluent.TopicPartition, 0, len(parts))
	for id, part := range parts {
		from := confluent.TopicPartition{Topic: &t.config.Topic, Partition: id, Offset: confluent.Offset(part.start)}
		partitions = append(partitions, from)
	}
	if len(partitions) == 0 {
		return nil
	}
	if err := t.client.Assign(partitions); err != nil {
		return err
	}
	heard := time.Now()
	for len(parts) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch event := t.client.Poll(pollInterval).(type) {
		case *Record:
			heard = time.Now()
			r := *event
			part, wanted := parts[r.Partition]
			if wanted && r.Offset < part.end {
				r.trim(t.config.MaxRecordBytes)
				t.seen[r.Partition] = append(
					t.seen[r.Partition],
					looked[T]{r.Partition, r.Offset, r.Timestamp, t.look(&r)},
				)
			}
			if r.Offset >= part.end-1 {
				delete(parts, r.Partition)
			}
		case confluent.PartitionEOF:
			heard = time.Now()
			delete(parts, event.Partition)
		case confluent.Error:
			code := event.Code()
			if event.IsFatal() || denied(event) || code == confluent.ErrOffsetOutOfRange ||
				code == confluent.ErrAutoOffsetReset {
				return event
			}
		}
		if time.Since(heard) > readPatience {
			return fmt.Errorf("no records for %s", readPatience)
		}
	}
	return nil
}

// newest returns the results for the newest records.
func (t *tail[T]) newest(most int) []T {
	var all []looked[T]
	for _, of := range t.seen {
		slices.SortFunc(of, func(a, b looked[T]) int { return cmp.Compare(a.offset, b.offset) })
		all = append(all, of[max(0, len(of)-most):]...)
	}
	slices.SortFunc(all, func(a, b looked[T]) int {
		return cmp.Or(a.timestamp.Compare(b.timestamp), cmp.Compare(a.partition, b.partition),
			cmp.Compare(a.offset, b.offset))
	})
	all = all[max(0, len(all)-most):]
	made := make([]T, len(all))
	for i := range all {
		made[i] = all[i].made
	}
	return made
}
