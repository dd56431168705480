package activityd

import (
	"context"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/kafka"
)

// MaxTry is the maximum number of records of a topic that Try reads.
const MaxTry = 100_000

// Tried is the result of trying an activity on the newest records of its topic.
type Tried struct {
	activity.Definition
	ingest.Outlook
}

// Try tells what each of the declared activities would make of the newest records of its topic, so many of each. It
// changes nothing: not in Kafka, and it opens no file. said is called with each in the order declared, and with
// kafka.ErrNoTopic when the topic is not there yet. Another error ends it.
func Try(ctx context.Context, config Config, records int, logger zerolog.Logger, said func(Tried, error) error) error {
	config = config.withDefaults()
	declared, err := declare.Parse(config.Activities)
	if err != nil {
		return err
	}
	for _, def := range declare.With(declare.OrderCreated(config.Topic), declared) {
		all, err := kafka.Tail(ctx, kafka.ConsumerConfig{
			Brokers: config.Kafka, Security: config.KafkaSecurity, Topic: def.Topic, GroupID: monitorGroup,
			MaxRecordBytes: config.MaxRecordBytes,
		}, records, logger, ingest.NewTrial(def).Look)
		if err = said(Tried{def, ingest.Sum(all)}, err); err != nil {
			return err
		}
	}
	return nil
}
