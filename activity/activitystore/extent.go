package activitystore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

// Extent returns the span from the first bin to the last. It is empty if nothing was counted.
func (s *Store) Extent(ctx context.Context) (span activity.Span, err error) {
	err = s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		if root == nil {
			return ErrNoRebuild
		}
		first, _ := root.Bucket(bucketBins).Cursor().First()
		if first == nil {
			return nil
		}
		last, _ := root.Bucket(bucketBins).Cursor().Last()
		from, err := parseBinKey(first)
		if err != nil {
			return err
		}
		to, err := parseBinKey(last)
		span = activity.Span{From: from.quarter, To: to.quarter + 1}
		return err
	})
	if err != nil {
		return activity.Span{}, fmt.Errorf("read the extent of %s: %w", s.name, err)
	}
	return span, nil
}
