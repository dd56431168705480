package kafka

import (
	"fmt"
	"testing"

	"ordertally/shared/event/cloudevent"
)

func TestCheckpoints_AreFewAndReachFarBack(t *testing.T) {
	const step, reads = 37, 200_000
	var checkpoints []Checkpoint
	for i := range int64(reads) {
		checkpoints = addCheckpoint(checkpoints, Checkpoint{Offset: i * step, Identity: fmt.Sprint(i)})
		if len(checkpoints) > maxCheckpoints {
			t.Fatalf("%d checkpoints", len(checkpoints))
		}
	}
	newest := int64(reads-1) * step
	for lost := int64(1); lost < newest; lost *= 2 {
		for _, m := range checkpoints {
			if m.Offset >= newest-lost {
				continue
			}
			if back := newest - m.Offset; back > 10*max(lost, checkpointSpacing)+10*step {
				t.Errorf("after the loss of %d offsets the nearest checkpoint is %d back", lost, back)
			}
			break
		}
	}
	if checkpoints[0].Offset != newest || checkpoints[0].Identity != fmt.Sprint(reads-1) {
		t.Errorf("the newest checkpoint is %+v", checkpoints[0])
	}
}

func TestIdentity_OfARecord(t *testing.T) {
	slot := func(lineage, sequence, id string) *Record {
		return &Record{Value: []byte(id), Headers: []cloudevent.Header{
			{Key: cloudevent.HeaderID, Value: []byte(id)},
			{Key: cloudevent.HeaderLineage, Value: []byte(lineage)},
			{Key: cloudevent.HeaderSequence, Value: []byte(sequence)},
		}}
	}
	foreign := func(key, value, header string) *Record {
		return &Record{Key: []byte(key), Value: []byte(value),
			Headers: []cloudevent.Header{{Key: "h", Value: []byte(header)}}}
	}
	if identityOf(slot("l", "1", "a")) != identityOf(slot("l", "1", "b")) {
		t.Error("a slot that is published again is another record")
	}
	seen := map[string]int{}
	for i, r := range []*Record{
		slot("l", "1", ""), slot("l", "2", ""), slot("m", "1", ""), slot("l1", "", "x"), slot("", "", ""),
		slot("", "1", ""), {},
		foreign("a", "b", "c"), foreign("ab", "", "c"), foreign("", "ab", "c"), foreign("a", "b", "d"),
		foreign("a", "bc", ""),
	} {
		if other, known := seen[identityOf(r)]; known {
			t.Errorf("records %d and %d look alike", i, other)
		}
		seen[identityOf(r)] = i
	}
}
