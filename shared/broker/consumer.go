package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/cloudevent"
)

// ErrOffsetOutOfRange says that the topic no longer holds, or never held, the position that reading should go on from.
// It is never reset silently.
var ErrOffsetOutOfRange = errors.New("the position is not in the topic")

const (
	pollInterval    = 100 * time.Millisecond // how soon Fetch sees that its context ended
	metadataTimeout = 5 * time.Second
)

// ConsumerConfig of a Consumer.
type ConsumerConfig struct {
	Brokers []string // host:port of at least one broker
	Topic   string
	// GroupID names the consumer group whose offsets CommitForMonitors sets. No membership comes with it.
	GroupID string
	// MetadataInterval is how soon an added partition is read. Default 30 s.
	MetadataInterval time.Duration
}

// Consumer reads the committed records of all partitions of a topic, from positions its user keeps (rule C2). Fetch is
// for one goroutine; the other methods are safe for concurrent use.
type Consumer struct {
	config ConsumerConfig
	client *kafka.Consumer
	logs   *logPump
	logger zerolog.Logger

	cancel context.CancelFunc // ends what runs in the background
	watch  sync.WaitGroup
	down   bool // said that the broker is away; Fetch's own

	mu       sync.Mutex
	position map[int32]int64 // next offset to be fetched, past control records once the end was seen
	handed   map[int32]int64 // the same after what Fetch returned last
}

// NewConsumer returns a consumer that reads nothing until Assign.
func NewConsumer(config ConsumerConfig, logger zerolog.Logger) (*Consumer, error) {
	if len(config.Brokers) == 0 || config.Topic == "" || config.GroupID == "" {
		return nil, errors.New("a consumer needs at least one broker, a topic and a group id")
	}
	if config.MetadataInterval == 0 {
		config.MetadataInterval = 30 * time.Second
	}
	logs := startLogPump(logger)
	client, err := kafka.NewConsumer(clientConfig(config.Brokers, logs.lines, kafka.ConfigMap{
		"group.id": config.GroupID,
		// Only what CommitForMonitors stores is committed, in the background.
		"enable.auto.commit":       true,
		"auto.commit.interval.ms":  1000,
		"enable.auto.offset.store": false,
		// There is no session without membership; a commit gives up after as long, and so does Close, which commits, while
		// the broker is away.
		"session.timeout.ms":    1000,
		"heartbeat.interval.ms": 500,
		"auto.offset.reset":     "error",
		"isolation.level":       "read_committed",
		"enable.partition.eof":  true,
		// With the default of 1 s a full local queue halves the rate: 121,000 against 308,000 records/s.
		"fetch.queue.backoff.ms": 10,
	}))
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	return &Consumer{
		config: config, client: client, logs: logs, logger: logger, cancel: func() {},
		position: map[int32]int64{}, handed: map[int32]int64{},
	}, nil
}

// Assign finds the topic's partitions and starts reading each at next, or at 0 when next does not name it. It waits for
// as long as the broker is away or the topic does not exist. Partitions that are added later are found by themselves and
// read from 0.
func (c *Consumer) Assign(ctx context.Context, next map[int32]int64) error {
	waiting := false
	for {
		partitions, err := c.partitions()
		if err == nil && len(partitions) > 0 {
			if err := c.assign(partitions, next); err != nil {
				return err
			}
			break
		}
		if !waiting {
			waiting = true
			c.logger.Warn().Err(err).Str("topic", c.config.Topic).Msg("waiting for the broker and the topic")
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.watch.Go(func() { c.watchPartitions(watchCtx) })
	return nil
}

// partitions asks the broker; none when the topic does not exist.
func (c *Consumer) partitions() ([]int32, error) {
	metadata, err := c.client.GetMetadata(&c.config.Topic, false, int(metadataTimeout.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("ask for the partitions of topic %s: %w", c.config.Topic, err)
	}
	topic := metadata.Topics[c.config.Topic]
	var partitions []int32
	for _, p := range topic.Partitions {
		partitions = append(partitions, p.ID)
	}
	return partitions, nil
}

func (c *Consumer) assign(partitions []int32, next map[int32]int64) error {
	var added []kafka.TopicPartition
	c.mu.Lock()
	for _, id := range partitions {
		if _, known := c.position[id]; known {
			continue
		}
		c.position[id] = next[id]
		added = append(added, kafka.TopicPartition{Topic: &c.config.Topic, Partition: id, Offset: kafka.Offset(next[id])})
	}
	c.mu.Unlock()
	if len(added) == 0 {
		return nil
	}
	if err := c.client.IncrementalAssign(added); err != nil {
		return fmt.Errorf("assign %d partitions of topic %s: %w", len(added), c.config.Topic, err)
	}
	return nil
}

func (c *Consumer) watchPartitions(ctx context.Context) {
	for pause(ctx, c.config.MetadataInterval) == nil {
		partitions, err := c.partitions()
		if err != nil {
			continue // an outage; Fetch says so
		}
		if err := c.assign(partitions, nil); err != nil {
			c.logger.Error().Err(err).Msg("cannot read an added partition")
		}
	}
}

// Fetch waits for a record and returns it with those that are there already, at most limit of them. It waits through
// outages. When ctx ends it returns ctx's error. ErrOffsetOutOfRange needs a decision of the caller.
func (c *Consumer) Fetch(ctx context.Context, limit int) ([]Record, error) {
	c.settle()
	var records []Record
	for len(records) < limit {
		wait := pollInterval
		if len(records) > 0 {
			wait = 0
		}
		switch event := c.client.Poll(int(wait.Milliseconds())).(type) {
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				return records, fmt.Errorf("read topic %s: %w", c.config.Topic, event.TopicPartition.Error)
			}
			c.down = false
			records = append(records, recordOf(event))
			c.reach(event.TopicPartition.Partition, int64(event.TopicPartition.Offset)+1)
		case kafka.PartitionEOF:
			c.reach(event.Partition, int64(event.Offset))
			if len(records) == 0 {
				c.settle()
			}
		case kafka.Error:
			if err := c.consumeError(event); err != nil {
				return records, err
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
	return records, nil
}

// consumeError returns what the caller must know; an outage is only logged, once.
func (c *Consumer) consumeError(err kafka.Error) error {
	switch {
	case err.Code() == kafka.ErrAutoOffsetReset, err.Code() == kafka.ErrOffsetOutOfRange:
		return fmt.Errorf("read topic %s: %w: %w", c.config.Topic, ErrOffsetOutOfRange, err)
	case err.IsFatal():
		return fmt.Errorf("read topic %s: %w", c.config.Topic, err)
	}
	if !c.down {
		c.down = true
		c.logger.Warn().Str("code", err.Code().String()).Msg("cannot read from Kafka: " + err.Error())
	}
	return nil
}

// reach notes that Fetch got past a record, or to the partition's end, past control records, which are never delivered.
func (c *Consumer) reach(partition int32, next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed[partition] = max(c.handed[partition], next)
}

// settle moves the positions past what Fetch returned last: asking again says that it was taken over.
func (c *Consumer) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for partition, next := range c.handed {
		c.position[partition] = max(c.position[partition], next)
	}
	clear(c.handed)
}

func recordOf(m *kafka.Message) Record {
	r := Record{
		Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset), LeaderEpoch: -1,
		Timestamp: m.Timestamp, Key: m.Key, Value: m.Value,
	}
	if m.TopicPartition.LeaderEpoch != nil {
		r.LeaderEpoch = *m.TopicPartition.LeaderEpoch
	}
	if len(m.Headers) > 0 {
		r.Headers = make([]cloudevent.Header, len(m.Headers))
		for i, h := range m.Headers {
			r.Headers[i] = cloudevent.Header(h)
		}
	}
	return r
}

// Partitions returns the partitions that are read; none before Assign returned.
func (c *Consumer) Partitions() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	partitions := make([]int32, 0, len(c.position))
	for id := range c.position {
		partitions = append(partitions, id)
	}
	return partitions
}

// Lag returns, for each partition, how many offsets lie between what was fetched and the last committed one the broker
// spoke of. What Fetch returned last still counts until it is called again, so that a lag of 0 is never seen while
// records are between two hands. It asks nobody: the broker says so with every fetch.
func (c *Consumer) Lag() map[int32]int64 {
	c.mu.Lock()
	positions := maps.Clone(c.position)
	c.mu.Unlock()
	lag := make(map[int32]int64, len(positions))
	for id, position := range positions {
		_, high, err := c.client.GetWatermarkOffsets(c.config.Topic, id)
		if err != nil || high < 0 {
			high = position // nothing heard of it yet
		}
		lag[id] = max(high-position, 0)
	}
	return lag
}

// CommitForMonitors has the group's offsets set soon, for tools that watch lag. It does not wait and is best effort:
// nothing reads them back.
func (c *Consumer) CommitForMonitors(next map[int32]int64) {
	offsets := make([]kafka.TopicPartition, 0, len(next))
	for id, offset := range next {
		offsets = append(offsets, kafka.TopicPartition{Topic: &c.config.Topic, Partition: id, Offset: kafka.Offset(offset)})
	}
	if _, err := c.client.StoreOffsets(offsets); err != nil {
		c.logger.Debug().Err(err).Msg("cannot set the group's offsets for monitors")
	}
}

// Close stops reading. Fetch must have returned.
func (c *Consumer) Close() {
	c.cancel()
	c.watch.Wait()
	closeInTime(c.logger, "consumer", func() {
		err := c.client.Close()
		c.logs.stop()
		if err != nil {
			c.logger.Warn().Err(err).Msg("cannot close a Kafka consumer")
		}
	})
}
