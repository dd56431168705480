package activitystore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/cloudevent"
)

// parkedRecord is a poison message as it is stored.
type parkedRecord struct {
	Message  json.RawMessage `json:"message"` // a parkedMessage
	Reason   activity.Reason `json:"reason"`
	Detail   string          `json:"detail"`
	ParkedAt time.Time       `json:"parked_at"`
}

type parkedMessage struct {
	Partition   int32               `json:"partition"`
	Offset      int64               `json:"offset"`
	LeaderEpoch int32               `json:"leader_epoch"`
	Timestamp   time.Time           `json:"timestamp"`
	Key         []byte              `json:"key"`
	Value       []byte              `json:"value"` // null for a tombstone
	Headers     []cloudevent.Header `json:"headers"`
}

// park stores poison and returns how many of them were not parked already.
//
// The key holds a digest of the message, so that a message read again is the same entry, and another one that stands at
// the same offset, after Kafka lost or re-created the topic, is another entry.
func (s *Store) park(root *bbolt.Bucket, poison []activity.Parked, at time.Time) (added int64, err error) {
	bucket := s.parked(root)
	for i := range poison {
		p := &poison[i]
		message, err := json.Marshal(parkedMessage{p.Partition, p.Offset, p.LeaderEpoch, p.Timestamp, p.Key, p.Value, p.Headers})
		if err != nil {
			return 0, fmt.Errorf("park offset %d of partition %d: %w", p.Offset, p.Partition, err)
		}
		digest := sha256.Sum256(message)
		key := binary.BigEndian.AppendUint32(nil, uint32(p.Partition)) //nolint:gosec // partitions are not negative
		key = binary.BigEndian.AppendUint64(key, uint64(p.Offset))     //nolint:gosec // offsets are not negative
		key = append(key, digest[:8]...)
		if bucket.Get(key) != nil {
			continue
		}
		record := parkedRecord{Message: message, Reason: p.Poison.Reason, Detail: p.Poison.Detail, ParkedAt: at}
		if err := putJSON(bucket, key, record); err != nil {
			return 0, fmt.Errorf("park offset %d of partition %d: %w", p.Offset, p.Partition, err)
		}
		added++
	}
	return added, nil
}

// ParkedCount returns how many messages are parked.
func (s *Store) ParkedCount(ctx context.Context) (int64, error) {
	var st state
	err := s.db.View(ctx, func(tx *bbolt.Tx) (err error) {
		st, err = readState(tx.Bucket(s.name))
		return err
	})
	return st.Parked, err
}
