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
		return updateState(root, func(st *state) error {
			var late []activity.Parked
			var err error
			if counted, late, err = s.count(root, batch.Messages, now); err != nil {
				return err
			}
			crashpoint.Here("activity.counted")
			st.At, st.Event = now, latest(st.Event, batch.Messages, counted)
			if err := s.keep(root, activity.ParkedLedger, batch.Parked, now, st); err != nil {
				return err
			}
			if err := s.keep(root, activity.LateLedger, late, now, st); err != nil {
				return err
			}
			for _, name := range []activity.Ledger{activity.ParkedLedger, activity.LateLedger} {
				if err := s.expire(root, name, now, st); err != nil {
					return err
				}
			}
			return putPositions(s.positions(root), batch.Next)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("apply a batch of %d messages: %w", len(batch.Messages)+len(batch.Parked), err)
	}
	crashpoint.Here("activity.applied")
	return counted, nil
}

// count decides message by message, then writes keys, slots and bins, each sorted. What is counted is added to the stored
// bin event by event, so that it is the same however the messages were cut into batches. What may have been counted and
// forgotten is late: it is not counted and not remembered.
func (s *Store) count(root *bbolt.Bucket, messages []activity.Message, now time.Time) (counted []bool, late []activity.Parked, err error) {
	c, err := s.openCount(root, now)
	if err != nil {
		return nil, nil, err
	}
	counted = make([]bool, len(messages))
	for i := range messages {
		m := &messages[i]
		forgotten, err := c.box.Forgotten(inboxMessage(m), m.Timestamp)
		if err != nil {
			return nil, nil, fmt.Errorf("message %.80q: %w", m.ID, err)
		}
		if forgotten && m.Raw != nil {
			kept := *m.Raw
			kept.Poison = activity.Poison{Reason: activity.ReasonLate, Detail: lateDetail}
			late = append(late, kept)
			continue
		}
		if counted[i], err = c.add(m); err != nil {
			return nil, nil, err
		}
	}
	return counted, late, c.flush()
}

const lateDetail = "The message bears no lineage, and by its record's time it could have been counted before and its id forgotten since. " +
	"Accept it when it was not counted, discard it when it was."

// counting adds messages to the inbox and the bins of one transaction.
type counting struct {
	box  *inbox.Inbox
	bins bins
}

func (s *Store) openCount(root *bbolt.Bucket, now time.Time) (*counting, error) {
	box, err := inbox.Open(root.Bucket(bucketInbox), now, s.options.DedupRetention)
	return &counting{box, bins{bucket: root.Bucket(bucketBins), def: &s.def, now: now, totals: make(map[binKey]*activity.Totals)}}, err
}

// add counts a message unless it was counted before, and reports which.
func (c *counting) add(m *activity.Message) (bool, error) {
	first, err := c.box.Once(inboxMessage(m))
	if err != nil {
		return false, fmt.Errorf("message %.80q: %w", m.ID, err)
	}
	if !first {
		return false, nil
	}
	return true, c.bins.add(m)
}

func (c *counting) flush() error {
	if err := c.box.Flush(); err != nil {
		return err
	}
	return c.bins.flush()
}

func inboxMessage(m *activity.Message) inbox.Message {
	return inbox.Message{ID: m.ID, Lineage: m.Lineage, Sequence: m.Sequence, Previous: m.Previous}
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
