package ingest

import (
	"ordertally/activity"
	"ordertally/shared/kafka"
)

// Positions returns the stored positions of an activity as a consumer reads on from them.
func Positions(stored map[int32]activity.Position) map[int32]kafka.Position { return toRead(stored) }

// Decoding returns a function that decodes what was fetched of an activity's topic. It is not safe for concurrent use.
func Decoding(def activity.Definition) func(kafka.Fetched) *activity.Batch {
	return newDecoder(&def).batch
}

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
