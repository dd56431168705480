package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/service/lifecycle"
)

func publishTo(t *testing.T, address, topic string, from, to uint64) {
	t.Helper()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: topic}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "l", MayCreate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for slot := from; slot <= to; slot++ { // each has its own transaction, so there are many control records
		records := []outbox.Record{{Slot: slot, Key: fmt.Append(nil, slot), Value: fmt.Append(nil, slot),
			Time: time.Now()}}
		if _, err := session.Publish(t.Context(), records, outbox.Watermark{Slot: slot}); err != nil {
			t.Fatal(err)
		}
	}
}

func consumer(t *testing.T, address, topic string) *kafka.Consumer {
	t.Helper()
	c, err := kafka.NewConsumer(kafka.ConsumerConfig{
		Brokers: []string{address}, Topic: topic, GroupID: "g", MetadataInterval: 50 * time.Millisecond,
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func fetch(t *testing.T, c *kafka.Consumer, n int) []kafka.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []kafka.Record
	for len(all) < n {
		f, err := c.Fetch(ctx, n-len(all))
		if err != nil {
			t.Fatalf("after %d of %d records: %v", len(all), n, err)
		}
		all = append(all, f.Records...)
	}
	return all
}

// positionsAfter returns where reading goes on after records.
func positionsAfter(records []kafka.Record) map[int32]kafka.Position {
	next := map[int32]kafka.Position{}
	for _, r := range records {
		next[r.Partition] = kafka.Position{Offset: r.Offset + 1}
	}
	return next
}

func TestConsumer_GoesOnFromItsPositions(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	publishTo(t, address, "orders", 1, 20)
	first := consumer(t, address, "orders")
	if err := first.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	next := positionsAfter(fetch(t, first, 12))
	second := consumer(t, address, "orders")
	if err := second.Assign(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if rest := fetch(t, second, 8); len(rest) != 8 {
		t.Fatalf("%d records follow, want 8", len(rest))
	}
	// At the end the lag is 0, although control records, which nobody gets, follow the last record.
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := second.Fetch(ctx, 1)
		ended <- err
	}()
	clocktest.Eventually(t, "lag is 0", func() bool {
		total := int64(0)
		for _, lag := range second.Lag() {
			total += lag
		}
		return total == 0
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("Fetch ended with %v", err)
	}
	second.CommitForMonitors(map[int32]int64{3: 7})
	clocktest.Eventually(t, "the group's offset is set for monitors",
		func() bool { return groupOffset(t, address, "orders", 3) == 7 })
}

func groupOffset(t *testing.T, address, topic string, partition int32) int64 {
	t.Helper()
	admin, err := confluent.NewAdminClient(
		&confluent.ConfigMap{"bootstrap.servers": address, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	result, err := admin.ListConsumerGroupOffsets(t.Context(), []confluent.ConsumerGroupTopicPartitions{
		{Group: "g", Partitions: []confluent.TopicPartition{{Topic: &topic, Partition: partition}}},
	})
	if err != nil {
		return -1 // the group does not exist yet
	}
	return int64(result.ConsumerGroupsTopicPartitions[0].Partitions[0].Offset)
}

func addPartitions(t *testing.T, address, topic string, total int) {
	t.Helper()
	admin, err := confluent.NewAdminClient(
		&confluent.ConfigMap{"bootstrap.servers": address, "enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.CreatePartitions(t.Context(),
		[]confluent.PartitionsSpecification{{Topic: topic, IncreaseTo: total}}); err != nil {
		t.Fatal(err)
	}
}

func TestConsumer_WaitsForTheTopicAndFindsAddedPartitions(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	c := consumer(t, address, "late")
	assigned := make(chan error)
	go func() { assigned <- c.Assign(t.Context(), nil) }()
	publishTo(t, address, "late", 1, 1)
	if err := <-assigned; err != nil {
		t.Fatal(err)
	}
	fetch(t, c, 1)
	addPartitions(t, address, "late", 9)
	clocktest.Eventually(t, "nine partitions are read", func() bool { return len(c.Partitions()) == 9 })
	if added := c.PartitionsAdded(); added != 3 {
		t.Errorf("it says that %d were added", added)
	}
}

// panicking panics at the first log line that has text.
type panicking struct {
	text string
	once sync.Once
}

func (p *panicking) Write(line []byte) (int, error) {
	if strings.Contains(string(line), p.text) {
		p.once.Do(func() { panic("a fault that nobody thought of") })
	}
	return len(line), nil
}

// The log panics when the watch, which has its own goroutine, has found partitions.
func TestConsumer_ReturnsAPanicOfTheWatch(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	publishTo(t, address, "watched", 1, 1)
	c, err := kafka.NewConsumer(kafka.ConsumerConfig{
		Brokers: []string{address}, Topic: "watched", GroupID: "g", MetadataInterval: 50 * time.Millisecond,
	}, zerolog.New(&panicking{text: "the topic has got partitions"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	next := positionsAfter(fetch(t, c, 1))
	addPartitions(t, address, "watched", 9)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = c.Fetch(ctx, 1)
	if p, ok := errors.AsType[*lifecycle.PanicError](err); !ok || !strings.Contains(string(p.Stack), "watchTopic") {
		t.Fatalf("Fetch: %v, want the panic", err)
	}
	if err := c.Assign(t.Context(), next); err != nil { // as ingest does when it is started again
		t.Fatal(err)
	}
	if n := len(c.Partitions()); n != 9 {
		t.Errorf("%d partitions are read after another start, want 9", n)
	}
	publishTo(t, address, "watched", 2, 2)
	if records := fetch(t, c, 1); string(records[0].Value) != "2" {
		t.Errorf("went on with %s", records[0].Value)
	}
}

func TestConsumer_ClosesDuringAnOutage(t *testing.T) {
	dev, err := devbroker.Start(devbroker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	publishTo(t, dev.Addr(), "orders", 1, 3)
	c, err := kafka.NewConsumer(kafka.ConsumerConfig{Brokers: []string{dev.Addr()}, Topic: "orders", GroupID: "g"},
		zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	next := map[int32]int64{}
	for _, r := range fetch(t, c, 3) {
		next[r.Partition] = r.Offset + 1
	}
	if err := dev.Stop(); err != nil {
		t.Fatal(err)
	}
	c.CommitForMonitors(next)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.Close()
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Fatal("Close hangs while the broker is away")
	}
}
