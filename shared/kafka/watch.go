package kafka

import (
	"context"
	"fmt"
	"time"
)

// sameTopic reports whether the topic is the one with which the session was opened. It is not if that one was deleted,
// even if it was created again.
func (s *session) sameTopic(ctx context.Context) (bool, error) {
	found, err := s.lookAtTopic(ctx)
	return found.id == s.topic.id, err
}

// lookAtTopic asks for the topic as it is now. It returns the zero topic if there is none.
func (s *session) lookAtTopic(ctx context.Context) (topic, error) {
	ctx, cancel := context.WithTimeout(ctx, rangeTimeout)
	defer cancel()
	found, _, err := describeTopic(ctx, s.admin, s.name)
	if err != nil {
		return topic{}, fmt.Errorf("look for topic %s: %w", s.name, err)
	}
	return found, nil
}

// watchTopic checks the topic from time to time until the session is closed. A publishing client does not notice that
// the topic was recreated, because Kafka accepts what it sends (rule P8). A session knows the partitions of the topic
// from its start, so it also ends when partitions are added.
func (s *session) watchTopic(every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	s.unwatch = cancel
	s.watching.Go(func() {
		for pause(ctx, every) == nil {
			found, err := s.lookAtTopic(ctx)
			if err != nil || found == s.topic { // an outage, which publishing reports
				continue
			}
			s.logger.Warn().Str("topic", s.name).Str("id", s.topic.id).
				Msg("the topic was deleted or recreated, or partitions were added to it")
			s.trouble()
			return
		}
	})
}
