package activitystore

import (
	"go.etcd.io/bbolt"

	"ordertally/activity"
)

// createIndexes makes the ledgers' indexes.
func createIndexes(root *bbolt.Bucket) error {
	for _, name := range activity.AllLedgers() {
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
	return nil
}
