package brokertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Hang begins another program's transaction in each partition of topic, which must exist, and leaves it open. Readers
// of committed records then see nothing after it. Hang returns once its records are in the topic. end commits or aborts
// the transaction and waits for that; a second call does nothing. An open transaction is aborted when the test ends.
func Hang(t testing.TB, address, topic string) (end func(commit bool)) {
	t.Helper()
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": address, "transactional.id": "hanging-" + rand.Text(), "transaction.timeout.ms": 600_000,
		"allow.auto.create.topics": false, "enable.metrics.push": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := hang(ctx, producer, topic); err != nil {
		t.Fatalf("hang a transaction in topic %s: %v", topic, err)
	}
	var once sync.Once
	end = func(commit bool) {
		once.Do(func() {
			defer producer.Close()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			finish := producer.AbortTransaction
			if commit {
				finish = producer.CommitTransaction
			}
			if err := finish(ctx); err != nil {
				t.Errorf("end the hanging transaction: %v", err)
			}
		})
	}
	t.Cleanup(func() { end(false) })
	return end
}

func hang(ctx context.Context, producer *confluent.Producer, topic string) error {
	metadata, err := producer.GetMetadata(&topic, false, 10_000)
	if err != nil {
		return err
	}
	if err := producer.InitTransactions(ctx); err != nil {
		return err
	}
	if err := producer.BeginTransaction(); err != nil {
		return err
	}
	partitions := metadata.Topics[topic].Partitions
	reports := make(chan confluent.Event, len(partitions))
	for _, p := range partitions {
		message := &confluent.Message{
			TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: p.ID},
			Value:          []byte("another program's"),
		}
		if err := producer.Produce(message, reports); err != nil {
			return err
		}
	}
	for range partitions {
		select {
		case event := <-reports:
			if message, ok := event.(*confluent.Message); ok && message.TopicPartition.Error != nil {
				return message.TopicPartition.Error
			}
		case <-ctx.Done():
			return fmt.Errorf("wait for delivery reports: %w", ctx.Err())
		}
	}
	return nil
}

// Recreate deletes topic and creates it with that number of partitions. It returns once the broker knows it.
func Recreate(t testing.TB, address, topic string, partitions int) {
	t.Helper()
	Delete(t, address, topic)
	Create(t, address, topic, partitions)
}

// Delete deletes topic and returns once the broker no longer knows it.
func Delete(t testing.TB, address, topic string) {
	t.Helper()
	administer(t, address, func(ctx context.Context, admin *confluent.AdminClient) error {
		results, err := admin.DeleteTopics(ctx, []string{topic}, confluent.SetAdminOperationTimeout(30*time.Second))
		if err == nil && results[0].Error.Code() != confluent.ErrNoError {
			err = results[0].Error
		}
		return err
	})
}

// AddPartitions adds partitions to topic until it has that many.
func AddPartitions(t testing.TB, address, topic string, partitions int) {
	t.Helper()
	administer(t, address, func(ctx context.Context, admin *confluent.AdminClient) error {
		results, err := admin.CreatePartitions(ctx,
			[]confluent.PartitionsSpecification{{Topic: topic, IncreaseTo: partitions}})
		if err == nil && results[0].Error.Code() != confluent.ErrNoError {
			err = results[0].Error
		}
		return err
	})
}

// Create creates topic and returns once the broker knows it. One that is still being deleted may stand in the way.
func Create(t testing.TB, address, topic string, partitions int) {
	t.Helper()
	administer(t, address, func(ctx context.Context, admin *confluent.AdminClient) error {
		before := idOf(ctx, admin, topic)
		for {
			results, err := admin.CreateTopics(
				ctx,
				[]confluent.TopicSpecification{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}},
				confluent.SetAdminOperationTimeout(30*time.Second),
			)
			switch {
			case err != nil:
				return err
			case results[0].Error.Code() == confluent.ErrNoError:
				return nil
			case results[0].Error.Code() != confluent.ErrTopicAlreadyExists:
				return results[0].Error
			case ctx.Err() != nil:
				return ctx.Err()
			}
			// librdkafka repeats a request whose answer was lost.
			if id := idOf(ctx, admin, topic); id != "" && id != before {
				return nil
			}
		}
	})
}

// idOf returns the topic's id, or "" if the broker knows no such topic or tells no id.
func idOf(ctx context.Context, admin *confluent.AdminClient, topic string) string {
	result, err := admin.DescribeTopics(ctx, confluent.NewTopicCollectionOfTopicNames([]string{topic}))
	if err != nil || result.TopicDescriptions[0].Error.Code() != confluent.ErrNoError {
		return ""
	}
	return result.TopicDescriptions[0].TopicID.String()
}

// Limit sets the largest message that a topic accepts from now on, in bytes.
func Limit(t testing.TB, address, topic string, bytes int) {
	t.Helper()
	administer(t, address, func(ctx context.Context, admin *confluent.AdminClient) error {
		results, err := admin.IncrementalAlterConfigs(ctx, []confluent.ConfigResource{{
			Type: confluent.ResourceTopic, Name: topic, Config: []confluent.ConfigEntry{{
				Name: "max.message.bytes", Value: strconv.Itoa(bytes),
				IncrementalOperation: confluent.AlterConfigOpTypeSet,
			}},
		}})
		if err == nil && results[0].Error.Code() != confluent.ErrNoError {
			err = results[0].Error
		}
		return err
	})
}

func administer(t testing.TB, address string, act func(context.Context, *confluent.AdminClient) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin, err := confluent.NewAdminClient(
		&confluent.ConfigMap{"bootstrap.servers": address, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := act(ctx, admin); err != nil {
		t.Fatal(err)
	}
}
