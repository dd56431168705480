package ingest

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

var _ Reader = (*kafka.Careful)(nil)

// suspectAfter is after how many runs in a row, that neither stopped in order nor read all of the topic, what they read
// is suspected.
const suspectAfter = 2

// Readings is the store's note of what is read, which tells a later run where this one died.
type Readings interface {
	BeginReading(ctx context.Context) (activity.Suspicion, error)
	ReadingAt(ctx context.Context, partition int32, offset int64) error
}

// Begin notes in the file that reading begins, logs where earlier runs died, and returns how to begin: nil for reading
// ahead. The caller closes the reader. The file's name is for the advice in the log.
func Begin(
	ctx context.Context, notes Readings, def *activity.Definition, config kafka.ConsumerConfig, file string,
	logger zerolog.Logger,
) (*Careful, error) {
	found, err := notes.BeginReading(ctx)
	if err != nil {
		return nil, err
	}
	if at := found.Suspect; at != nil {
		level := zerolog.WarnLevel // once may be chance
		if at.Deaths > 1 {
			level = zerolog.ErrorLevel
		}
		logger.WithLevel(level).Str("activity", def.Name).Str("topic", def.Topic).Int32("partition", at.Partition).
			Int64("offset", at.Offset).Int("times", at.Deaths).Msg(died(at, def.Topic, file))
	}
	if found.Deaths < suspectAfter && found.Suspect == nil {
		return nil, nil
	}
	reader, err := kafka.NewCareful(config, logger)
	if err != nil {
		return nil, err
	}
	return &Careful{Reader: reader, Moved: found.Moved, Note: notes.ReadingAt}, nil
}

// Close closes the reader of Begin. A nil Careful has none.
func (c *Careful) Close() {
	if c == nil {
		return
	}
	if reader, ok := c.Reader.(*kafka.Careful); ok {
		reader.Close()
	}
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
