package devbroker_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/kafka/devbroker"
)

const topic = "order.activity.v1"

// What order and activity ask of a broker works here, and is kept over a restart.
func TestBroker_KeepsTransactionsAndOffsetsOverARestart(t *testing.T) {
	dir := t.TempDir()
	b := start(t, devbroker.Config{DataDir: dir})
	createTopic(t, b.Addr(), topic, map[string]string{"retention.ms": "2592000000", "max.message.bytes": "2097152"})
	metadata := strings.Repeat("m", 1000)

	p := producer(t, b.Addr(), "lineage")
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := produce(t, p, topic, []byte("one"), []byte("two"), []byte("three")); err != nil {
		t.Fatal(err)
	}
	sendOffset(t, p, "lineage", 3, metadata)
	if err := p.CommitTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := produce(t, p, topic, []byte("aborted")); err != nil {
		t.Fatal(err)
	}
	sendOffset(t, p, "lineage", 4, "aborted")
	if err := p.AbortTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}

	check := func(addr string) {
		t.Helper()
		if got, want := readCommitted(t, addr, topic), []string{"one", "two", "three"}; !slices.Equal(got, want) {
			t.Errorf("a read_committed consumer sees %q, want %q", got, want)
		}
		if offset, text := committed(t, addr, "lineage", topic); offset != 3 || text != metadata {
			t.Errorf("the group's offset is %d with %d characters of metadata, want 3 with 1,000", offset, len(text))
		}
	}
	check(b.Addr())
	p.Close()
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	check(start(t, devbroker.Config{DataDir: dir}).Addr())
}

func TestBroker_ObeysATopicsMessageLimit(t *testing.T) {
	b := start(t, devbroker.Config{})
	createTopic(t, b.Addr(), "large", map[string]string{"max.message.bytes": "2097152"})
	createTopic(t, b.Addr(), "small", nil)
	value := bytes.Repeat([]byte("x"), 2<<20-1024)

	p := producer(t, b.Addr(), "sizes")
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := produce(t, p, "large", value); err != nil {
		t.Fatalf("2 MiB less 1 KiB to a topic with a limit of 2 MiB: %v", err)
	}
	if err := p.CommitTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := produce(t, p, "small", value); !isCode(err, confluent.ErrMsgSizeTooLarge) {
		t.Fatalf("2 MiB to a topic with the default limit: %v, want too large", err)
	}
	if err := p.AbortTransaction(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestBroker_CreatesNoTopicByItself(t *testing.T) {
	b := start(t, devbroker.Config{})
	p, err := confluent.NewProducer(client(b.Addr(), confluent.ConfigMap{"message.timeout.ms": 2000}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := produce(t, p, "never-made", []byte("x")); err == nil {
		t.Fatal("a message to a topic that nobody made was taken")
	}
	metadata, err := admin(t, b.Addr()).GetMetadata(nil, true, int(patience.Milliseconds()))
	if err != nil {
		t.Fatal(err)
	}
	if len(metadata.Topics) > 0 {
		t.Fatalf("topics exist: %v", metadata.Topics)
	}
}

// sendOffset puts the group's offset for partition 0 into the open transaction.
func sendOffset(t *testing.T, p *confluent.Producer, group string, offset confluent.Offset, metadata string) {
	t.Helper()
	member, err := confluent.NewTestConsumerGroupMetadata(group)
	if err != nil {
		t.Fatal(err)
	}
	name := topic
	offsets := []confluent.TopicPartition{{Topic: &name, Partition: 0, Offset: offset, Metadata: &metadata}}
	if err := p.SendOffsetsToTransaction(t.Context(), offsets, member); err != nil {
		t.Fatal(err)
	}
}
