package activitystore

import (
	"go.etcd.io/bbolt"

	"ordertally/shared/auth"
	"ordertally/shared/backup"
)

// Backup returns what a backup needs to know of an activity file, which has no identity.
func Backup() *backup.Service {
	return &backup.Service{Format: Format, Check: Check, Contents: contents}
}

func contents(tx *bbolt.Tx) (backup.Contents, error) {
	counts := map[string]uint64{}
	err := tx.ForEach(func(name []byte, root *bbolt.Bucket) error {
		if string(name) == auth.Bucket || root.Bucket(bucketBins) == nil {
			return nil
		}
		counts["activities"]++
		counts["statistics"] += backup.Records(root.Bucket(bucketBins))
		counts["processed"] += backup.Records(root.Bucket(bucketInbox))
		for _, ledger := range ledgerBuckets() {
			counts[string(ledger)] += backup.Records(root.Bucket(ledger))
		}
		return nil
	})
	return backup.Contents{Counts: counts}, err
}
