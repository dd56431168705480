package orderd

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"ordertally/order/admission"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	"ordertally/shared/settings"
)

// Config of the order service. A zero field has its default. The tags make it the flags of `order serve` as well;
// FlagDefaults has the variables in them.
type Config struct {
	// Listen is the address of the API. Default 127.0.0.1:8080; port 0 picks a free one.
	Listen string `default:"${listen}" help:"Address of the API (host:port, port 0 picks a free one)." name:"listen"`
	// OpsListen is the address of /metrics, /livez and /readyz. Default 127.0.0.1:8081.
	OpsListen string `default:"${ops_listen}" help:"Address of metrics and health." name:"ops-listen"`
	// Data is the database file. Its directory must exist. Default order.db in the working directory.
	Data string `default:"${data}" help:"Database file; its directory must exist." name:"data"`
	// Kafka names at least one broker. Default 127.0.0.1:9092.
	Kafka []string `default:"${kafka}" help:"Kafka brokers, host:port separated by commas." name:"kafka"`
	// KafkaSecurity is how to connect to it.
	KafkaSecurity kafka.Security `embed:"" prefix:"kafka-"`
	// Topic that ORDER_CREATED is published to. Default event.Topic.
	Topic string `default:"${topic}" help:"Topic of ORDER_CREATED." name:"topic"`
	// PublishMode is "transactional", exactly once, or "idempotent", at least once, for a cluster whose ACLs or age
	// forbid transactions. Default transactional.
	PublishMode string `default:"${publish_mode}" enum:"transactional,idempotent" help:"How to publish: ${enum}. The first is exactly once; the second needs no right to transactions and is at least once." name:"publish-mode"`
	// TransactionTimeout is how long an open transaction may hold back those who read the topic after this service
	// died. Default 10 s; Kafka's transaction.max.timeout.ms bounds it too.
	TransactionTimeout time.Duration `default:"${transaction_timeout}" help:"How long a transaction left open by a crash may hold back the topic's readers (transaction.timeout.ms), 3s to 15m; at most the brokers' transaction.max.timeout.ms." name:"transaction-timeout"`
	// IdempotencyRetention is how long an idempotency key is known; the same request places a new order after that.
	// Default 720h, 30 days.
	IdempotencyRetention time.Duration `default:"${idempotency_retention}" help:"How long an idempotency key is known." name:"idempotency-retention"`
	// Serving is what goes around the API. The tag is not embed:"": what has that, kong validates while it parses, and
	// would name the faults of this alone; config print would name nothing else.
	Serving service.Config `kong:"embed"`
	// Admission is when placements are refused.
	Admission admission.Config `embed:"" prefix:"admission-"`
	// Outbox tunes the way from the file to Kafka.
	Outbox OutboxConfig `embed:"" prefix:"outbox-"`
}

// OutboxConfig tunes the outbox and its relay. A zero field has its default; the error of New names the bounds.
type OutboxConfig struct {
	// Linger is how long the relay waits for a transaction to fill before it sends what it has: more messages in each,
	// published later. Default 0, at most 1 min.
	Linger time.Duration `default:"${outbox_linger}" help:"How long to wait for more messages before sending what there is." name:"linger"`
	// BatchMessages is the most messages in one Kafka transaction. Default 10,000.
	BatchMessages int `default:"${outbox_batch_messages}" help:"Most messages in one Kafka transaction." name:"batch-messages"`
	// BatchBytes is about the most bytes in one Kafka transaction. Default 8 MiB.
	BatchBytes int `default:"${outbox_batch_bytes}" help:"About the most bytes in one Kafka transaction." name:"batch-bytes"`
	// RetryFirst bounds the wait before the second attempt at a message that Kafka refused. Waits have full jitter:
	// each is random between 0 and its bound. Default 1 s.
	RetryFirst time.Duration `default:"${outbox_retry_first}" help:"Longest wait before a refused message is tried again." name:"retry-first"`
	// RetryFactor is what the bound grows by with each attempt. Default 2.
	RetryFactor float64 `default:"${outbox_retry_factor}" help:"Growth of that wait with each attempt." name:"retry-factor"`
	// RetryLimit is what the bound grows to. Default 5 min.
	RetryLimit time.Duration `default:"${outbox_retry_limit}" help:"What that wait grows to." name:"retry-limit"`
	// MaxAttempts is how often Kafka may refuse a message before it is parked. An outage is no attempt. Default 10.
	MaxAttempts int `default:"${outbox_max_attempts}" help:"Refusals after which a message is parked." name:"max-attempts"`
	// QueueMessages is the most unpublished messages kept in memory; more are read back from the file. Default 10,000.
	QueueMessages int `default:"${outbox_queue_messages}" help:"Most unpublished messages kept in memory; more are read from the file." name:"queue-messages"`
	// QueueBytes is the most bytes of unpublished messages kept in memory. Default 16 MiB.
	QueueBytes int `default:"${outbox_queue_bytes}" help:"Most bytes of unpublished messages kept in memory." name:"queue-bytes"`
	// Retention is how long published messages are kept in the file, counted from their commit. Default 168h, 7 days.
	Retention time.Duration `default:"${outbox_retention}" help:"How long published messages are kept in the file." name:"retention"`
}

const (
	defaultListen    = "127.0.0.1:8080"
	defaultOpsListen = "127.0.0.1:8081"
	defaultData      = "order.db"
	defaultKafka     = "127.0.0.1:9092"

	modeTransactional = "transactional"
	modeIdempotent    = "idempotent"

	defaultBatchMessages = 10_000
	defaultBatchBytes    = 8 << 20
	defaultRetryFirst    = time.Second
	defaultRetryFactor   = 2
	defaultRetryLimit    = 5 * time.Minute
	defaultMaxAttempts   = 10
	defaultQueueMessages = 10_000
	defaultQueueBytes    = 16 << 20
	defaultRetention     = 7 * 24 * time.Hour
	defaultKeyRetention  = 30 * 24 * time.Hour

	maxMessages = 1_000_000
	maxBytes    = 1 << 30
	maxLinger   = time.Minute
	maxRetry    = 24 * time.Hour

	minRetention = time.Minute
	maxRetention = 100 * 365 * 24 * time.Hour
)

// FlagDefaults returns the variables that Config's tags speak of.
func FlagDefaults() map[string]string {
	return map[string]string{
		"listen": defaultListen, "ops_listen": defaultOpsListen, "data": defaultData, "kafka": defaultKafka,
		"topic":                 event.Topic,
		"publish_mode":          modeTransactional,
		"transaction_timeout":   kafka.DefaultTransactionTimeout.String(),
		"outbox_linger":         time.Duration(0).String(),
		"outbox_batch_messages": strconv.Itoa(defaultBatchMessages),
		"outbox_batch_bytes":    strconv.Itoa(defaultBatchBytes),
		"outbox_retry_first":    defaultRetryFirst.String(),
		"outbox_retry_factor":   strconv.Itoa(defaultRetryFactor),
		"outbox_retry_limit":    defaultRetryLimit.String(),
		"outbox_max_attempts":   strconv.Itoa(defaultMaxAttempts),
		"outbox_queue_messages": strconv.Itoa(defaultQueueMessages),
		"outbox_queue_bytes":    strconv.Itoa(defaultQueueBytes),
		"outbox_retention":      hours(defaultRetention),
		"idempotency_retention": hours(defaultKeyRetention),
	}
}

// hours writes d as the documentation does: 168h, not 168h0m0s.
func hours(d time.Duration) string { return strconv.Itoa(int(d.Hours())) + "h" }

func (c Config) withDefaults() Config {
	def := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	def(&c.Listen, defaultListen)
	def(&c.OpsListen, defaultOpsListen)
	def(&c.Data, defaultData)
	def(&c.Topic, event.Topic)
	def(&c.PublishMode, modeTransactional)
	c.KafkaSecurity = c.KafkaSecurity.WithDefaults()
	if len(c.Kafka) == 0 {
		c.Kafka = []string{defaultKafka}
	}
	c.TransactionTimeout = cmp.Or(c.TransactionTimeout, kafka.DefaultTransactionTimeout)
	c.IdempotencyRetention = cmp.Or(c.IdempotencyRetention, defaultKeyRetention)
	c.Serving, c.Admission, c.Outbox = c.Serving.WithDefaults(), c.Admission.WithDefaults(), c.Outbox.withDefaults()
	return c
}

func (c OutboxConfig) withDefaults() OutboxConfig {
	c.BatchMessages = cmp.Or(c.BatchMessages, defaultBatchMessages)
	c.BatchBytes = cmp.Or(c.BatchBytes, defaultBatchBytes)
	c.RetryFirst = cmp.Or(c.RetryFirst, defaultRetryFirst)
	c.RetryFactor = cmp.Or(c.RetryFactor, defaultRetryFactor)
	c.RetryLimit = cmp.Or(c.RetryLimit, defaultRetryLimit)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, defaultMaxAttempts)
	c.QueueMessages = cmp.Or(c.QueueMessages, defaultQueueMessages)
	c.QueueBytes = cmp.Or(c.QueueBytes, defaultQueueBytes)
	c.Retention = cmp.Or(c.Retention, defaultRetention)
	return c
}

func (c Config) validate() error {
	var errs []error
	address := func(name, value string) {
		if err := settings.CheckHostPort(value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	address("listen", c.Listen)
	address("ops-listen", c.OpsListen)
	for _, addr := range c.Kafka {
		address("kafka", addr)
	}
	if c.PublishMode != modeTransactional && c.PublishMode != modeIdempotent {
		errs = append(errs, fmt.Errorf("publish-mode: %q is neither %s nor %s", c.PublishMode, modeTransactional,
			modeIdempotent))
	}
	errs = append(
		errs,
		between(
			"transaction-timeout",
			c.TransactionTimeout,
			kafka.MinTransactionTimeout,
			kafka.MaxTransactionTimeout,
		),
	)
	errs = append(errs, between("idempotency-retention", c.IdempotencyRetention, minRetention, maxRetention))
	return errors.Join(append(errs, c.Serving.Validate(), c.KafkaSecurity.Validate("kafka-"),
		c.Admission.Validate("admission-"), c.Outbox.validate())...)
}

func (c OutboxConfig) validate() error {
	errs := []error{
		between("outbox-linger", c.Linger, 0, maxLinger),
		between("outbox-batch-messages", c.BatchMessages, 1, maxMessages),
		between("outbox-batch-bytes", c.BatchBytes, 1, maxBytes),
		between("outbox-retry-first", c.RetryFirst, time.Millisecond, maxRetry),
		between("outbox-retry-factor", c.RetryFactor, 1, 100),
		between("outbox-retry-limit", c.RetryLimit, time.Millisecond, maxRetry),
		between("outbox-max-attempts", c.MaxAttempts, 1, 1_000_000),
		between("outbox-queue-messages", c.QueueMessages, 1, maxMessages),
		between("outbox-queue-bytes", c.QueueBytes, 1, maxBytes),
		between("outbox-retention", c.Retention, minRetention, maxRetention),
	}
	if c.RetryLimit < c.RetryFirst {
		errs = append(errs, fmt.Errorf("outbox-retry-limit: %v is less than outbox-retry-first, %v", c.RetryLimit,
			c.RetryFirst))
	}
	return errors.Join(errs...)
}

// between also refuses what is no number.
func between[T cmp.Ordered](name string, value, low, high T) error {
	if low <= value && value <= high {
		return nil
	}
	return fmt.Errorf("%s: %v is not between %v and %v", name, value, low, high)
}

func (c OutboxConfig) outbox() outbox.Config {
	return outbox.Config{Source: event.Source, QueueMessages: c.QueueMessages, QueueBytes: c.QueueBytes,
		Retention: c.Retention}
}

func (c OutboxConfig) relay() outbox.RelayConfig {
	return outbox.RelayConfig{
		Linger:        c.Linger,
		BatchMessages: c.BatchMessages,
		BatchBytes:    c.BatchBytes,
		MaxAttempts:   c.MaxAttempts,
		Retry:         outbox.Backoff{First: c.RetryFirst, Factor: c.RetryFactor, Limit: c.RetryLimit},
	}
}
