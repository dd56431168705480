package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// LinkState is the state of a consumer's connection to Kafka.
type LinkState string

// The states of a link.
const (
	// LinkConnecting: Kafka was not reached yet, or it does not have the topic.
	LinkConnecting LinkState = "connecting"
	LinkUp         LinkState = "up"
	// LinkDown is an outage: Kafka cannot be reached, or it lets nobody read. The consumer keeps trying.
	LinkDown LinkState = "down"
)

// Link describes a consumer's connection to Kafka.
type Link struct {
	State LinkState
	// Since is when this state began. Attempts during an outage do not restart it.
	Since time.Time
	// Error says why it is not up. For people.
	Error string
}

// Link returns the state of the connection. An outage shows within a few seconds. It is safe for concurrent use.
func (c *Consumer) Link() Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// linked notes the result of a request for the topic: the error, or whether the topic exists. The caller holds c.mu.
func (c *Consumer) linked(err error, exists bool) {
	now := Link{State: LinkUp, Since: c.config.Clock.Now()}
	switch {
	case err != nil && !unknownTopic(err):
		now.State, now.Error = LinkDown, err.Error()
		if !c.silent.IsZero() {
			now.Since = c.silent
		}
	case err != nil || !exists:
		now.State, now.Error = LinkConnecting, fmt.Sprintf("there is no topic %s yet", c.config.Topic)
	}
	if now.State != LinkDown {
		c.silent = time.Time{}
	}
	if before := c.link; before.State == now.State {
		now.Since = before.Since
	} else if before.State == LinkDown {
		c.logger.Info().Str("topic", c.config.Topic).Time("since", before.Since).Msg("Kafka can be reached again")
	}
	c.link = now
}

// missed notes that the watch got no answer. One missing answer is no outage: a broker may be busy, or hand a partition
// over to another one.
func (c *Consumer) missed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent.IsZero() {
		c.silent = c.config.Clock.Now()
		return
	}
	c.linked(err, false)
}

// unknownTopic reports whether a broker said that it does not have the topic. The client says ErrUnknownTopic and
// ErrUnknownPartition by itself, in an outage too.
func unknownTopic(err error) bool {
	var known confluent.Error
	return errors.As(err, &known) && known.Code() == confluent.ErrUnknownTopicOrPart
}
