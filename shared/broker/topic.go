package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrTopicMissing says that the topic is absent although messages were published to it.
var ErrTopicMissing = errors.New("the topic is gone although this file has published to it: restore it, or create it to have what is kept published again")

// ensureTopic sees that the topic exists and makes it when mayCreate allows. A topic made by the broker itself at the
// first use would lack the settings that the contract names.
func ensureTopic(ctx context.Context, admin *kafka.AdminClient, config PublisherConfig, mayCreate bool) error {
	exists, err := topicExists(ctx, admin, config.Topic)
	switch {
	case err != nil:
		return fmt.Errorf("look for topic %s: %w", config.Topic, err)
	case exists:
		return nil
	case !mayCreate:
		return fmt.Errorf("topic %s: %w", config.Topic, ErrTopicMissing)
	}
	results, err := admin.CreateTopics(ctx, []kafka.TopicSpecification{{
		Topic: config.Topic, NumPartitions: config.Partitions, ReplicationFactor: -1, // the broker's default
		Config: map[string]string{
			"retention.ms":      strconv.FormatInt(config.Retention.Milliseconds(), 10),
			"max.message.bytes": strconv.Itoa(MaxMessageBytes),
		},
	}})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", config.Topic, err)
	}
	for _, result := range results {
		if code := result.Error.Code(); code != kafka.ErrNoError && code != kafka.ErrTopicAlreadyExists {
			return fmt.Errorf("create topic %s: %w", config.Topic, result.Error)
		}
	}
	return nil
}

func topicExists(ctx context.Context, admin *kafka.AdminClient, topic string) (bool, error) {
	result, err := admin.DescribeTopics(ctx, kafka.NewTopicCollectionOfTopicNames([]string{topic}))
	if err != nil {
		return false, err
	}
	for _, description := range result.TopicDescriptions {
		switch description.Error.Code() {
		case kafka.ErrNoError:
			return true, nil
		case kafka.ErrUnknownTopicOrPart:
		default:
			return false, description.Error
		}
	}
	return false, nil
}
