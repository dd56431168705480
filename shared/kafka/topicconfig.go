package kafka

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"
)

// topicConfig is what a topic's configuration says about its messages.
type topicConfig struct {
	messageBytes int // the largest batch that it takes; math.MaxInt if the broker does not say
	keeping
}

// keeping says which messages a topic keeps.
type keeping struct {
	retention time.Duration // the broker may delete older ones; 0 if it deletes none for their age or does not say
	compacted bool          // the broker deletes all but the newest message of a key
}

func describeConfig(ctx context.Context, admin *confluent.AdminClient, topic string) (topicConfig, error) {
	results, err := admin.DescribeConfigs(ctx, []confluent.ConfigResource{{
		Type: confluent.ResourceTopic, Name: topic,
	}})
	if err != nil {
		return topicConfig{}, fmt.Errorf("ask for the configuration of topic %s: %w", topic, err)
	}
	if len(results) != 1 || results[0].Error.Code() != confluent.ErrNoError {
		return topicConfig{}, fmt.Errorf("ask for the configuration of topic %s: %v", topic, results)
	}
	told := results[0].Config
	config := topicConfig{messageBytes: math.MaxInt}
	if bytes, err := strconv.Atoi(told["max.message.bytes"].Value); err == nil {
		config.messageBytes = bytes
	}
	policy := told["cleanup.policy"].Value
	config.compacted = strings.Contains(policy, "compact")
	millis, err := strconv.ParseInt(told["retention.ms"].Value, 10, 64)
	if err == nil && millis > 0 && millis <= math.MaxInt64/int64(time.Millisecond) && policy != "compact" {
		config.retention = time.Duration(millis) * time.Millisecond
	}
	return config, nil
}

// warnPublisher logs what makes the topic too short a memory for orders. keys is how long idempotency keys are known.
func (k keeping) warnPublisher(keys time.Duration, topic string, logger zerolog.Logger) {
	if k.compacted {
		logger.Warn().Str("topic", topic).
			Msg("the topic is compacted: Kafka deletes all but the newest message of each order; set its " +
				"cleanup.policy to delete")
	}
	if k.retention > 0 && k.retention < keys {
		logger.Warn().Str("topic", topic).Stringer("topic_retention", k.retention).
			Stringer("idempotency_retention", keys).
			Msg("the topic keeps messages for a shorter time than idempotency keys are known: after the loss of " +
				"the file, orders and keys older than that come from a backup only; raise retention.ms of the topic")
	}
}

// warnConsumer logs what makes keys too short a memory for the topic. keys is how long processed keys are kept.
func (k keeping) warnConsumer(keys time.Duration, topic string, logger zerolog.Logger) {
	if k.compacted {
		logger.Warn().Str("topic", topic).
			Msg("the topic is compacted: Kafka deletes all but the newest message of a key, and what was not " +
				"counted yet is lost; set its cleanup.policy to delete")
	}
	if keys > 0 && (k.retention == 0 || k.retention > keys) {
		event := logger.Warn().Str("topic", topic).Stringer("dedup_retention", keys)
		if k.retention > 0 {
			event.Stringer("topic_retention", k.retention)
		}
		event.Msg("the topic keeps messages longer than their keys are known: older ones would be counted again if " +
			"the topic is made anew from a copy; raise --dedup-retention")
	}
}
