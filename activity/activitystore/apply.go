package activitystore

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
	"ordertally/shared/inbox"
)

// Apply counts a batch and moves the positions past it, in one transaction, and returns when that is on the disk: for
// each message whether it was counted, or refused because it had been before. Poison is parked. The same batch applied
// again changes nothing but the time of the last batch. Errors to tell apart: boltdb.ErrFull (nothing was written, try again later),
// boltdb.ErrOutcomeUnknown, boltdb.ErrCorrupt.
func (s *Store) Apply(ctx context.Context, batch *activity.Batch) ([]bool, error) {
	var counted []bool
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(s.name)
		now := s.options.Clock.Now().UTC()
		var err error
		if counted, err = s.count(root, batch.Messages, now); err != nil {
			return err
		}
		crashpoint.Here("activity.counted")
		parked, err := s.park(root, batch.Parked, now)
		if err != nil {
			return err
		}
		if err := putPositions(s.positions(root), batch.Next); err != nil {
			return err
		}
		return updateState(root, func(st *state) {
			st.At, st.Parked = now, st.Parked+parked
			st.Event = latest(st.Event, batch.Messages, counted)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("apply a batch of %d messages: %w", len(batch.Messages)+len(batch.Parked), err)
	}
	crashpoint.Here("activity.applied")
	return counted, nil
}

// count decides message by message, then writes keys, slots and bins, each sorted. What is counted is added to the stored
// bin event by event, so that it is the same however the messages were cut into batches.
func (s *Store) count(root *bbolt.Bucket, messages []activity.Message, now time.Time) ([]bool, error) {
	box, err := inbox.Open(root.Bucket(bucketInbox), now, s.options.DedupRetention)
	if err != nil {
		return nil, err
	}
	counted := make([]bool, len(messages))
	changed := bins{bucket: root.Bucket(bucketBins), def: &s.def, now: now, totals: make(map[binKey]*activity.Totals)}
	for i := range messages {
		m := &messages[i]
		first, err := box.Once(inbox.Message{ID: m.ID, Lineage: m.Lineage, Sequence: m.Sequence, Previous: m.Previous})
		if err != nil {
			return nil, fmt.Errorf("message %.80q: %w", m.ID, err)
		}
		if counted[i] = first; !first {
			continue
		}
		if err := changed.add(m); err != nil {
			return nil, err
		}
	}
	if err := box.Flush(); err != nil {
		return nil, err
	}
	return counted, changed.flush()
}

// latest returns the latest time of an event, of those counted and before.
func latest(before time.Time, messages []activity.Message, counted []bool) time.Time {
	for i := range messages {
		if at := messages[i].Event.At; counted[i] && at.After(before) {
			before = at.UTC()
		}
	}
	return before
}
