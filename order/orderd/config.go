package orderd

import (
	"fmt"
	"time"

	"ordertally/order/admission"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
)

// Config is the settings of the order service. A zero field has its default.
type Config struct {
	service.Config `embed:"" set:"listen=127.0.0.1:8080" set:"ops_listen=127.0.0.1:8081" set:"data=order.db"` //nolint:staticcheck // SA5008: kong takes each tag set

	PublishMode          string        `name:"publish-mode" default:"transactional" enum:"transactional,idempotent" help:"How to publish: ${enum}. The first is exactly once; the second needs no right to transactions and is at least once."`
	TransactionTimeout   time.Duration `name:"transaction-timeout" default:"10s" range:"3s..15m" help:"How long a transaction left open by a crash may hold back the topic's readers (transaction.timeout.ms), 3s to 15m; at most the brokers' transaction.max.timeout.ms."`
	IdempotencyRetention time.Duration `name:"idempotency-retention" default:"720h" range:"1m..876000h" help:"How long an idempotency key is known."`

	Admission admission.Config `embed:"" prefix:"admission-"`
	Outbox    OutboxConfig     `embed:"" prefix:"outbox-"`
}

// OutboxConfig tunes the way from the file to Kafka. Waits before a retry have full jitter: each is random between 0
// and its bound. An outage of Kafka is no attempt.
type OutboxConfig struct {
	Linger        time.Duration `name:"linger" default:"0s" range:"0s..1m" help:"How long to wait for more messages before sending what there is."`
	BatchMessages int           `name:"batch-messages" default:"10000" range:"1..1000000" help:"Most messages in one Kafka transaction."`
	BatchBytes    int           `name:"batch-bytes" default:"8388608" range:"1..1073741824" unit:"bytes" help:"About the most bytes in one Kafka transaction."`
	RetryFirst    time.Duration `name:"retry-first" default:"1s" range:"1ms..24h" help:"Longest wait before a refused message is tried again."`
	RetryFactor   float64       `name:"retry-factor" default:"2" range:"1..100" help:"Growth of that wait with each attempt."`
	RetryLimit    time.Duration `name:"retry-limit" default:"5m0s" range:"1ms..24h" help:"What that wait grows to."`
	MaxAttempts   int           `name:"max-attempts" default:"10" range:"1..1000000" help:"Refusals after which a message is parked."`
	QueueMessages int           `name:"queue-messages" default:"10000" range:"1..1000000" help:"Most unpublished messages kept in memory; more are read from the file."`
	QueueBytes    int           `name:"queue-bytes" default:"16777216" range:"1..1073741824" unit:"bytes" help:"Most bytes of unpublished messages kept in memory."`
	Retention     time.Duration `name:"retention" default:"168h" range:"1m..876000h" help:"How long published messages are kept in the file."`
}

// Validate implements settings.Group.
func (c *OutboxConfig) Validate(prefix string) error {
	if c.RetryLimit < c.RetryFirst {
		return fmt.Errorf("%sretry-limit: %v is less than %[1]sretry-first, %[3]v", prefix, c.RetryLimit, c.RetryFirst)
	}
	return nil
}

func (c *OutboxConfig) outbox() outbox.Config {
	return outbox.Config{
		Source: event.Source, QueueMessages: c.QueueMessages, QueueBytes: c.QueueBytes, Retention: c.Retention,
	}
}

func (c *OutboxConfig) relay() outbox.RelayConfig {
	return outbox.RelayConfig{
		Linger: c.Linger, BatchMessages: c.BatchMessages, BatchBytes: c.BatchBytes, MaxAttempts: c.MaxAttempts,
		Retry: outbox.Backoff{First: c.RetryFirst, Factor: c.RetryFactor, Limit: c.RetryLimit},
	}
}
