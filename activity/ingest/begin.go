package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

var _ Reader = (*kafka.Careful)(nil)

// suspectAfter is how many runs in a row may neither stop in order nor read the whole topic. After that, what they read
// is suspected.
const suspectAfter = 2

// Readings is a store that also notes what is read, so that a later run knows where this one died.
type Readings interface {
	Store
	BeginReading(ctx context.Context) (activity.Suspicion, error)
	ReadingAt(ctx context.Context, partition int32, offset int64) error
	ReadingWell(ctx context.Context, all bool) error
	EndReading(ctx context.Context) error
}

// Open makes a consumer of the activities' topic and an Ingest with it, which does nothing until Run. It notes in the
// file that reading begins, and logs where earlier runs died; after such a death the Ingest begins carefully. The
// file's name is for the advice in the log. Call Close in the end.
func Open(
	ctx context.Context, store Readings, activities []activity.Definition, reading kafka.ConsumerConfig,
	config Config, file string, metrics *Metrics, logger zerolog.Logger,
) (in *Ingest, err error) {
	together := named(logger, activities)
	found, err := store.BeginReading(ctx)
	if err != nil {
		return nil, err
	}
	var reader *kafka.Careful
	if found.Deaths >= suspectAfter || found.Suspect != nil {
		warn(found.Suspect, reading.Topic, file, together)
		if reader, err = kafka.NewCareful(reading, together); err != nil {
			return nil, err
		}
		config.Careful = &Careful{Reader: reader, Moved: found.Moved, Note: store.ReadingAt}
	}
	consumer, err := kafka.NewConsumer(reading, together)
	if err != nil {
		return nil, err
	}
	config.Well = store.ReadingWell
	in = New(consumer, store, activities, config, metrics, logger)
	in.close = func(ctx context.Context, well bool) error {
		if reader != nil {
			reader.Close()
		}
		consumer.Close()
		if well {
			return store.EndReading(ctx)
		}
		return nil
	}
	return in, nil
}

// named returns a logger that says for which activities it logs.
func named(logger zerolog.Logger, activities []activity.Definition) zerolog.Logger {
	return logger.With().Str("activity", Names(activities)).Logger()
}

// Names returns the activities' names as one text.
func Names(activities []activity.Definition) string {
	names := make([]string, len(activities))
	for i := range activities {
		names[i] = activities[i].Name
	}
	return strings.Join(names, ", ")
}

// Close closes what Open opened of each, after Run, and all at once: while Kafka is away each takes a while. well says
// that the service ends in order. If it does not, that may be because of what was read, and the note in the file stays.
func Close(ctx context.Context, all []*Ingest, well bool) error {
	errs := make([]error, len(all))
	var closing sync.WaitGroup
	for i, in := range all {
		closing.Go(func() { errs[i] = in.close(ctx, well) })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// warn logs where the runs before died.
func warn(at *activity.Suspect, topic, file string, logger zerolog.Logger) {
	if at == nil {
		return
	}
	level := zerolog.WarnLevel // once may be chance
	if at.Deaths > 1 {
		level = zerolog.ErrorLevel
	}
	logger.WithLevel(level).Str("topic", topic).Int32("partition", at.Partition).Int64("offset", at.Offset).
		Int("times", at.Deaths).Msg(died(at, topic, file))
}

// died says what to do about an offset at which the service dies again and again.
func died(at *activity.Suspect, topic, file string) string {
	times := "once"
	if at.Deaths > 1 {
		times = fmt.Sprintf("%d times", at.Deaths)
	}
	return fmt.Sprintf("this service died %s while it read at or right behind offset %d of partition %d of topic %s. "+
		"If "+
		"nothing else killed it, give it more memory, or stop it and skip that offset: activity skip --data %s "+
		"--topic %s --partition %d --offset %d --reason TEXT",
		times, at.Offset, at.Partition, topic, file, topic, at.Partition, at.Offset)
}
