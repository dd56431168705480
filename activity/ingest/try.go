package ingest

import (
	"context"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

// MaxTry is the maximum number of records of a topic that Try reads.
const MaxTry = 100_000

// Try returns what an activity would make of the newest records of its topic, so many of them. It changes nothing in
// Kafka. It is kafka.ErrNoTopic when the topic is not there yet.
func Try(
	ctx context.Context, def activity.Definition, config kafka.ConsumerConfig, records int, logger zerolog.Logger,
) (Outlook, error) {
	all, err := kafka.Tail(ctx, config, records, logger, NewTrial(def).Look)
	return Sum(all), err
}
