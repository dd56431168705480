package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/clock"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/settings"
)

const (
	pollInterval    = 100 * time.Millisecond // how soon Fetch notices that its context has ended
	metadataTimeout = 2 * time.Second        // of one request to the broker; it is repeated
	// how often the password file is read while a broker refuses the login
	renewInterval = time.Second
)

// ConsumerConfig of a Consumer. The fields with a name are settings.
type ConsumerConfig struct {
	// About the most bytes read from Kafka ahead of the counting, for each reader of a topic.
	//
	// It holds for all partitions together. Activities that are counted together share a reader.
	ReadAheadBytes int `name:"read-ahead-bytes" default:"67108864" range:"1..2147483647" unit:"bytes"`
	// Largest record that is counted. A larger one is parked with its offset and headers but without its value.
	//
	// Record.TooLarge tells what Fetch returns of it.
	MaxRecordBytes int `name:"max-record-bytes" default:"2097152" range:"1024..67108864" unit:"bytes"`
	// First wait between two attempts to reach Kafka; it grows.
	//
	// Each wait has a random part.
	RetryFirst time.Duration `name:"retry-first" default:"50ms" range:"1ms..1h"`
	// What that wait grows to.
	RetryLimit time.Duration `name:"retry-limit" default:"1s" range:"1ms..1h"`

	Brokers  []string `kong:"-"` // host:port of at least one broker
	Security Security `kong:"-"`
	Topic    string   `kong:"-"`
	// GroupID names the consumer group whose offsets CommitForMonitors sets. The consumer is not a member of it.
	GroupID string `kong:"-"`
	// KeyRetention is how long the keys of processed messages are kept. The consumer warns if the topic keeps messages
	// longer. 0 means that it does not matter.
	KeyRetention time.Duration `kong:"-"`
	// MetadataInterval is how soon an added partition is read. Default 30 s.
	MetadataInterval time.Duration `kong:"-"`
	// Clock gives the times that Through and Held return. Default clock.System.
	Clock clock.Clock `kong:"-"`
}

// Validate implements settings.Group.
func (c *ConsumerConfig) Validate(prefix string) error {
	if c.RetryLimit < c.RetryFirst {
		return fmt.Errorf("%sretry-limit: %v is less than %[1]sretry-first, %[3]v", prefix, c.RetryLimit, c.RetryFirst)
	}
	return nil
}

// Consumer reads the committed records of all partitions of a topic, from positions that its user keeps (rule C2).
// Fetch belongs to one goroutine. The other methods are safe for concurrent use.
type Consumer struct {
	config ConsumerConfig
	client *bulkConsumer
	logs   *logPump
	logger zerolog.Logger

	cancel context.CancelFunc // ends the background work
	watch  sync.WaitGroup
	doubt  atomic.Bool // check that the records read still stand before the next is returned

	warned bool // about what the topic keeps; belongs to the watch

	// These belong to the goroutine that fetches.
	down     bool               // logged that the broker is away
	denied   bool               // logged that the broker refuses the login
	renewed  time.Time          // when the password was last read again
	unread   bool               // logged that the password cannot be read
	stuck    string             // last message about a batch that cannot be decompressed
	fault    chan error         // what ended the watch of the last Assign early
	readings map[int32]*reading // an added partition has none until its first record
	moved    []Reposition       // not returned yet
	last     int                // how many records Fetch returned last

	mu       sync.Mutex
	reads    bool // the partitions in position are assigned
	topicID  string
	position map[int32]int64 // next offset to fetch; past control records once the end was seen
	handed   map[int32]int64 // the same after what Fetch returned last
	ahead    []snapshot      // not reached yet: the oldest and the newest
	held     map[int32]hold  // partitions that wait at an open transaction
	through  time.Time       // of the last snapshot that was reached
	heard    time.Time       // when the broker last answered
	high     map[int32]int64 // the high watermarks of the last request
	added    int             // partitions added to the topic since Assign
	link     Link
	silent   time.Time // of the first request that nobody answered; zero while they are answered
}

// Fetched is the result of one call of Fetch.
type Fetched struct {
	Records     []Record
	Repositions []Reposition // from before these records were read
	// Next has the new position of each partition in Records or Repositions.
	Next map[int32]Position
}

// NewConsumer returns a consumer that reads nothing until Assign.
func NewConsumer(config ConsumerConfig, logger zerolog.Logger) (*Consumer, error) {
	if len(config.Brokers) == 0 || config.Topic == "" || config.GroupID == "" {
		return nil, errors.New("a consumer needs at least one broker, a topic and a group id")
	}
	if config.MetadataInterval == 0 {
		config.MetadataInterval = 30 * time.Second
	}
	settings.Fill(&config)
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	logs := startLogPump(logger)
	client, err := newConsumer(config.Brokers, &config.Security, logs.lines, confluent.ConfigMap{
		"group.id": config.GroupID,
		// Commits in the background only what CommitForMonitors stores.
		"enable.auto.commit":       true,
		"auto.commit.interval.ms":  1000,
		"enable.auto.offset.store": false,
		// Without membership there is no session. But a commit gives up after this time while the broker is away,
		// and so does Close, which commits.
		"session.timeout.ms":    1000,
		"heartbeat.interval.ms": 500,
		"auto.offset.reset":     "error",
		"isolation.level":       "read_committed",
		"enable.partition.eof":  true,
		// With the default of 1 s a full local queue more than halves the rate: 121,000 against 308,000 records/s.
		"fetch.queue.backoff.ms": 10,
		// An answer then has records of all partitions, and a transaction of activity stores fewer pieces of a lineage.
		"fetch.message.max.bytes":    128 << 10,
		"queued.max.messages.kbytes": max(config.ReadAheadBytes>>10, 1),
		"reconnect.backoff.ms":       int(config.RetryFirst.Milliseconds()),
		"reconnect.backoff.max.ms":   int(config.RetryLimit.Milliseconds()),
	})
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	return &Consumer{
		config:   config,
		client:   client,
		logs:     logs,
		logger:   logger,
		cancel:   func() {},
		readings: map[int32]*reading{},
		position: map[int32]int64{},
		handed:   map[int32]int64{},
		high:     map[int32]int64{},
		held:     map[int32]hold{},
		link:     Link{State: LinkConnecting, Since: config.Clock.Now()},
	}, nil
}

// Assign finds the topic's partitions and starts reading each at next, or at 0 if next does not have it. It waits while
// the broker is away or the topic does not exist. Partitions that are added later are found and read from 0. If the
// topic no longer matches the positions, Fetch says so. Another call of Assign starts again.
func (c *Consumer) Assign(ctx context.Context, next map[int32]Position) error {
	c.cancel()
	c.watch.Wait()
	if err := c.halt(); err != nil {
		return err
	}
	c.forget()
	for partition, position := range next {
		c.readings[partition] = readingAt(position)
	}
	if err := c.resume(ctx); err != nil {
		return err
	}
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	fault := make(chan error, 1)
	c.cancel, c.fault = cancel, fault
	c.watch.Go(func() {
		c.warnOfKeeping(watchCtx)
		if err := lifecycle.Guard(watchCtx, c.watchTopic); err != nil {
			fault <- err
		}
	})
	return nil
}

// warnOfKeeping warns, once, if the keys of processed messages are too short a memory for the topic.
func (c *Consumer) warnOfKeeping(ctx context.Context) {
	if c.warned {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	admin, err := confluent.NewAdminClientFromConsumer(c.client.Consumer)
	if err != nil {
		return // the consumer is closed
	}
	defer admin.Close() // the consumer stays open
	config, err := describeConfig(ctx, admin, c.config.Topic)
	if err != nil {
		c.logger.Debug().Err(err).Msg("cannot ask how long the topic keeps messages")
		return
	}
	c.logger.Debug().Stringer("topic_retention", config.retention).Msg("asked what the topic keeps")
	c.warned = true
	config.warnConsumer(c.config.KeyRetention, c.config.Topic, c.logger)
}

func (c *Consumer) forget() {
	clear(c.readings)
	c.moved = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.position)
	clear(c.handed)
	clear(c.high)
	clear(c.held)
	c.ahead, c.through = nil, time.Time{}
}

// fetchBytes is about how many bytes Fetch returns at most, so that large records do not fill the memory.
const fetchBytes = 16 << 20

// Fetch waits for a record and returns it with those that have already arrived, at most limit records and about 16 MiB.
//
// It waits through outages. After each it checks that the records read before still stand. If not, reading goes on
// elsewhere and the result says so, possibly without a record. When ctx ends it returns ctx's error. A panic in the
// background is returned as a *lifecycle.PanicError, and Assign starts again after it.
func (c *Consumer) Fetch(ctx context.Context, limit int) (Fetched, error) {
	c.settle()
	if err := c.revalidate(ctx); err != nil {
		return Fetched{}, err
	}
	var records []Record
	var from *reading // of the last message, which most often is of the same partition as the next one
	for size, partition := 0, int32(-1); len(records) < limit && size < fetchBytes; {
		wait := pollInterval
		if len(records) > 0 || len(c.moved) > 0 {
			wait = 0
		}
		switch event := c.client.Poll(wait).(type) {
		case *Record:
			c.down = false
			record := *event
			if record.Partition != partition {
				partition, from = record.Partition, c.reading(record.Partition)
			}
			if from.awaiting {
				if err := c.checkCheckpoint(&record); err != nil {
					return Fetched{}, err
				}
				continue
			}
			size += len(record.Value)
			record.trim(c.config.MaxRecordBytes)
			if records == nil { // as many are likely to come as the last time
				records = make([]Record, 0, min(c.last, limit))
			}
			records = append(records, record)
		case confluent.PartitionEOF:
			if err := c.ended(event.Partition, int64(event.Offset)); err != nil {
				return Fetched{}, err
			}
			if len(records) == 0 {
				c.settle()
			}
		case confluent.Error:
			if err := c.consumeError(event); err != nil {
				return Fetched{}, err
			}
			if len(records) > 0 { // later records may be of another log
				return c.fetched(records), nil
			}
			if err := c.revalidate(ctx); err != nil {
				return Fetched{}, err
			}
			partition = -1
		case nil:
			if len(records) > 0 || len(c.moved) > 0 {
				return c.fetched(records), nil
			}
			if ctx.Err() != nil {
				return Fetched{}, ctx.Err()
			}
			if err := c.revalidate(ctx); err != nil {
				return Fetched{}, err
			}
			partition = -1
		}
	}
	return c.fetched(records), nil
}

// fetched notes how far each partition was read, and the checkpoints of what was read.
func (c *Consumer) fetched(records []Record) Fetched {
	f := Fetched{Records: records, Repositions: c.moved, Next: make(map[int32]Position)}
	c.moved, c.last = nil, len(records)
	for _, moved := range f.Repositions {
		f.Next[moved.Partition] = c.reading(moved.Partition).position()
	}
	last := make(map[int32]*Record)
	for i := range records {
		if next := i + 1; next == len(records) || records[next].Partition != records[i].Partition {
			last[records[i].Partition] = &records[i]
		}
	}
	for partition, record := range last {
		c.reach(partition, record.Offset+1)
		r := c.reading(partition)
		r.epoch = record.LeaderEpoch
		r.checkpoints = addCheckpoint(r.checkpoints, Checkpoint{Offset: record.Offset, Identity: identityOf(record)})
		f.Next[partition] = r.position()
	}
	return f
}

// consumeError returns the errors that the caller must know. Any other error may be a broken connection or a position
// that is not in the log. It raises doubt, and an outage is logged once.
func (c *Consumer) consumeError(err confluent.Error) error {
	if err.IsFatal() {
		return fmt.Errorf("read topic %s: %w", c.config.Topic, err)
	}
	// The client fetches the batch again for ever, and reads the other partitions.
	if err.Code() == confluent.ErrBadCompression {
		c.cannotExpand(err)
		return nil
	}
	c.doubt.Store(true)
	c.heed(err)
	switch err.Code() {
	case confluent.ErrAutoOffsetReset, confluent.ErrOffsetOutOfRange, confluent.ErrLogTruncation:
		return nil
	}
	if !c.down {
		c.down = true
		c.logger.Warn().Str("code", err.Code().String()).Msg("cannot read from Kafka: " + err.Error())
	}
	return nil
}

// cannotExpand logs once for each batch that it cannot be decompressed. The client tells its offset, but not its
// partition.
func (c *Consumer) cannotExpand(err confluent.Error) {
	if c.stuck == err.Error() {
		return
	}
	c.stuck = err.Error()
	c.logger.Error().
		Str("topic", c.config.Topic).
		Msg("a partition is stuck at a batch that cannot be decompressed, or would expand beyond 100 MB: " + c.stuck +
			". It is the partition whose next offset that is. Stop the service and pass over the batch: activity skip")
}

// reach notes that Fetch got past records or to the partition's end, which may be past control records: those are
// never delivered.
func (c *Consumer) reach(partition int32, next int64) {
	r := c.reading(partition)
	r.next = max(r.next, next)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed[partition] = max(c.handed[partition], next)
}

// settle moves the positions past what Fetch returned last. The next call of Fetch means that those are processed.
func (c *Consumer) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for partition, next := range c.handed {
		c.position[partition] = max(c.position[partition], next)
	}
	clear(c.handed)
	c.pass()
}

// Partitions returns the partitions that are read. There are none before Assign has returned.
func (c *Consumer) Partitions() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	partitions := make([]int32, 0, len(c.position))
	for id := range c.position {
		partitions = append(partitions, id)
	}
	return partitions
}

// Positions returns the offset that each partition is read at next. At the end of a partition it is past control
// records. What Fetch returned last is not passed until Fetch is called again.
func (c *Consumer) Positions() map[int32]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.position)
}

// PartitionsAdded returns how many partitions were added since Assign. They are read from their start.
func (c *Consumer) PartitionsAdded() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.added
}

// Lag returns for each partition how many offsets are between what was fetched and the high watermark. Records that an
// open transaction hides count, whatever becomes of them. What Fetch returned last counts until Fetch is called again,
// so the lag is never 0 while records are being processed. Lag makes no request: every fetch has the answer.
func (c *Consumer) Lag() map[int32]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	lag := make(map[int32]int64, len(c.position))
	for id, position := range c.position {
		lag[id] = max(c.end(id)-position, 0)
	}
	return lag
}

// CommitForMonitors sets the group's offsets soon, for tools that watch lag. It does not wait, and it is best effort:
// the service never reads them.
func (c *Consumer) CommitForMonitors(next map[int32]int64) {
	offsets := make([]confluent.TopicPartition, 0, len(next))
	for id, offset := range next {
		offsets = append(offsets, confluent.TopicPartition{Topic: &c.config.Topic, Partition: id,
			Offset: confluent.Offset(offset)})
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
