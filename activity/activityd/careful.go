package activityd

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/kafka"
)

var _ ingest.Reader = (*kafka.Careful)(nil)

// suspectAfter is after how many runs in a row, that did not end in order and had not read all that stood in the topic,
// what they read is suspected.
const suspectAfter = 2

// careful notes in the file that reading begins, says where the runs before died, and returns how to begin: nil for
// reading ahead.
func (s *Service) careful(
	ctx context.Context,
	store *activitystore.Store,
	def *activity.Definition,
	config kafka.ConsumerConfig,
) (*ingest.Careful, error) {
	found, err := store.BeginReading(ctx)
	if err != nil {
		return nil, err
	}
	s.steps.Push("note of what is read", func(ctx context.Context) error {
		if s.group.Err() == nil { // else it may be because of what was read that the service ends
			return store.EndReading(ctx)
		}
		return nil
	})
	if at := found.Suspect; at != nil {
		level := zerolog.WarnLevel // once may be chance
		if at.Deaths > 1 {
			level = zerolog.ErrorLevel
		}
		s.logger.WithLevel(level).
			Str("activity", def.Name).
			Str("topic", def.Topic).
			Int32("partition", at.Partition).
			Int64("offset", at.Offset).
			Int("times", at.Deaths).
			Msg(died(at, def.Topic, s.config.Data))
	}
	if found.Deaths < suspectAfter && found.Suspect == nil {
		return nil, nil
	}
	reader, err := kafka.NewCareful(config, s.logger)
	if err != nil {
		return nil, err
	}
	s.steps.Push("careful reader", func(context.Context) error { reader.Close(); return nil })
	return &ingest.Careful{Reader: reader, Moved: found.Moved, Note: store.ReadingAt}, nil
}

// died says what to do about a place where the service dies again and again.
func died(at *activity.Suspect, topic, file string) string {
	times := "once"
	if at.Deaths > 1 {
		times = fmt.Sprintf("%d times", at.Deaths)
	}
	return fmt.Sprintf(
		"this service died %s while it read at or right behind offset %d of partition %d of topic %s. If nothing "+
			"else killed it, "+
			"give it more memory, or stop it and skip that offset: activity skip --data %s --topic %s --partition %d "+
			"--offset %d --reason TEXT",
		times,
		at.Offset,
		at.Partition,
		topic,
		file,
		topic,
		at.Partition,
		at.Offset,
	)
}
