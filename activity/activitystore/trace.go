package activitystore

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/inbox"
)

// stateIn is the state of a message in a ledger.
var stateIn = map[activity.Ledger]activity.MessageState{
	activity.ParkedLedger:   activity.ParkedMessage,
	activity.LateLedger:     activity.LateMessage,
	activity.ConflictLedger: activity.Conflicting,
}

// Trace tells what became of a message. It knows the id for as long as ids are kept, and the slot for ever.
func (s *Store) Trace(ctx context.Context, m activity.MessageID) (activity.MessageTrace, error) {
	trace := activity.MessageTrace{State: activity.Unknown}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		var err error
		if trace.AsOf, err = s.asOf(root); err != nil {
			return err
		}
		found, err := inbox.Find(root.Bucket(bucketInbox),
			inbox.Message{ID: m.ID, Lineage: m.Lineage, Sequence: m.Sequence})
		if err != nil {
			return err
		}
		if found.ByID {
			trace.State, trace.At = activity.Counted, found.At
			return nil
		}
		// What is in a ledger covers its slot as well.
		for _, ledger := range activity.AllLedgers() {
			entry, err := s.ledger(root, ledger, new(state)).find(m.ID)
			if err != nil {
				return err
			}
			if entry != nil {
				trace.State, trace.At, trace.Poison = stateIn[ledger], entry.At, &entry.Poison
				return nil
			}
		}
		if found.BySequence {
			trace.State, trace.BySequence = activity.Counted, true
		}
		return nil
	})
	if err != nil {
		return activity.MessageTrace{}, fmt.Errorf("trace message %.80q of %s: %w", m.ID, s.name, err)
	}
	return trace, nil
}

// find returns the first message with that id, or nil.
func (l ledger) find(id string) (*activity.Kept, error) {
	prefix := idKey(id, nil)
	index, mark := l.ids.Cursor().Seek(prefix)
	if id == "" || !bytes.HasPrefix(index, prefix) || len(index) != len(prefix)+keptKeySize {
		return nil, nil
	}
	if _, err := codec.Unseal(index, mark); err != nil {
		return nil, fmt.Errorf("look a message up by its id: %w", err)
	}
	key := index[len(prefix):]
	kept, err := decodeKept(key, l.messages.Get(key))
	if err != nil || kept.MessageID != id {
		return nil, err
	}
	return &kept, nil
}
