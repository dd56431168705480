package inbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// Known is an id that one inbox knows and another does not.
type Known struct {
	key   []byte
	entry entry
}

// ctxEvery is after how many ids a read checks whether it is still wanted.
const ctxEvery = 1024

// Missing returns the ids that the inbox in from knows and the one in into does not, of the days of arrival that both
// have. Absorb adds them. It reads all ids of these days, in any transaction.
func Missing(ctx context.Context, into, from *bbolt.Bucket) (missing []Known, err error) {
	known, others := into.Bucket(bucketKeys), from.Bucket(bucketKeys)
	if known == nil || others == nil {
		return nil, nil
	}
	read := 0
	err = others.ForEachBucket(func(name []byte) error {
		if known.Bucket(name) == nil {
			return nil
		}
		return others.Bucket(name).ForEach(func(key, sealed []byte) error {
			if read++; read%ctxEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			found := false
			err := known.ForEachBucket(func(day []byte) error {
				found = found || known.Bucket(day).Get(key) != nil
				return nil
			})
			if err != nil || found {
				return err
			}
			e, err := entryOf(key, sealed)
			missing = append(missing, Known{slices.Clone(key), e})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("compare processed keys: %w", err)
	}
	return missing, nil
}

// Absorb adds what the inbox in from knows to the one in into: the days of arrival that only from has, which are moved,
// the missing ids, and the covered slots. What into knows about an id stays. What is left in from is no inbox any more.
//
// Both inboxes must have read the same records. Nothing may have been written to from in the same transaction.
func Absorb(into, from *bbolt.Bucket, missing []Known, now time.Time, retention time.Duration) error {
	if err := absorbDays(into, from); err != nil {
		return fmt.Errorf("absorb processed keys: %w", err)
	}
	box, err := Open(into, now, retention)
	if err != nil {
		return err
	}
	for _, m := range missing {
		_, found, err := box.keys.find(m.key)
		if err != nil {
			return fmt.Errorf("absorb a processed key: %w", err)
		}
		if !found {
			box.keys.remember(m.key, entry{first: m.entry.first, contents: m.entry.contents})
		}
	}
	if err := box.slots.absorb(from.Bucket(bucketSlots)); err != nil {
		return fmt.Errorf("absorb covered slots: %w", err)
	}
	return box.Flush()
}

func absorbDays(into, from *bbolt.Bucket) error {
	others := from.Bucket(bucketKeys)
	if others == nil {
		return nil
	}
	keys, err := into.CreateBucketIfNotExists(bucketKeys)
	if err != nil {
		return err
	}
	sizes, err := into.CreateBucketIfNotExists(bucketSizes)
	if err != nil {
		return err
	}
	var days [][]byte
	err = others.ForEachBucket(func(name []byte) error {
		if keys.Bucket(name) == nil {
			days = append(days, slices.Clone(name))
		}
		return nil
	})
	for _, day := range days {
		var size uint64
		if err == nil {
			size, err = sizeOf(from.Bucket(bucketSizes), day)
		}
		if err == nil {
			err = others.MoveBucket(day, keys)
		}
		if err == nil {
			err = putNumber(sizes, day, size)
		}
	}
	if err != nil {
		return err
	}
	return absorbDropped(sizes, from.Bucket(bucketSizes))
}

// absorbDropped notes the newest day that either inbox has dropped.
func absorbDropped(into, from *bbolt.Bucket) error {
	sealed := from.Get(keyDropped)
	if sealed == nil {
		return nil
	}
	day, err := codec.Unseal(keyDropped, sealed)
	if err != nil {
		return err
	}
	if sealed := into.Get(keyDropped); sealed != nil {
		other, err := codec.Unseal(keyDropped, sealed)
		if err != nil {
			return err
		}
		if string(other) > string(day) {
			day = other
		}
	}
	return into.Put(keyDropped, codec.Seal(keyDropped, slices.Clone(day)))
}

// absorb covers the slots that another inbox has covered.
func (s *slots) absorb(from *bbolt.Bucket) error {
	if from == nil {
		return nil
	}
	return from.ForEachBucket(func(name []byte) error {
		return from.Bucket(name).ForEach(func(key, value []byte) error {
			runs, err := decodeIntervals(key, value)
			if err != nil {
				return fmt.Errorf("lineage %q: %w", name, err)
			}
			if len(name) > maxName {
				return boltdb.ErrCorrupt
			}
			for _, run := range runs {
				if err := s.cover(string(name), run); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
