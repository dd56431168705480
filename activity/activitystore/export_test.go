package activitystore

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

// IsMerged reports whether the file has a day merged, or has nothing of it.
func (s *Store) IsMerged(ctx context.Context, day activity.Span) (merged bool, err error) {
	err = s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		r := merging{store: s, ask: &activity.Ask{Tables: true}, merged: root.Bucket(bucketMerged)}
		if merged = r.merged != nil && (mergedKey{Span: day}).keepable() && r.kept(day) != nil; merged {
			return nil
		}
		first, _ := root.Bucket(bucketBins).Cursor().Seek(binKey{quarter: day.From}.bytes())
		merged = first == nil || bytes.Compare(first, binKey{quarter: day.To}.bytes()) >= 0
		return nil
	})
	return merged, err
}
