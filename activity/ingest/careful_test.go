package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"ordertally/activity/ingest"
	"ordertally/shared/kafka"
)

// batches is a topic that is read batch by batch. It fails the test when a batch is asked for before the one before is
// counted.
type batches struct {
	*service
	of    map[int32][][]kafka.Record
	gone  int32 // the partition whose position is not in the log
	acts  []string
	asked int64
}

func (b *batches) Partitions(context.Context) ([]int32, error) { return []int32{0, 1, 2, 3}, nil }

func (b *batches) Stands(_ context.Context, partition int32, _ kafka.Position) (bool, error) {
	return partition != b.gone, nil
}

func (b *batches) Next(_ context.Context, partition int32, at kafka.Position) (kafka.Fetched, error) {
	b.acts = append(b.acts, fmt.Sprintf("read %d from %d", partition, at.Offset))
	if counted := b.count(); counted != b.asked {
		b.t.Errorf("%d are counted when the next batch is asked for, and %d were read", counted, b.asked)
	}
	for _, batch := range b.of[partition] {
		if batch[0].Offset >= at.Offset {
			b.asked += int64(len(batch))
			return fetchedOf(batch), nil
		}
	}
	return kafka.Fetched{}, nil
}

func (b *batches) note(_ context.Context, partition int32, offset int64) error {
	b.acts = append(b.acts, fmt.Sprintf("note %d at %d", partition, offset))
	return nil
}

// TestCareful_CountsEachBatchBeforeItAsksForTheNext, having noted the place, and then reads ahead.
func TestCareful_CountsEachBatchBeforeItAsksForTheNext(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	b := &batches{gone: 3, service: &service{t: t, store: store}, of: map[int32][][]kafka.Record{
		0: {{order(0, 0, "a"), order(0, 1, "b")}, {order(0, 3, "c")}},
		2: {{order(2, 0, "d")}},
		3: {{order(3, 0, "e")}},
	}}
	well := make(chan bool, 1)
	s := startWith(t, topic, store, alone(store), ingest.Config{
		Careful: &ingest.Careful{Reader: b, Moved: map[int32]bool{1: true}, Note: b.note},
		Well:    func(_ context.Context, all bool) error { well <- all; return nil },
	})
	select {
	case all := <-well:
		if !all {
			t.Error("not all was read")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the careful begin has no end")
	}
	topic.write(order(0, 4, "f"))
	s.finish()
	want := []string{
		"note 0 at 0", "read 0 from 0", "note 0 at 2", "read 0 from 2", "note 0 at 4", "read 0 from 4",
		"note 2 at 0", "read 2 from 0", "note 2 at 1", "read 2 from 1",
	}
	if !slices.Equal(b.acts, want) || s.count() != 5 {
		t.Errorf("%d are counted; it did\n%q, want\n%q", s.count(), b.acts, want)
	}
	if next := topic.assigned; next[0].Offset != 4 || next[2].Offset != 1 || len(next) != 2 {
		t.Errorf("reading ahead begins at %+v", next)
	}
}
