package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrTopicMissing says that the topic does not exist although messages were published to it.
var ErrTopicMissing = errors.New("the topic is gone although this file has published to it: restore it, or create it " +
	"to have what is kept published again")

// topic is what a broker says about a topic.
type topic struct {
	id         string // changes if the topic is deleted and created again
	partitions int
}

// topicTimeout bounds MakeTopics for each topic.
const topicTimeout = 10 * time.Second

// MakeTopics creates those of the topics that do not exist, with the settings of the topic of orders, but with Kafka's
// own retention of a week. It is for development: whoever publishes to a topic knows what settings it needs.
func MakeTopics(ctx context.Context, brokers, topics []string) error {
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": strings.Join(brokers, ",")})
	if err != nil {
		return fmt.Errorf("make topics: %w", err)
	}
	defer admin.Close()
	for _, name := range topics {
		topicCtx, cancel := context.WithTimeout(ctx, topicTimeout)
		config := PublisherConfig{Topic: name, Partitions: defaultPartitions, Retention: 7 * 24 * time.Hour}
		_, err := ensureTopic(topicCtx, admin, config, true)
		cancel()
		if err != nil {
			return fmt.Errorf("make topics: %w", err)
		}
	}
	return nil
}

// ensureTopic checks that the topic exists, and creates it if mayCreate allows. If the broker created it by itself at
// first use, it would lack the settings of the contract.
func ensureTopic(ctx context.Context, admin *confluent.AdminClient, config PublisherConfig, mayCreate bool) (topic,
	error) {
	found, exists, err := describeTopic(ctx, admin, config.Topic)
	switch {
	case err != nil:
		return topic{}, fmt.Errorf("look for topic %s: %w", config.Topic, err)
	case exists:
		return found, nil
	case !mayCreate:
		return topic{}, fmt.Errorf("topic %s: %w", config.Topic, ErrTopicMissing)
	}
	results, err := admin.CreateTopics(ctx, []confluent.TopicSpecification{{
		Topic: config.Topic, NumPartitions: config.Partitions, ReplicationFactor: -1, // the broker's default
		Config: map[string]string{
			"retention.ms":      strconv.FormatInt(config.Retention.Milliseconds(), 10),
			"max.message.bytes": strconv.Itoa(MaxMessageBytes),
		},
	}})
	if err != nil {
		return topic{}, fmt.Errorf("create topic %s: %w", config.Topic, err)
	}
	for _, result := range results {
		if code := result.Error.Code(); code != confluent.ErrNoError && code != confluent.ErrTopicAlreadyExists {
			return topic{}, fmt.Errorf("create topic %s: %w", config.Topic, result.Error)
		}
	}
	for { // the broker may not know of it yet
		found, exists, err := describeTopic(ctx, admin, config.Topic)
		if exists || err != nil {
			return found, err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return topic{}, fmt.Errorf("wait for topic %s: %w", config.Topic, err)
		}
	}
}

func describeTopic(ctx context.Context, admin *confluent.AdminClient, name string) (found topic, exists bool,
	err error) {
	result, err := admin.DescribeTopics(ctx, confluent.NewTopicCollectionOfTopicNames([]string{name}))
	if err != nil {
		return topic{}, false, err
	}
	for _, description := range result.TopicDescriptions {
		switch description.Error.Code() {
		case confluent.ErrNoError:
			return topic{id: description.TopicID.String(), partitions: len(description.Partitions)}, true, nil
		case confluent.ErrUnknownTopicOrPart:
		default:
			return topic{}, false, description.Error
		}
	}
	return topic{}, false, nil
}
