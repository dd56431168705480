package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// Entries of indexes and marks are sealed like records: a flipped bit in a key would else be another entry.

func putSealed(bucket *bbolt.Bucket, key, value []byte) error {
	return bucket.Put(key, codec.Seal(key, value))
}

// sealedSlot reads a value that is a slot.
func sealedSlot(key, sealed []byte) (uint64, error) {
	value, err := codec.Unseal(key, sealed)
	if err == nil && len(value) != 8 {
		err = boltdb.ErrCorrupt
	}
	if err != nil {
		return 0, fmt.Errorf("read the outbox's index entry %x: %w", key, err)
	}
	return binary.BigEndian.Uint64(value), nil
}

// isDiscarded says whether the mark of a skipped slot is that of a message that was discarded and has gone. A slot that
// was not skipped has none.
func isDiscarded(key, mark []byte) (bool, error) {
	if mark == nil {
		return false, nil
	}
	value, err := codec.Unseal(key, mark)
	if err != nil {
		return false, fmt.Errorf("read the mark of slot %d: %w", slotOf(key), err)
	}
	return len(value) > 0, nil // see markDiscarded
}

// emptyBucket deletes the keys of a bucket that are not below from.
func emptyBucket(bucket *bbolt.Bucket, from []byte) error {
	var keys [][]byte
	cursor := bucket.Cursor()
	for key, _ := cursor.Seek(from); key != nil; key, _ = cursor.Next() {
		keys = append(keys, slices.Clone(key))
	}
	var errs []error
	for _, key := range keys {
		errs = append(errs, bucket.Delete(key))
	}
	return errors.Join(errs...)
}
