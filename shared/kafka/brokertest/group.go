package brokertest

import (
	"context"
	"sync"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// CommitOffset commits an offset for partition 0 of topic in group, as a tool that resets offsets does.
func CommitOffset(t testing.TB, address, group, topic string, offset int64, metadata string) {
	t.Helper()
	consumer, err := confluent.NewConsumer(
		&confluent.ConfigMap{"bootstrap.servers": address, "group.id": group, "enable.metrics.push": false},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer closeConsumer(t, consumer)
	set, err := consumer.CommitOffsets(
		[]confluent.TopicPartition{{Topic: &topic, Offset: confluent.Offset(offset), Metadata: &metadata}},
	)
	if err == nil {
		err = set[0].Error
	}
	if err != nil {
		t.Fatalf("commit to group %s: %v", group, err)
	}
}

// ForgetGroup makes Kafka forget the group's offsets, as it does by itself after some days.
func ForgetGroup(t testing.TB, address, group string) {
	t.Helper()
	administer(t, address, func(ctx context.Context, admin *confluent.AdminClient) error {
		results, err := admin.DeleteConsumerGroups(ctx, []string{group})
		if err == nil && results.ConsumerGroupResults[0].Error.Code() != confluent.ErrNoError {
			err = results.ConsumerGroupResults[0].Error
		}
		return err
	})
}

// Join makes a consumer join group, read topic to its end and commit. leave makes it commit once more and leave.
func Join(t testing.TB, address, group, topic string) (leave func()) {
	t.Helper()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
		"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest", "auto.commit.interval.ms": 20,
		"enable.partition.eof": true, "enable.metrics.push": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := consumer.Subscribe(topic, nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		if _, end := poll(t, consumer).(confluent.PartitionEOF); end {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("joining group %s took a minute", group)
		}
	}
	leave = sync.OnceFunc(func() { closeConsumer(t, consumer) })
	t.Cleanup(leave)
	return leave
}
