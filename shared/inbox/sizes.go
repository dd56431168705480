package inbox

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// These are beside the days' sizes, which are named as days.
var (
	keyDropped  = []byte("dropped")
	keyLineages = []byte("lineages")
)

// grow notes that a day got more keys. One of a file without sizes is counted once.
func (k *keys) grow(d day, added int) error {
	name := []byte(d.name)
	size, known, err := sizeOf(k.sizes, name)
	if err != nil {
		return err
	}
	if known && added == 0 {
		return nil
	}
	if !known {
		size = uint64(d.bucket.Stats().KeyN) //nolint:gosec // not negative; without what this transaction adds
	}
	size += uint64(added) //nolint:gosec // not negative
	return k.sizes.Put(name, codec.Seal(name, binary.BigEndian.AppendUint64(nil, size)))
}

func sizeOf(sizes *bbolt.Bucket, day []byte) (size uint64, known bool, err error) {
	sealed := sizes.Get(day)
	if sealed == nil {
		return 0, false, nil
	}
	value, err := codec.Unseal(day, sealed)
	if err == nil && len(value) != 8 {
		err = fmt.Errorf("%w: the size of %s has not the form of one", boltdb.ErrCorrupt, day)
	}
	if err != nil {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(value), true, nil
}

// drop forgets a day, and that it did.
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

// Keys returns how many ids are known, in the bucket that Open got, of any transaction: an id that arrived on two days
// counts twice. It reads a number a day.
func Keys(root *bbolt.Bucket) (int64, error) {
	days, sizes := root.Bucket([]byte("keys")), root.Bucket([]byte("sizes"))
	if days == nil || sizes == nil {
		return 0, nil
	}
	var total uint64
	err := days.ForEachBucket(func(day []byte) error {
		size, known, err := sizeOf(sizes, day)
		if err != nil {
			return fmt.Errorf("read the size of the inbox: %w", err)
		}
		if !known {
			size = uint64(days.Bucket(day).Stats().KeyN) //nolint:gosec // not negative
		}
		total += size
		return nil
	})
	return int64(total), err
}

func (s *slots) growLineages() error {
	if s.begun == 0 {
		return nil
	}
	n, _, err := sizeOf(s.sizes, keyLineages)
	if err != nil {
		return err
	}
	n += uint64(s.begun) //nolint:gosec // not negative
	s.begun = 0
	return s.sizes.Put(keyLineages, codec.Seal(keyLineages, binary.BigEndian.AppendUint64(nil, n)))
}

// Lineages returns how many lineages were met, in the bucket that Open got, of any transaction. They are kept for ever.
func Lineages(root *bbolt.Bucket) (int64, error) {
	sizes := root.Bucket([]byte("sizes"))
	if sizes == nil {
		return 0, nil
	}
	n, _, err := sizeOf(sizes, keyLineages)
	return int64(n), err //nolint:gosec // as written
}
