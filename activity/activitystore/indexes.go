package activitystore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

// createIndexes makes the ledgers' indexes, and fills them from a file of a release that had none.
func (s *Store) createIndexes(root *bbolt.Bucket) error {
	isNew := root.Bucket(bucketIndexes) == nil
	for _, name := range []activity.Ledger{activity.ParkedLedger, activity.LateLedger} {
		for _, index := range [][]byte{bucketAges, bucketIDs, bucketOverflow} {
			bucket, err := root.CreateBucketIfNotExists(bucketIndexes)
			for _, name := range [][]byte{[]byte(name), index} {
				if err == nil {
					bucket, err = bucket.CreateBucketIfNotExists(name)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	if !isNew {
		return nil
	}
	return updateState(root, func(st *state) error {
		l := s.ledger(root, activity.ParkedLedger, st)
		return l.messages.ForEach(func(key, sealed []byte) error {
			kept, err := decodeKept(key, sealed)
			if err != nil {
				return fmt.Errorf("index the parked messages: %w", err)
			}
			l.size.Count++
			l.size.Bytes += int64(len(sealed))
			return l.index(key, kept.At, kept.MessageID)
		})
	})
}
