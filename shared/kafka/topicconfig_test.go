package kafka_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
)

// TestRetentions_ThatDoNotFitAreWarnedOf opens a publisher and a consumer on topics that keep messages for an hour, for
// ever, and only the newest of a key.
func TestRetentions_ThatDoNotFitAreWarnedOf(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": address})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	const shorter, longer = "for a shorter time than idempotency keys", "keeps messages longer than their keys"
	for _, c := range []struct {
		name                string
		config              map[string]string
		keys                time.Duration
		publisher, consumer string // what is warned of; "" means nothing
	}{
		{"hour", map[string]string{"retention.ms": "3600000"}, 2 * time.Hour, shorter, ""},
		{"same", map[string]string{"retention.ms": "3600000"}, time.Hour, "", ""},
		{"day", map[string]string{"retention.ms": "86400000"}, time.Hour, "", longer},
		{"ever", map[string]string{"retention.ms": "-1"}, time.Hour, "", longer},
		{"any", map[string]string{"retention.ms": "3600000"}, 0, "", ""},
		{"compacted", map[string]string{"cleanup.policy": "compact"}, 0, "is compacted", "is compacted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, err := admin.CreateTopics(t.Context(), []confluent.TopicSpecification{{
				Topic: c.name, NumPartitions: 1, ReplicationFactor: 1, Config: c.config,
			}})
			if err != nil || made[0].Error.Code() != confluent.ErrNoError {
				t.Fatal(made, err)
			}
			var publishing, consuming warnings
			publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
				Brokers: []string{address}, Topic: c.name, KeyRetention: c.keys,
			}, zerolog.New(&publishing))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "l"})
				if err != nil {
					t.Fatal(err)
				}
				session.Close()
			}
			consumer, err := kafka.NewConsumer(kafka.ConsumerConfig{
				Brokers: []string{address}, Topic: c.name, GroupID: "g", KeyRetention: c.keys,
			}, zerolog.New(&consuming))
			if err != nil {
				t.Fatal(err)
			}
			if err := consumer.Assign(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			clocktest.Eventually(t, "the consumer knows what the topic keeps",
				func() bool { return consuming.asked.Load() })
			consumer.Close()
			publishing.want(t, "publisher", c.publisher)
			consuming.want(t, "consumer", c.consumer)
		})
	}
}

// warnings keeps what is logged as a warning.
type warnings struct {
	mu    sync.Mutex
	lines []string
	asked atomic.Bool // the consumer knows the topic's configuration
}

// WriteLevel implements zerolog.LevelWriter.
func (w *warnings) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	if level == zerolog.WarnLevel {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines = append(w.lines, string(line))
	}
	if strings.Contains(string(line), "what the topic keeps") {
		w.asked.Store(true)
	}
	return len(line), nil
}

// Write implements io.Writer.
func (w *warnings) Write(line []byte) (int, error) { return len(line), nil }

func (w *warnings) want(t *testing.T, of, text string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if text == "" && len(w.lines) == 0 || text != "" && len(w.lines) == 1 && strings.Contains(w.lines[0], text) {
		return
	}
	t.Errorf("the %s warned %q, want %q", of, w.lines, text)
}
