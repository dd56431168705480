package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/settings"
)

// Careful reads a topic batch by batch and fetches each only on request. It is slow. It finds the batch that kills a
// Consumer, which reads ahead, because nothing bounds the memory that a compressed batch needs. It belongs to one
// goroutine.
type Careful struct {
	config ConsumerConfig
	client *bulkConsumer
	logs   *logPump
}

// NewCareful returns a reader of the committed records of a topic. It takes the same settings as a Consumer.
func NewCareful(config ConsumerConfig, logger zerolog.Logger) (*Careful, error) {
	settings.Fill(&config)
	logs := startLogPump(logger)
	client, err := newConsumer(config.Brokers, &config.Security, logs.lines, confluent.ConfigMap{
		"group.id":             config.GroupID,
		"enable.auto.commit":   false,
		"auto.offset.reset":    "error",
		"isolation.level":      "read_committed",
		"enable.partition.eof": true,
		// Kafka answers with one batch at least, and never with a second one that does not fit. Nothing is fetched
		// while a batch waits.
		"fetch.message.max.bytes": 1, "queued.min.messages": 1,
		// The answer to the fetch that follows is dropped, and the next fetch must not wait for it.
		"fetch.queue.backoff.ms": 1, "fetch.wait.max.ms": 10,
		"session.timeout.ms": 1000, "heartbeat.interval.ms": 500,
	})
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	client.atOnce = 1 // an empty queue makes the client fetch the next batch
	return &Careful{config, client, logs}, nil
}

// Partitions waits for the topic and returns its partitions.
func (c *Careful) Partitions(ctx context.Context) (partitions []int32, err error) {
	for {
		metadata, err := c.client.GetMetadata(&c.config.Topic, false, int(metadataTimeout.Milliseconds()))
		if err == nil && len(metadata.Topics[c.config.Topic].Partitions) > 0 {
			for _, p := range metadata.Topics[c.config.Topic].Partitions {
				partitions = append(partitions, p.ID)
			}
			slices.Sort(partitions)
			return partitions, nil
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// ErrNotThere says that reading cannot resume at a position. A Consumer finds out why, and where it can.
var ErrNotThere = errors.New("the position is not in the log")

// Next returns the batch at a position and the position after it, or no records at the end of the partition. The error
// may be ErrNotThere.
func (c *Careful) Next(ctx context.Context, partition int32, at Position) (Fetched, error) {
	if err := c.assign(partition, at.Offset); err != nil {
		return Fetched{}, err
	}
	records, err := c.batch(ctx, at.Offset)
	if errUnassign := c.client.Unassign(); err == nil && errUnassign != nil {
		err = fmt.Errorf("stop reading topic %s: %w", c.config.Topic, errUnassign)
	}
	if err != nil || len(records) == 0 {
		return Fetched{}, err
	}
	last := &records[len(records)-1]
	next := Position{
		Offset: last.Offset + 1, LeaderEpoch: last.LeaderEpoch, TopicID: at.TopicID,
		Checkpoints: addCheckpoint(at.Checkpoints, Checkpoint{Offset: last.Offset, Identity: identityOf(last)}),
	}
	return Fetched{Records: records, Next: map[int32]Position{partition: next}}, nil
}

// Stands reports whether the newest checkpoint of a position is still at its offset.
func (c *Careful) Stands(ctx context.Context, partition int32, at Position) (bool, error) {
	if len(at.Checkpoints) == 0 {
		return true, nil
	}
	if err := c.assign(partition, at.Checkpoints[0].Offset); err != nil {
		return false, err
	}
	defer func() { _ = c.client.Unassign() }()
	records, err := c.batch(ctx, at.Checkpoints[0].Offset)
	if errors.Is(err, ErrNotThere) {
		return false, nil
	}
	return err == nil && len(records) > 0 && records[0].Offset == at.Checkpoints[0].Offset &&
		identityOf(&records[0]) == at.Checkpoints[0].Identity, err
}

func (c *Careful) assign(partition int32, offset int64) error {
	for c.client.Poll(0) != nil { // earlier events are about another position
		continue
	}
	err := c.client.Assign(
		[]confluent.TopicPartition{{Topic: &c.config.Topic, Partition: partition, Offset: confluent.Offset(offset)}},
	)
	if err != nil {
		return fmt.Errorf("read topic %s: %w", c.config.Topic, err)
	}
	return nil
}

// batch waits for records from an offset on, or for the end of the partition. It waits through outages.
func (c *Careful) batch(ctx context.Context, from int64) (records []Record, err error) {
	for {
		wait := pollInterval
		if len(records) > 0 {
			wait = 0
		}
		switch event := c.client.Poll(wait).(type) {
		case *Record:
			record := *event
			if record.Offset < from {
				continue
			}
			record.trim(c.config.MaxRecordBytes)
			records = append(records, record)
		case confluent.PartitionEOF:
			return records, nil
		case confluent.Error:
			switch {
			case event.IsFatal():
				return nil, fmt.Errorf("read topic %s: %w", c.config.Topic, event)
			case event.Code() == confluent.ErrAutoOffsetReset || event.Code() == confluent.ErrOffsetOutOfRange ||
				event.Code() == confluent.ErrLogTruncation:
				return nil, ErrNotThere
			}
		case nil:
			if len(records) > 0 {
				return records, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
}

// Close ends the connections.
func (c *Careful) Close() {
	closeInTime(zerolog.Nop(), "consumer", func() {
		_ = c.client.Close()
		c.logs.stop()
	})
}
