package activitystore

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// Stores are the stores of some activities that are counted together. They are of one file and one topic, and stand at
// the same positions. Each transaction counts for all of them, so that stays true wherever the process ends. There is
// at least one.
type Stores []*Store

// Together returns the stores in groups that can be counted together. The groups, and the stores in each, keep their
// order.
func Together(ctx context.Context, stores ...*Store) (groups []Stores, err error) {
	var at []map[int32]activity.Position // the positions of each group
	for _, s := range stores {
		asOf, err := s.AsOf(ctx)
		if err != nil {
			return nil, err
		}
		i := 0
		for i < len(groups) && (!groups[i][0].sameTopic(s) || !samePositions(at[i], asOf.Next)) {
			i++
		}
		if i == len(groups) {
			groups, at = append(groups, nil), append(at, asOf.Next)
		}
		groups[i] = append(groups[i], s)
	}
	return groups, nil
}

func (s *Store) sameTopic(other *Store) bool {
	return s.db == other.db && bytes.Equal(s.topic, other.topic)
}

// samePositions reports whether two readers of a topic stand behind the same record in every partition. The offset
// alone does not tell: one of them may have read there what Kafka lost later.
func samePositions(a, b map[int32]activity.Position) bool {
	for partition, p := range a {
		q, found := b[partition]
		if !found || p.Offset != q.Offset || p.LeaderEpoch != q.LeaderEpoch || p.TopicID != q.TopicID ||
			!slices.Equal(newest(p.Checkpoints), newest(q.Checkpoints)) {
			return false
		}
	}
	return len(a) == len(b)
}

// newest returns the checkpoint of the last record read, if there is one.
func newest(checkpoints []activity.Checkpoint) []activity.Checkpoint {
	return checkpoints[:min(len(checkpoints), 1)]
}

// Definitions returns what the stores count, in their order.
func (g Stores) Definitions() []activity.Definition {
	definitions := make([]activity.Definition, len(g))
	for i, s := range g {
		definitions[i] = s.def
	}
	return definitions
}

// Next returns the positions that all of them stand at.
func (g Stores) Next(ctx context.Context) (map[int32]activity.Position, error) {
	asOf, err := g[0].AsOf(ctx)
	return asOf.Next, err
}

// Apply counts a batch for each store and moves the positions past it, in one transaction. The batches are what each
// store is to count of the same records. Apply returns when that is on the disk, with what was decided about each
// message of each batch. It keeps poison, conflicts and late messages. Batches that are applied again change only the
// time of the last batch. Errors to tell apart: boltdb.ErrFull (nothing was written, try again later),
// boltdb.ErrOutcomeUnknown, boltdb.ErrCorrupt.
func (g Stores) Apply(ctx context.Context, batches []*activity.Batch) ([][]activity.Verdict, error) {
	verdicts := make([][]activity.Verdict, len(g))
	err := g[0].db.Write(ctx, func(tx *boltdb.Tx) error {
		for i, s := range g {
			var err error
			if verdicts[i], err = s.apply(tx, batches[i]); err != nil {
				return fmt.Errorf("apply a batch of %d messages to %s: %w",
					len(batches[i].Messages)+len(batches[i].Parked), s.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	crashpoint.Here("activity.applied")
	return verdicts, nil
}

// Ledgers returns for each store how much waits for an operator.
func (g Stores) Ledgers(ctx context.Context) ([]activity.Ledgers, error) {
	all := make([]activity.Ledgers, len(g))
	for i, s := range g {
		var err error
		if all[i], err = s.Ledgers(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}
