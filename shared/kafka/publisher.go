package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/kafka/bulk"
	"ordertally/shared/outbox"
	"ordertally/shared/settings"
)

// PublisherConfig of a Publisher. The fields with a name are settings.
type PublisherConfig struct {
	// How long a transaction left open by a crash may hold back the topic's readers (transaction.timeout.ms), at
	// most the brokers' transaction.max.timeout.ms.
	//
	// Messages must be delivered within a second less.
	TransactionTimeout time.Duration `name:"transaction-timeout" default:"10s" range:"3s..15m"`

	Brokers  []string `kong:"-"` // host:port of at least one broker
	Security Security `kong:"-"`
	Topic    string   `kong:"-"`
	// Idempotent publishes without transactions, for clusters that are too old for them or whose ACLs forbid them.
	Idempotent bool `kong:"-"`
	// Partitions and Retention of the topic if it is created. Default 6, and 30 days.
	Partitions int           `kong:"-"`
	Retention  time.Duration `kong:"-"`
	// Compression of what is sent: none, gzip, snappy, lz4 or zstd. Default zstd.
	Compression string `kong:"-"`
	// KeyRetention is how long the keys of what is published are known. A session warns if the topic keeps messages for
	// a shorter time. 0 means that it does not matter.
	KeyRetention time.Duration `kong:"-"`
	// WatchEvery is how often an open session checks that the topic was not recreated. Default 5 s.
	WatchEvery time.Duration `kong:"-"`
}

// What the topic of orders has when it is created.
const (
	defaultPartitions = 6
	defaultRetention  = 30 * 24 * time.Hour
)

// compression is the codec of all batches, and zstdLevel its level. docs/decisions/compression.md has what was
// measured.
const (
	compression = "zstd"
	zstdLevel   = 1
)

// Publisher publishes to one topic. Each batch is one Kafka transaction, which carries the watermark too.
//
// The transactional id names topic and lineage, so opening a session fences all earlier ones. The watermark is a
// committed offset with metadata, for partition 0 of the topic, in a consumer group with the same name (rule P5).
//
// With Idempotent the watermark is committed after the messages. That is at least once. After a failure between the
// two, the messages are published again under the same slots and ids. So is the rest of a batch with a refused message.
// Another session of the lineage is not fenced, but it is noticed before the next batch.
type Publisher struct {
	config PublisherConfig
	logger zerolog.Logger

	batchSize atomic.Int64            // of the producers; what the topic last allowed
	keeping   atomic.Pointer[keeping] // of the topic, when it was last warned about
	patience  patience
}

var _ outbox.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher. It connects when a session is opened.
func NewPublisher(config PublisherConfig, logger zerolog.Logger) (*Publisher, error) {
	if len(config.Brokers) == 0 || config.Topic == "" {
		return nil, errors.New("a publisher needs at least one broker and a topic")
	}
	if config.Partitions == 0 {
		config.Partitions = defaultPartitions
	}
	settings.Fill(&config)
	if config.Retention == 0 {
		config.Retention = defaultRetention
	}
	if config.Compression == "" {
		config.Compression = compression
	}
	if config.WatchEvery == 0 {
		config.WatchEvery = 5 * time.Second
	}
	p := &Publisher{config: config, logger: logger}
	p.batchSize.Store(defaultBatchSize)
	return p, nil
}

// Open creates the topic if it is missing and the lineage has published nothing. It then fences earlier sessions, and
// only then reads the watermark. A watermark that is read before InitTransactions can still be overtaken (rule P6).
func (p *Publisher) Open(ctx context.Context, id outbox.Identity) (outbox.Session, error) {
	for {
		s, err := p.connect(id.Lineage)
		if err != nil {
			return nil, outage(fmt.Errorf("connect to Kafka: %w", err))
		}
		if err := s.prepareUnlessDenied(ctx, p.config, id); err != nil {
			p.patience.failed()
			s.outage.Store(true)
			s.Close()
			return nil, outage(err)
		}
		fits := min(defaultBatchSize, s.limit)
		if p.batchSize.Swap(int64(fits)) <= int64(fits) {
			if known := p.keeping.Swap(&s.keeping); known == nil || *known != s.keeping {
				s.keeping.warnPublisher(p.config.KeyRetention, p.config.Topic, p.logger)
			}
			s.watchTopic(p.config.WatchEvery)
			return s, nil
		}
		s.Close() // its batches could be larger than the topic allows
	}
}

// groupOf returns the transactional id of a lineage on a topic, which is also the consumer group of its watermark. All
// have the same prefix, for ACLs.
func groupOf(topic, lineage string) string { return "ordertally-order-" + topic + "-" + lineage }

func (p *Publisher) connect(lineage string) (*session, error) {
	name := groupOf(p.config.Topic, lineage)
	logs := startLogPump(p.logger)
	settings := confluent.ConfigMap{
		"delivery.timeout.ms": int((p.config.TransactionTimeout - time.Second).Milliseconds()),
		"acks":                "all",
		"message.max.bytes":   MaxMessageBytes,
		"batch.size":          int(p.batchSize.Load()),
		"linger.ms":           0,
		"compression.type":    p.config.Compression,
		// A transaction that starts right after another must wait this long and try again. The default of 100 ms
		// would delay a lone message.
		"retry.backoff.ms": 5,
		"socket.timeout.ms": int(
			min(p.patience.wait(), p.config.TransactionTimeout-time.Second).Milliseconds()),
		"go.delivery.report.fields": "none",
		"go.events.channel.size":    1000,
		"go.produce.channel.size":   1,
		"enable.idempotence":        true,
		// Without it librdkafka repeats a commit whose connection broke, and does not tell (rule P6).
		"log.connection.close": true,
	}
	if p.config.Compression == compression {
		settings["compression.level"] = zstdLevel
	}
	if !p.config.Idempotent {
		settings["transactional.id"] = name
		settings["transaction.timeout.ms"] = int(p.config.TransactionTimeout.Milliseconds())
	}
	producer, err := newProducer(p.config.Brokers, &p.config.Security, logs.lines, settings)
	if err != nil {
		logs.stop()
		return nil, err
	}
	logs.watch(producer.String())
	failed := func(err error) (*session, error) {
		producer.Close()
		logs.stop()
		return nil, err
	}
	admin, err := confluent.NewAdminClientFromProducer(producer)
	if err != nil {
		return failed(err)
	}
	group, err := confluent.NewTestConsumerGroupMetadata(name)
	if err != nil {
		return failed(err)
	}
	sink, err := bulk.NewTopic(producer, p.config.Topic)
	if err != nil {
		return failed(err)
	}
	s := &session{
		producer:      producer,
		sink:          sink,
		admin:         admin,
		groupMeta:     group,
		group:         name,
		unwatch:       func() {},
		patience:      &p.patience,
		logs:          logs,
		logger:        p.logger,
		transactional: !p.config.Idempotent,
		brokers:       p.config.Brokers,
		security:      &p.config.Security,
		name:          p.config.Topic,
		lineage:       lineage,
		broke:         make(chan struct{}),
	}
	s.denied, s.deny = context.WithCancelCause(context.Background())
	s.watchEvents()
	return s, nil
}
