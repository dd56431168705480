package broker_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/broker"
	"ordertally/shared/broker/brokertest"
	"ordertally/shared/broker/devbroker"
)

// TestTail_LooksAtTheNewestRecords looks at the end of a topic on which every record has a transaction of its own: fewer than there are,
// one, all, more than there are. Nothing of it is left in Kafka.
func TestTail_LooksAtTheNewestRecords(t *testing.T) {
	dev, err := devbroker.Start(devbroker.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Stop(); err != nil {
			t.Error(err)
		}
	})
	const slots = 16
	publishTo(t, dev.Addr(), "orders", 1, slots)
	tail := func(topic string, most int) ([]int, error) {
		return broker.Tail(t.Context(), broker.ConsumerConfig{Brokers: []string{dev.Addr()}, Topic: topic, GroupID: "g"}, most, zerolog.Nop(), func(r *broker.Record) int {
			slot, err := strconv.Atoi(string(r.Value))
			if err != nil {
				t.Error(err)
			}
			return slot
		})
	}
	for _, most := range []int{1, 7, slots, 1000} {
		got, err := tail("orders", most)
		if err != nil || len(got) != min(most, slots) {
			t.Fatalf("%d of %d: %v", len(got), most, err)
		}
		slices.Sort(got) // records of one millisecond come in any order
		for i, slot := range got {
			if slot < slots-len(got)-1 || i > 0 && slot == got[i-1] {
				t.Errorf("of the newest %d: %v", most, got)
				break
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
	if _, err := tail("nothing", 5); !errors.Is(err, broker.ErrNoTopic) {
		t.Errorf("no topic: %v", err)
	}
}
