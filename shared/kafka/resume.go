package kafka

import (
	"context"
	"fmt"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// topicState is what the broker says about the topic at one moment.
type topicState struct {
	id   string // "" if the broker has none
	logs map[int32]watermarks
}

// watermarks are the start of a log, its last stable offset, up to which it can be read, and its end.
type watermarks struct{ low, stable, high int64 }

// resume starts reading each partition at the last record read, which must be the first to come (rule C4). It waits
// while the broker is away or the topic does not exist.
func (c *Consumer) resume(ctx context.Context) error {
	if err := c.halt(); err != nil {
		return err
	}
	said := false
	for {
		c.renewPassword()
		c.doubt.Store(false)
		state, err := c.askTopic(ctx)
		if ctx.Err() == nil {
			c.mu.Lock()
			c.linked(err, len(state.logs) > 0)
			c.mu.Unlock()
		}
		if err == nil && len(state.logs) > 0 {
			c.denied, c.unread = false, false
			return c.restart(state)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !said && !c.down {
			said = true
			c.logger.Warn().Err(err).Str("topic", c.config.Topic).Msg("waiting for the broker and the topic")
		}
		if err := c.drain(); err != nil {
			return err
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}

// halt stops reading and drops prefetched records and earlier events. A broker answers no question while it waits for
// records on the same connection, and an outage leaves many errors.
func (c *Consumer) halt() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reads {
		c.reads = false
		var all []confluent.TopicPartition
		for id := range c.position {
			all = append(all, c.at(id, 0))
		}
		if err := c.client.IncrementalUnassign(all); err != nil {
			return fmt.Errorf("stop reading topic %s: %w", c.config.Topic, err)
		}
	}
	return c.drain()
}

// drain drops earlier events, except fatal errors and refused logins.
func (c *Consumer) drain() error {
	for event := c.client.Poll(0); event != nil; event = c.client.Poll(0) {
		err, ok := event.(confluent.Error)
		if !ok {
			continue
		}
		if err.IsFatal() {
			return fmt.Errorf("read topic %s: %w", c.config.Topic, err)
		}
		c.heed(err)
	}
	return nil
}

// revalidate resumes if the topic may have changed. It returns what ended the watch.
func (c *Consumer) revalidate(ctx context.Context) error {
	select {
	case err := <-c.fault:
		return fmt.Errorf("watch topic %s: %w", c.config.Topic, err)
	default:
	}
	if !c.doubt.Load() {
		return nil
	}
	return c.resume(ctx)
}

// heed logs that a broker refuses the login, once until the login succeeds.
func (c *Consumer) heed(err confluent.Error) {
	if !denied(err) || c.denied {
		return
	}
	c.denied = true
	c.logger.Error().Err(err).Msg("Kafka does not let this service in: look at the settings kafka-tls and kafka-sasl")
}

// renewPassword reads the password file again while a broker refuses the login, because the file may have been
// corrected. It goes by the last known state and not by the event, because librdkafka repeats the event only every 30
// s.
//
// An open connection keeps its password until it breaks or the broker asks it to log in again
// (connections.max.reauth.ms). It then uses the password that was set last.
func (c *Consumer) renewPassword() {
	security := &c.config.Security
	if !c.denied || security.PasswordFile == "" || time.Since(c.renewed) < renewInterval {
		return
	}
	c.renewed = time.Now()
	password, err := security.password()
	if err == nil {
		err = c.client.SetSaslCredentials(security.Username, password.Reveal())
	}
	if err != nil && !c.unread {
		c.unread = true
		c.logger.Error().Err(err).Msg("cannot read the password for Kafka again; trying until it can be")
	}
}

// askTopic asks for the partitions, the topic's id and the ends of the logs.
func (c *Consumer) askTopic(ctx context.Context) (topicState, error) {
	id, partitions, err := c.describeTopic(ctx)
	if err != nil || len(partitions) == 0 {
		return topicState{}, err
	}
	state := topicState{id: id, logs: make(map[int32]watermarks, len(partitions))}
	ends, err := c.askEnds(ctx, partitions)
	if err != nil {
		return topicState{}, err
	}
	for _, id := range partitions {
		low, stable, err := c.client.QueryWatermarkOffsets(c.config.Topic, id, int(metadataTimeout.Milliseconds()))
		if err != nil {
			return topicState{}, fmt.Errorf("ask for the ends of partition %d of topic %s: %w", id, c.config.Topic, err)
		}
		state.logs[id] = watermarks{low, stable, ends[id]}
	}
	return state, ctx.Err()
}

// describeTopic asks the broker for the topic's id, "" if the broker has none, and for its partitions. There are none
// if the topic does not exist. The request ends with ctx. The client's GetMetadata would not, and a stop would wait for
// it.
func (c *Consumer) describeTopic(ctx context.Context) (id string, partitions []int32, err error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	failed := func(err error) (string, []int32, error) {
		return "", nil, fmt.Errorf("ask for topic %s and its partitions: %w", c.config.Topic, err)
	}
	admin, err := confluent.NewAdminClientFromConsumer(c.client.Consumer)
	if err != nil {
		return failed(err)
	}
	defer admin.Close() // the consumer stays open
	result, err := admin.DescribeTopics(ctx, confluent.NewTopicCollectionOfTopicNames([]string{c.config.Topic}),
		confluent.SetAdminRequestTimeout(metadataTimeout))
	if err != nil {
		return failed(err)
	}
	for _, description := range result.TopicDescriptions {
		switch description.Error.Code() {
		case confluent.ErrNoError:
		case confluent.ErrUnknownTopicOrPart:
			continue
		default:
			return failed(description.Error)
		}
		if description.TopicID.GetMostSignificantBits() != 0 || description.TopicID.GetLeastSignificantBits() != 0 {
			id = description.TopicID.String()
		}
		for _, p := range description.Partitions {
			partitions = append(partitions, int32(p.Partition)) //nolint:gosec // Kafka's number has 32 bits
		}
	}
	return id, partitions, nil
}

// restart reads every partition. It forgets those that the topic no longer has, because it was recreated with fewer.
// Their messages were of the other topic.
func (c *Consumer) restart(state topicState) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var begun []confluent.TopicPartition
	for id := range c.position {
		if _, exists := state.logs[id]; !exists {
			delete(c.position, id)
			delete(c.handed, id)
			delete(c.readings, id)
			delete(c.high, id)
		}
	}
	clear(c.held)
	if c.topicID != state.id {
		c.ahead = nil
	}
	c.topicID = state.id
	for id, log := range state.logs {
		r, known := c.readings[id]
		if !known {
			r = readingAt(Position{LeaderEpoch: -1, TopicID: state.id})
			c.readings[id] = r
		}
		start, moved := r.look(state.id, log.low, log.stable)
		c.note(id, moved)
		c.position[id] = r.next
		c.high[id] = log.high
		begun = append(begun, c.at(id, start))
	}
	if err := c.client.IncrementalAssign(begun); err != nil {
		return fmt.Errorf("assign %d partitions of topic %s: %w", len(begun), c.config.Topic, err)
	}
	c.reads = true
	return nil
}

// note keeps a reposition until Fetch returns it. c.mu is held.
func (c *Consumer) note(partition int32, moved *Reposition) {
	if moved == nil {
		return
	}
	moved.Partition = partition
	c.moved = append(c.moved, *moved)
	delete(c.handed, partition)
	c.position[partition] = moved.To
	c.ahead = nil // it is about the old log
}

func (c *Consumer) at(partition int32, offset int64) confluent.TopicPartition {
	return confluent.TopicPartition{Topic: &c.config.Topic, Partition: partition, Offset: confluent.Offset(offset)}
}

// reading returns how far a partition was read. One that was added since then begins at 0.
func (c *Consumer) reading(partition int32) *reading {
	r, known := c.readings[partition]
	if !known {
		c.mu.Lock()
		defer c.mu.Unlock()
		r = readingAt(Position{LeaderEpoch: -1, TopicID: c.topicID})
		c.readings[partition] = r
	}
	return r
}

// checkCheckpoint takes the first record after a start at a checkpoint. That record was counted before and is dropped.
func (c *Consumer) checkCheckpoint(record *Record) error {
	r := c.reading(record.Partition)
	stands, moved := r.found(record)
	if !stands {
		return c.lookFurther(record.Partition)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(record.Partition, moved)
	return nil
}

// ended notes that a partition was read to its end: that of the log, or an open transaction.
func (c *Consumer) ended(partition int32, offset int64) error {
	r := c.reading(partition)
	switch {
	case !r.awaiting:
		c.reach(partition, offset)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.noteHold(partition, offset)
	case offset > r.checkpoints[0].Offset: // the checkpoint's record is gone from the middle of the log
		r.miss()
		return c.lookFurther(partition)
	default: // the log became shorter since it was checked
		c.doubt.Store(true)
	}
	return nil
}

// lookFurther starts a partition at an older checkpoint, or at the log's start.
func (c *Consumer) lookFurther(partition int32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	start, moved := c.readings[partition].aim()
	c.note(partition, moved)
	place := []confluent.TopicPartition{c.at(partition, start)}
	c.client.drop(partition)
	err := c.client.IncrementalUnassign(place)
	if err == nil {
		err = c.client.IncrementalAssign(place)
	}
	if err != nil {
		return fmt.Errorf("go back to offset %d of partition %d of topic %s: %w", start, partition, c.config.Topic, err)
	}
	return nil
}

// watchTopic looks for added partitions and for the ends of all. It raises doubt if the topic is gone or was recreated.
func (c *Consumer) watchTopic(ctx context.Context) error {
	var partitions []int32
	var asked time.Time
	for ctx.Err() == nil {
		begun := time.Now()
		if begun.Sub(asked) >= c.config.MetadataInterval {
			found, err := c.watchPartitions(ctx)
			if err == nil {
				partitions, asked = found, begun
			} else { // an outage, which Fetch logs
				c.missed(ctx, err)
			}
		}
		if len(partitions) > 0 {
			c.look(ctx, partitions)
		}
		_ = pause(ctx, min(lookInterval, c.config.MetadataInterval)-time.Since(begun))
	}
	return nil
}

func (c *Consumer) watchPartitions(ctx context.Context) ([]int32, error) {
	id, partitions, err := c.describeTopic(ctx)
	if err != nil {
		return nil, err
	}
	if len(partitions) == 0 {
		c.doubt.Store(true)
		return nil, nil
	}
	if err := c.watched(id, partitions); err != nil {
		c.logger.Error().Err(err).Msg("cannot read an added partition")
	}
	return partitions, nil
}

func (c *Consumer) watched(topicID string, partitions []int32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.reads:
		return nil // reading finds them when it starts
	case topicID != c.topicID:
		c.doubt.Store(true)
		return nil
	}
	var added []confluent.TopicPartition
	for _, id := range partitions {
		if _, known := c.position[id]; !known {
			c.position[id] = 0
			added = append(added, c.at(id, 0))
		}
	}
	if len(added) == 0 {
		return nil
	}
	if err := c.client.IncrementalAssign(added); err != nil {
		return fmt.Errorf("assign %d partitions of topic %s: %w", len(added), c.config.Topic, err)
	}
	c.added += len(added)
	c.logger.Info().Str("topic", c.config.Topic).Int("added", len(added)).Int("partitions",
		len(c.position)).Msg("the topic has got partitions: reading them from their start")
	return nil
}
