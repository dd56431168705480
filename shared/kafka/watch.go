package kafka

import (
	"context"
	"fmt"
	"time"
)

// sameTopic says whether the topic is the one that the session was opened with. It is not once it was deleted, made
// again or not.
func (s *session) sameTopic(ctx context.Context) (bool, error) {
	found, err := s.lookAtTopic(ctx)
	return found.id == s.topic.id, err
}

// lookAtTopic asks what the topic is now; the zero topic when there is none.
func (s *session) lookAtTopic(ctx context.Context) (topic, error) {
	ctx, cancel := context.WithTimeout(ctx, rangeTimeout)
	defer cancel()
	found, _, err := describeTopic(ctx, s.admin, s.name)
	if err != nil {
		return topic{}, fmt.Errorf("look for topic %s: %w", s.name, err)
	}
	return found, nil
}

// watchTopic looks at the topic from time to time until the session is closed: a client that publishes does not notice
// that the topic was made again, because Kafka takes what it sends (rule P8). A session knows the partitions that the
// topic had when it was opened, so it also ends when partitions are added.
func (s *session) watchTopic(every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	s.unwatch = cancel
	s.watching.Go(func() {
		for pause(ctx, every) == nil {
			found, err := s.lookAtTopic(ctx)
			if err != nil || found == s.topic { // an outage; whoever publishes says so
				continue
			}
			s.logger.Warn().Str("topic", s.name).Str("id", s.topic.id).
				Msg("the topic was deleted or recreated, or partitions were added to it")
			s.trouble()
			return
		}
	})
}
