package kafka_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
)

// publishApart publishes slots, together of them in each transaction. Their timestamps are a millisecond apart.
func publishApart(t *testing.T, address, topic string, slots, together int) {
	t.Helper()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: topic}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: topic, MayCreate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var records []outbox.Record
	for slot := 1; slot <= slots; slot++ {
		records = append(records, outbox.Record{Slot: uint64(slot), Key: fmt.Append(nil, slot/together),
			Value: fmt.Append(nil, slot), Time: time.UnixMilli(int64(slot))})
		if len(records) < together {
			continue
		}
		if _, err := session.Publish(t.Context(), records, outbox.Watermark{Slot: uint64(slot)}); err != nil {
			t.Fatal(err)
		}
		records = nil
	}
}

// Every record has a transaction of its own. The tail asks for fewer records than there are, for one, for all and for
// more. Nothing of it is left in Kafka.
func TestTail_LooksAtTheNewestRecords(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()})
	const slots = 16
	publishApart(t, dev.Addr(), "orders", slots, 1)
	for range 4 { // records that were never committed fill the end of a partition
		brokertest.Hang(t, dev.Addr(), "orders")(false)
	}
	publishApart(t, dev.Addr(), "batch", slots, slots/2)
	tail := func(topic string, most int) ([]int, error) {
		return kafka.Tail(t.Context(), kafka.ConsumerConfig{Brokers: []string{dev.Addr()}, Topic: topic, GroupID: "g"},
			most, zerolog.Nop(), func(r *kafka.Record) int {
				slot, err := strconv.Atoi(string(r.Value))
				if err != nil {
					t.Error(err)
				}
				return slot
			})
	}
	for _, topic := range []string{"orders", "batch"} {
		for _, most := range []int{1, 7, 1000} {
			got, err := tail(topic, most)
			if err != nil || len(got) != min(most, slots) {
				t.Fatalf("%s: %d of %d: %v", topic, len(got), most, err)
			}
			for i, slot := range got {
				if slot != slots-len(got)+1+i {
					t.Errorf("%s: of the newest %d: %v", topic, most, got)
					break
				}
			}
		}
	}
	for partition := range int32(6) {
		if offset := groupOffset(t, dev.Addr(), "orders", partition); offset >= 0 {
			t.Errorf("the group has an offset of partition %d: %d", partition, offset)
		}
	}
	brokertest.Create(t, dev.Addr(), "empty", 3)
	if got, err := tail("empty", 5); err != nil || len(got) != 0 {
		t.Errorf("an empty topic: %v, %v", got, err)
	}
	if _, err := tail("nothing", 5); !errors.Is(err, kafka.ErrNoTopic) {
		t.Errorf("no topic: %v", err)
	}
}
