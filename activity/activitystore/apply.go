package activitystore

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
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
		return updateState(root, func(st *state) { st.At, st.Parked = now, st.Parked+parked })
	})
	if err != nil {
		return nil, fmt.Errorf("apply a batch of %d messages: %w", len(batch.Messages)+len(batch.Parked), err)
	}
	crashpoint.Here("activity.applied")
	return counted, nil
}

// binKey is where the totals of one quarter hour and partition are.
type binKey struct {
	quarter   activity.Quarter
	partition int32
}

const binKeySize = 12

func (k binKey) bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, binKeySize), uint64(k.quarter)) //nolint:gosec // events are of 1970 or later
	return binary.BigEndian.AppendUint32(b, uint32(k.partition))                       //nolint:gosec // partitions are not negative
}

// count decides message by message, then writes keys, slots and bins, each sorted.
func (s *Store) count(root *bbolt.Bucket, messages []activity.Message, now time.Time) ([]bool, error) {
	box, err := inbox.Open(root.Bucket(bucketInbox), now, s.options.DedupRetention)
	if err != nil {
		return nil, err
	}
	counted := make([]bool, len(messages))
	added := make(map[binKey]*activity.Totals)
	for i := range messages {
		m := &messages[i]
		first, err := box.Once(inbox.Message{ID: m.ID, Lineage: m.Lineage, Sequence: m.Sequence, Previous: m.Previous})
		if err != nil {
			return nil, fmt.Errorf("message %.80q: %w", m.ID, err)
		}
		if counted[i] = first; !first {
			continue
		}
		key := binKey{activity.QuarterOf(m.Event.At), m.Partition}
		if added[key] == nil {
			added[key] = new(activity.Totals)
		}
		added[key].Add(&m.Event)
	}
	if err := box.Flush(); err != nil {
		return nil, err
	}
	return counted, addToBins(root.Bucket(bucketBins), added)
}

func addToBins(bins *bbolt.Bucket, added map[binKey]*activity.Totals) error {
	keys := slices.SortedFunc(maps.Keys(added), func(a, b binKey) int {
		return cmp.Or(cmp.Compare(a.quarter, b.quarter), cmp.Compare(a.partition, b.partition))
	})
	for _, k := range keys {
		key, totals := k.bytes(), added[k]
		if stored := bins.Get(key); stored != nil {
			before, err := decodeTotals(key, stored)
			if err != nil {
				return err
			}
			totals.Merge(&before)
		}
		if err := bins.Put(key, encodeTotals(key, totals)); err != nil {
			return fmt.Errorf("store the statistics of %s: %w", k.quarter.Start(), err)
		}
	}
	return nil
}
