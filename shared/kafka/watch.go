package kafka

import (
	"context"
	"fmt"
	"time"
)

// sameTopic says whether the topic is the one that the session was opened with. It is not once it was deleted, made
// again or not.
func (s *session) sameTopic(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, rangeTimeout)
	defer cancel()
	found, exists, err := describeTopic(ctx, s.admin, s.name)
	if err != nil {
		return false, fmt.Errorf("look for topic %s: %w", s.name, err)
	}
	return exists && found.id == s.topic.id, nil
}

// watchTopic asks for the topic's id from time to time until the session is closed: a client that publishes does not
// notice that the topic was made again, because Kafka takes what it sends (rule P8).
func (s *session) watchTopic(every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	s.unwatch = cancel
	s.watching.Go(func() {
		for pause(ctx, every) == nil {
			same, err := s.sameTopic(ctx)
			if err != nil { // an outage; whoever publishes says so
				continue
			}
			if !same {
				s.logger.Warn().Str("topic", s.name).Str("id", s.topic.id).Msg("the topic was deleted or recreated")
				s.trouble()
				return
			}
		}
	})
}
