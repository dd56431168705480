package outbox

import "go.etcd.io/bbolt"

// Contents returns the lineage of the outbox in a file, and how much it holds, by name. It reads few pages.
func Contents(tx *bbolt.Tx) (lineage string, counts map[string]uint64, err error) {
	root := tx.Bucket(rootBucket)
	id, err := loadIdentity(root)
	if err != nil {
		return "", nil, err
	}
	counts = map[string]uint64{
		"last_slot": root.Bucket(messagesBucket).Sequence(),
		"waiting":   uint64(root.Bucket(waitingBucket).Stats().KeyN), //nolint:gosec // not negative
		"parked":    uint64(root.Bucket(parkedBucket).Stats().KeyN),  //nolint:gosec // not negative
	}
	counts["messages"] = uint64(root.Bucket(messagesBucket).Stats().KeyN) //nolint:gosec // not negative
	return id.lineage, counts, nil
}
