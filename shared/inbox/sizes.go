package inbox

import (
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// These are in the same bucket as the sizes of the days.
var (
	keyDropped  = []byte("dropped")
	keyLineages = []byte("lineages")
)

// grow adds to the number of keys of a day, or of lineages.
func grow(sizes *bbolt.Bucket, name []byte, added int) error {
	size, err := sizeOf(sizes, name)
	if err != nil {
		return err
	}
	return putNumber(sizes, name, size+uint64(added)) //nolint:gosec // not negative
}

// sizeOf returns the size of a day, which is stored from the day's beginning, or the number of lineages.
func sizeOf(sizes *bbolt.Bucket, name []byte) (uint64, error) {
	sealed := sizes.Get(name)
	if sealed == nil && string(name) == string(keyLineages) {
		return 0, nil // none was met yet
	}
	size, err := numberOf(name, sealed)
	if err != nil {
		return 0, fmt.Errorf("read the size of %s: %w", name, err)
	}
	return size, nil
}

// A number is alone in its record, in 8 bytes.

func putNumber(bucket *bbolt.Bucket, key []byte, n uint64) error {
	record := codec.NewEntry(8)
	record.Uint64(n)
	return bucket.Put(key, record.Seal(key))
}

func numberOf(key, sealed []byte) (uint64, error) {
	record, err := codec.OpenEntry(key, sealed)
	if err != nil {
		return 0, err
	}
	n := record.Uint64()
	return n, record.End()
}

// drop deletes a day, and records that it did.
func (k *keys) drop(day string) error {
	if err := k.root.DeleteBucket([]byte(day)); err != nil {
		return err
	}
	if err := k.sizes.Delete([]byte(day)); err != nil {
		return err
	}
	k.dropped = max(k.dropped, day)
	return k.sizes.Put(keyDropped, codec.Seal(keyDropped, []byte(k.dropped)))
}

// Keys returns how many ids the bucket of an inbox knows, in any transaction. An id that arrived on two days counts
// twice. It reads one number a day.
func Keys(root *bbolt.Bucket) (int64, error) {
	days, sizes := root.Bucket(bucketKeys), root.Bucket(bucketSizes)
	if days == nil || sizes == nil {
		return 0, nil
	}
	var total uint64
	err := days.ForEachBucket(func(day []byte) error {
		size, err := sizeOf(sizes, day)
		total += size
		return err
	})
	return int64(total), err
}

// Lineages returns how many lineages the bucket of an inbox knows, in any transaction. They are kept for ever.
func Lineages(root *bbolt.Bucket) (int64, error) {
	sizes := root.Bucket(bucketSizes)
	if sizes == nil {
		return 0, nil
	}
	n, err := sizeOf(sizes, keyLineages)
	return int64(n), err //nolint:gosec // as written
}
