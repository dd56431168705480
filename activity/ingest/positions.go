package ingest

import (
	"ordertally/activity"
	"ordertally/shared/kafka"
)

// toRead returns stored positions in the source's terms.
func toRead(stored map[int32]activity.Position) map[int32]kafka.Position {
	next := make(map[int32]kafka.Position, len(stored))
	for partition, p := range stored {
		position := kafka.Position{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, TopicID: p.TopicID}
		for _, m := range p.Checkpoints {
			position.Checkpoints = append(position.Checkpoints, kafka.Checkpoint(m))
		}
		next[partition] = position
	}
	return next
}

// toStore is the way back.
func toStore(read map[int32]kafka.Position) map[int32]activity.Position {
	next := make(map[int32]activity.Position, len(read))
	for partition, p := range read {
		position := activity.Position{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, TopicID: p.TopicID}
		for _, m := range p.Checkpoints {
			position.Checkpoints = append(position.Checkpoints, activity.Checkpoint(m))
		}
		next[partition] = position
	}
	return next
}
