package orderstore

import (
	"go.etcd.io/bbolt"

	"ordertally/shared/backup"
	"ordertally/shared/outbox"
)

// Backup returns what a backup needs to know of an order file. Its identity is the lineage.
func Backup() *backup.Service {
	return &backup.Service{Format: Format, Check: Check, Contents: contents}
}

func contents(tx *bbolt.Tx) (backup.Contents, error) {
	if tx.Bucket(outbox.Root()) == nil {
		return backup.Contents{}, nil // the file was made for API keys, before the first start
	}
	lineage, counts, err := outbox.Contents(tx)
	if err != nil {
		return backup.Contents{}, err
	}
	counts["orders"] = backup.Records(tx.Bucket(ordersBucket))
	counts["cancellations"] = backup.Records(tx.Bucket(cancellationsBucket))
	keys, err := indexChecker.Count(tx, keysIndex)
	if err != nil {
		return backup.Contents{}, err
	}
	counts["idempotency_keys"] = keys
	return backup.Contents{Identity: lineage, Counts: counts}, nil
}
