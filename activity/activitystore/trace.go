package activitystore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/cloudevent"
	"ordertally/shared/inbox"
)

// What a search of the parked messages is bounded by. They have no index by id: there should be few.
const (
	traceParked      = 10_000
	traceParkedBytes = 64 << 20
)

// Trace tells what became of a message: of its id for as long as ids are kept, of its slot for ever. A parked message is
// found when it is among the first 10,000 and 64 MiB of them.
func (s *Store) Trace(ctx context.Context, m activity.MessageID) (activity.MessageTrace, error) {
	trace := activity.MessageTrace{State: activity.Unknown}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(s.name)
		var err error
		if trace.AsOf, err = s.asOf(root); err != nil {
			return err
		}
		found, err := inbox.Find(root.Bucket(bucketInbox), inbox.Message{ID: m.ID, Lineage: m.Lineage, Sequence: m.Sequence})
		if err != nil {
			return err
		}
		if found.ByID || found.BySequence {
			trace.State, trace.At, trace.BySequence = activity.Counted, found.At, !found.ByID
			return nil
		}
		parked, err := findParked(ctx, s.parked(root), m.ID)
		if parked != nil {
			trace.State, trace.At = activity.ParkedMessage, parked.ParkedAt
			trace.Poison = &activity.Poison{Reason: parked.Reason, Detail: parked.Detail}
		}
		return err
	})
	if err != nil {
		return activity.MessageTrace{}, fmt.Errorf("trace message %.80q of %s: %w", m.ID, s.name, err)
	}
	return trace, nil
}

// findParked returns the first parked message with that id, or nil. Most records are passed over without being decoded.
func findParked(ctx context.Context, bucket *bbolt.Bucket, id string) (*parkedRecord, error) {
	encoded := []byte(base64.StdEncoding.EncodeToString([]byte(id)))
	cursor := bucket.Cursor()
	read, size := 0, 0
	for key, sealed := cursor.First(); key != nil && read < traceParked && size < traceParkedBytes; key, sealed = cursor.Next() {
		if read++; read%ctxEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		size += len(sealed)
		if !bytes.Contains(sealed, encoded) {
			continue
		}
		var record parkedRecord
		var message parkedMessage
		if err := readJSON(key, sealed, &record); err != nil {
			return nil, fmt.Errorf("read a parked message: %w", err)
		}
		if err := json.Unmarshal(record.Message, &message); err != nil {
			return nil, fmt.Errorf("read a parked message: %w", err)
		}
		for _, h := range message.Headers {
			if h.Key == cloudevent.HeaderID && string(h.Value) == id {
				return &record, nil
			}
		}
	}
	return nil, nil
}
