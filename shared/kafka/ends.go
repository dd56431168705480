package kafka

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// lookInterval is how often the ends of the partitions are fetched at most. A day becomes final that soon.
const lookInterval = 500 * time.Millisecond

// snapshot is the high watermarks of the partitions at a moment (rule C4a). A reader of committed records only learns
// the last stable offset. While another program's transaction is open, there may be committed records after it.
type snapshot struct {
	at   time.Time
	ends map[int32]int64
}

// Through returns a moment, or zero if none is known. Everything that was in the topic at that moment has been returned
// by Fetch and processed, even what an open transaction hid then. The moment is a second or two in the past, or more if
// reading is slower. It never goes back. Through is safe for concurrent use.
func (c *Consumer) Through() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.through
}

// Behind reports whether there are records that could be read but were not. It is false while the broker is away, and
// while an open transaction hides the records. It is safe for concurrent use.
func (c *Consumer) Behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ahead) == 0 || time.Since(c.heard) >= 2*c.config.MetadataInterval+metadataTimeout {
		return false
	}
	for id, end := range c.ahead[0].ends {
		if _, held := c.held[id]; !held && c.position[id] < end {
			return true
		}
	}
	return false
}

// Held describes the open transaction that reading waits for. It is zero if reading does not wait.
type Held struct {
	Partitions int // how many wait
	// Partition has waited longest: since Since, at Offset, where the transaction begins.
	Partition int32
	Offset    int64
	Since     time.Time
}

// hold is where a partition waits at an open transaction.
type hold struct {
	offset int64
	since  time.Time
}

// Held returns where reading waits for another program's transaction to end. Safe for concurrent use.
func (c *Consumer) Held() Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := Held{Partitions: len(c.held)}
	for id, hold := range c.held {
		if held.Since.IsZero() || hold.since.Before(held.Since) {
			held.Partition, held.Offset, held.Since = id, hold.offset, hold.since
		}
	}
	return held
}

// noteHold notes whether a partition that was read to its last stable offset goes on after an open transaction. The
// caller holds c.mu.
func (c *Consumer) noteHold(partition int32, stable int64) {
	if c.end(partition) <= stable {
		delete(c.held, partition)
		return
	}
	if known, held := c.held[partition]; !held || known.offset != stable {
		c.held[partition] = hold{stable, c.config.Clock.Now()}
	}
}

// end returns the last known high watermark. The caller holds c.mu.
func (c *Consumer) end(partition int32) int64 {
	_, high, err := c.client.GetWatermarkOffsets(c.config.Topic, partition) // from the last fetch; makes no request
	if err != nil {
		high = 0
	}
	return max(high, c.high[partition])
}

// look fetches the ends of the partitions. It keeps the oldest snapshot until everything was read up to it. Under a lag
// that never ends, a newer one would always be ahead. The newest waits behind it.
func (c *Consumer) look(ctx context.Context, partitions []int32) {
	now := snapshot{at: c.config.Clock.Now()}
	var topicID string
	var idErr, endsErr error
	// A broker answers nothing while it waits for records on the same connection, so both waits end together.
	var asking sync.WaitGroup
	asking.Go(func() { topicID, _, idErr = c.describeTopic(ctx) })
	asking.Go(func() { now.ends, endsErr = c.askEnds(ctx, partitions) })
	asking.Wait()
	if err := cmp.Or(idErr, endsErr); err != nil {
		c.missed(ctx, err)
		return // an outage, which Fetch logs
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = time.Now()
	if !c.reads {
		return // reading asks again when it starts
	}
	c.linked(nil, true)
	if topicID != c.topicID {
		c.ahead = nil
		c.doubt.Store(true)
		return
	}
	for id, end := range now.ends {
		if end < c.position[id] || end < c.high[id] { // Kafka lost the end of a log, or has another one
			c.ahead = nil
		}
		c.high[id] = end
	}
	const waiting = 2
	c.ahead = append(c.ahead[:min(len(c.ahead), waiting-1)], now)
	c.pass()
}

// pass drops the snapshots up to which everything was processed. The caller holds c.mu.
func (c *Consumer) pass() {
	for len(c.ahead) > 0 {
		for id, end := range c.ahead[0].ends {
			position, known := c.position[id]
			if !known { // the topic was recreated with fewer partitions
				c.ahead = nil
				return
			}
			if position < end {
				return
			}
		}
		if c.ahead[0].at.After(c.through) {
			c.through = c.ahead[0].at
		}
		c.ahead = c.ahead[1:]
	}
}

// askEnds asks for the high watermarks, the ends of the logs whatever transactions are open.
func (c *Consumer) askEnds(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	admin, err := confluent.NewAdminClientFromConsumer(c.client.Consumer)
	if err != nil {
		return nil, fmt.Errorf("ask for the ends of topic %s: %w", c.config.Topic, err)
	}
	defer admin.Close() // the consumer stays open
	return listOffsets(ctx, admin, c.config.Topic, partitions, confluent.LatestOffsetSpec, metadataTimeout)
}

// listOffsets asks for the first offset or the high watermark of each partition.
func listOffsets(ctx context.Context, admin *confluent.AdminClient, topic string, partitions []int32,
	spec confluent.OffsetSpec, timeout time.Duration) (map[int32]int64, error) {
	ask := make(map[confluent.TopicPartition]confluent.OffsetSpec, len(partitions))
	for _, id := range partitions {
		ask[confluent.TopicPartition{Topic: &topic, Partition: id}] = spec
	}
	result, err := admin.ListOffsets(ctx, ask,
		confluent.SetAdminIsolationLevel(confluent.IsolationLevelReadUncommitted),
		confluent.SetAdminRequestTimeout(timeout))
	if err != nil {
		return nil, fmt.Errorf("ask for the ends of topic %s: %w", topic, err)
	}
	ends := make(map[int32]int64, len(partitions))
	for partition, info := range result.ResultInfos {
		if info.Error.Code() != confluent.ErrNoError {
			return nil, fmt.Errorf("ask for the end of partition %d of topic %s: %w", partition.Partition, topic,
				info.Error)
		}
		ends[partition.Partition] = int64(info.Offset)
	}
	if len(ends) != len(partitions) {
		return nil, fmt.Errorf("ask for the ends of topic %s: %d of %d partitions were told", topic, len(ends),
			len(partitions))
	}
	return ends, nil
}
