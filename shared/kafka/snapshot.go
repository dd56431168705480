package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/outbox"
	"ordertally/shared/settings"
)

// SnapshotReader reads a topic once, from its start to where it ends. It leaves no trace in Kafka: it joins no group
// and commits nothing. It belongs to one goroutine.
type SnapshotReader struct {
	config ConsumerConfig
	client *bulkConsumer
	admin  *confluent.AdminClient
	logs   *logPump
	topic  topic

	next   map[int32]int64 // where reading a partition goes on
	starts map[int32]int64
}

// snapshotChunk is how many records are passed on together.
const snapshotChunk = 4000

// OpenSnapshot prepares reading. The error is ErrNoTopic if the topic does not exist.
func OpenSnapshot(ctx context.Context, config ConsumerConfig, logger zerolog.Logger) (*SnapshotReader, error) {
	settings.Fill(&config)
	logs := startLogPump(logger)
	client, err := newConsumer(config.Brokers, &config.Security, logs.lines, confluent.ConfigMap{
		"group.id": config.GroupID, "enable.auto.commit": false, "enable.auto.offset.store": false,
		"isolation.level": string(committed), "auto.offset.reset": "error", "enable.partition.eof": true,
		"fetch.queue.backoff.ms": 10, "queued.max.messages.kbytes": config.ReadAheadBytes >> 10,
		"fetch.wait.max.ms": 50, // it waits for the ends of partitions
	})
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	r := &SnapshotReader{config: config, client: client, logs: logs, next: map[int32]int64{},
		starts: map[int32]int64{}}
	if r.admin, err = confluent.NewAdminClientFromConsumer(client.Consumer); err == nil {
		err = r.look(ctx)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("read topic %s: %w", config.Topic, err)
	}
	return r, nil
}

// look asks for the topic.
func (r *SnapshotReader) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	found, exists, err := describeTopic(ctx, r.admin, r.config.Topic)
	switch {
	case err != nil:
		return fmt.Errorf("%v do not answer: %w", r.config.Brokers, err)
	case !exists:
		return ErrNoTopic
	case r.topic.id != "" && found.id != r.topic.id:
		return outbox.ErrChanged
	}
	r.topic = found
	return nil
}

// Close ends reading.
func (r *SnapshotReader) Close() {
	if r.admin != nil {
		r.admin.Close()
	}
	_ = r.client.Close()
	r.logs.stop()
}

// TopicID returns the topic's id.
func (r *SnapshotReader) TopicID() string { return r.topic.id }

// Starts returns the first offset that each partition had when it was first looked at. Retention deletes what is before
// it.
func (r *SnapshotReader) Starts() map[int32]int64 { return maps.Clone(r.starts) }

// Read passes the committed records to visit, up to the high watermarks at the time of the call. Those of one partition
// come in order. A later Read goes on where the last one ended. The records are visit's until it returns.
//
// An open transaction hides the records behind its first one. Read waits for its end, and tells waits which partitions
// are hidden (rule P8a). If waits is nil, Read leaves what is hidden to the next Read. ErrChanged means that the topic
// was recreated or lost records meanwhile.
func (r *SnapshotReader) Read(ctx context.Context, waits func([]outbox.Hidden), visit func([]Record) error) error {
	if err := r.read(ctx, waits, visit); err != nil {
		return fmt.Errorf("read topic %s: %w", r.config.Topic, err)
	}
	return nil
}

func (r *SnapshotReader) read(ctx context.Context, waits func([]outbox.Hidden), visit func([]Record) error) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	left, err := r.assign(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	var chunk []Record
	hidden := map[int32]outbox.Hidden{}
	hand := func() error {
		err := visit(chunk)
		chunk = chunk[:0]
		return err
	}
	heard, told := time.Now(), time.Now()
	for len(left) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch event := r.client.Poll(pollInterval).(type) {
		case *Record:
			heard = time.Now()
			record := *event
			end, reading := left[record.Partition]
			if reading && record.Offset < end {
				chunk = append(chunk, record)
			}
			r.reached(record.Partition, record.Offset+1, left, hidden)
		case confluent.PartitionEOF:
			heard = time.Now()
			r.reached(event.Partition, int64(event.Offset), left, hidden)
			if end, reading := left[event.Partition]; reading && waits == nil {
				delete(left, event.Partition)
			} else if reading {
				hidden[event.Partition] = outbox.Hidden{
					Partition: event.Partition, From: int64(event.Offset), To: end,
				}
			}
		case confluent.Error:
			code := event.Code()
			if event.IsFatal() || denied(event) || code == confluent.ErrOffsetOutOfRange ||
				code == confluent.ErrAutoOffsetReset {
				return event
			}
		}
		if len(chunk) >= snapshotChunk {
			if err := hand(); err != nil {
				return err
			}
		}
		if len(hidden) == 0 && time.Since(heard) > readPatience {
			if err := r.look(ctx); err != nil {
				return err
			}
			return fmt.Errorf("no records for %s", readPatience)
		}
		if len(hidden) > 0 && time.Since(told) > holdEvery {
			told = time.Now()
			if err := r.look(ctx); err != nil {
				return err
			}
			waits(slices.SortedFunc(maps.Values(hidden), func(a, b outbox.Hidden) int {
				return cmp.Compare(a.Partition, b.Partition)
			}))
		}
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	return hand()
}

// reached notes that a partition was read up to before offset. What is past its end is left to the next Read.
func (r *SnapshotReader) reached(partition int32, offset int64, left map[int32]int64, hidden map[int32]outbox.Hidden) {
	delete(hidden, partition)
	end, reading := left[partition]
	if !reading {
		return
	}
	r.next[partition] = min(offset, end)
	if offset >= end {
		delete(left, partition)
	}
}

// assign starts reading. It returns the partitions with something to read, and up to before which offset.
func (r *SnapshotReader) assign(ctx context.Context) (left map[int32]int64, err error) {
	partitions := make([]int32, r.topic.partitions)
	for i := range partitions {
		partitions[i] = int32(i)
	}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	starts, err := listOffsets(ctx, r.admin, r.config.Topic, partitions, confluent.EarliestOffsetSpec, readPatience)
	if err != nil {
		return nil, err
	}
	ends, err := listOffsets(ctx, r.admin, r.config.Topic, partitions, confluent.LatestOffsetSpec, readPatience)
	if err != nil {
		return nil, err
	}
	left = map[int32]int64{}
	var from []confluent.TopicPartition
	for _, id := range partitions {
		if _, known := r.starts[id]; !known {
			r.starts[id], r.next[id] = starts[id], starts[id]
		}
		next := max(r.next[id], starts[id]) // retention goes on
		switch end := ends[id]; {
		case end < next:
			return nil, fmt.Errorf("partition %d ended at %d, and ends at %d now: %w", id, next, end,
				outbox.ErrChanged)
		case end > next:
			left[id] = end
			from = append(from, confluent.TopicPartition{
				Topic: &r.config.Topic, Partition: id, Offset: confluent.Offset(next),
			})
		}
	}
	if len(from) == 0 {
		return left, nil
	}
	return left, r.client.Assign(from)
}

// Watermark returns the watermark of a lineage, as a session of it would. While somebody publishes under the lineage,
// it is out of date at once. known is false if there is none.
func (r *SnapshotReader) Watermark(ctx context.Context, lineage string) (watermark outbox.Watermark, known bool,
	err error) {
	client, err := newConsumer(r.config.Brokers, &r.config.Security, r.logs.lines, confluent.ConfigMap{
		"group.id": groupOf(r.config.Topic, lineage), "enable.auto.commit": false,
		"isolation.level": string(committed),
	})
	if err != nil {
		return watermark, false, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	return readWatermark(ctx, client, r.config.Topic, lineage)
}

// SnapshotGroup returns a group id for reading a topic. Rights that an order service has cover it.
func SnapshotGroup(topic string) string { return groupOf(topic, "restore") }

// Partitions returns how many partitions there are.
func (r *SnapshotReader) Partitions() int { return r.topic.partitions }
