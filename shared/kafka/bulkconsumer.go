package kafka

import (
	"errors"
	"math"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/kafka/bulk"
)

// bulkConsumer is a consumer of the Go client whose records are taken in bulk. Poll and drop belong to one goroutine.
type bulkConsumer struct {
	*confluent.Consumer
	queue  *bulk.Queue
	atOnce int // records that are taken from the queue at once

	waiting []bulk.Incoming // taken from the queue, and not polled yet
	behind  confluent.Event // follows them; may be nil
	record  Record          // what Poll returned last
}

func newBulkConsumer(config *confluent.ConfigMap) (*bulkConsumer, error) {
	consumer, err := confluent.NewConsumer(config)
	if err != nil {
		return nil, err
	}
	queue, err := bulk.NewQueue(consumer)
	if err != nil {
		return nil, errors.Join(err, consumer.Close())
	}
	return &bulkConsumer{Consumer: consumer, queue: queue, atOnce: math.MaxInt32}, nil
}

// Poll waits for a *Record, a confluent.PartitionEOF or a confluent.Error. It returns nil if none came in time. The
// record is the caller's until the next call.
func (c *bulkConsumer) Poll(wait time.Duration) any {
	if len(c.waiting) == 0 && c.behind == nil {
		c.waiting, c.behind = c.queue.Poll(wait, c.atOnce)
	}
	if len(c.waiting) > 0 {
		next := &c.waiting[0]
		c.record = Record{Partition: next.Partition, Offset: next.Offset, LeaderEpoch: next.LeaderEpoch,
			Timestamp: next.Timestamp, Key: next.Key, Value: next.Value, Headers: next.Headers}
		c.waiting = c.waiting[1:]
		return &c.record
	}
	if event := c.behind; event != nil {
		c.behind = nil
		return event
	}
	return nil
}

// drop forgets what was taken from the queue of a partition that is now read from elsewhere. The queue itself drops
// what it still has.
func (c *bulkConsumer) drop(partition int32) {
	kept := c.waiting[:0]
	for i := range c.waiting {
		if c.waiting[i].Partition != partition {
			kept = append(kept, c.waiting[i])
		}
	}
	c.waiting = kept
	if end, ok := c.behind.(confluent.PartitionEOF); ok && end.Partition == partition {
		c.behind = nil
	}
}

// Assign starts to read from elsewhere.
func (c *bulkConsumer) Assign(partitions []confluent.TopicPartition) error {
	c.waiting, c.behind = nil, nil
	return c.Consumer.Assign(partitions)
}

// Close waits for a Poll that is under way.
func (c *bulkConsumer) Close() error {
	c.queue.Close()
	return c.Consumer.Close()
}
