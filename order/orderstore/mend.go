package orderstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Unindexed reports whether a file has orders and no indexes: somebody has deleted them.
func Unindexed(ctx context.Context, db *boltdb.DB) (missing bool, err error) {
	err = db.View(ctx, func(tx *bbolt.Tx) error {
		missing = tx.Bucket(ordersBucket) != nil && tx.Bucket(indexesBucket) == nil
		return nil
	})
	return missing, err
}

// Mend makes the messages of a damaged file's copy whole, before anything is added to it. A message that could not be
// read is made again out of the row of its order, if that could be read. Mend says what it did.
func Mend(ctx context.Context, db *boltdb.DB) (did []string, err error) {
	err = db.Write(ctx, func(tx *boltdb.Tx) error {
		did = nil
		for _, name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		done, err := outbox.Mend(tx, Content)
		if err != nil {
			return err
		}
		again, err := messagesAgain(tx)
		var lost uint64
		for _, run := range done.Lost {
			lost += run.Slots()
		}
		for _, d := range []struct {
			n    int
			text string
		}{
			{int(lost), "messages could not be read"},
			{again, "messages were made again out of the rows of their orders"},
			{done.Unsure, "messages lost the record of why they wait, and are tried again"},
		} {
			if d.n > 0 {
				did = append(did, fmt.Sprintf("%d %s", d.n, d.text))
			}
		}
		return err
	})
	if err == nil { // what can be read of the indexes is not whole; Reindex completes them
		_, err = emptyIndexes(ctx, db, time.Time{}, true)
	}
	if err != nil {
		return nil, fmt.Errorf("mend the base: %w", err)
	}
	return did, nil
}

// messagesAgain makes the missing messages of orders and cancellations. It returns how many.
func messagesAgain(tx *boltdb.Tx) (n int, err error) {
	file := boltdb.Record{Tx: tx.Tx}
	err = tx.Bucket(ordersBucket).ForEach(func(key, sealed []byte) error {
		r, err := decodeRow(key, sealed)
		if err != nil {
			return err
		}
		id := uuidv7.ID(key)
		restore := func(slot uint64, again func() (outbox.Message, error)) error {
			known, err := outbox.Knows(&file, slot)
			if known || err != nil {
				return err
			}
			m, err := again()
			if err != nil {
				return err
			}
			n++
			m.Stored = true
			return outbox.Restore(tx, slot, madeAt(m.ID), m)
		}
		err = restore(r.message.slot, func() (outbox.Message, error) { return r.again(id) })
		if err != nil {
			return err
		}
		c, err := readCancellation(tx.Tx, id)
		if c == nil || err != nil {
			return err
		}
		return restore(c.message.slot, func() (outbox.Message, error) { return c.again(id, &r) })
	})
	return n, err
}

// Reindex makes the indexes of a damaged file's copy anew, after everything was added to it. Keys used before keysAge
// are left out. Cancellations whose orders are missing are dropped.
func Reindex(ctx context.Context, db *boltdb.DB, keysAge time.Time) error {
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		var orphans int
		return orphaned(tx, tx.Bucket(cancellationsBucket), &orphans)
	})
	var again *indexing
	if err == nil {
		again, err = emptyIndexes(ctx, db, keysAge, false)
	}
	if err == nil {
		err = reindex(ctx, db, again, keysAge)
	}
	if err != nil {
		return fmt.Errorf("mend the base: %w", err)
	}
	return nil
}

// emptyIndexes makes the indexes anew. They have only what no row tells: keys that were answered with the order of
// another key, as far as they can be read, and with absent set also those of orders that are missing.
func emptyIndexes(ctx context.Context, db *boltdb.DB, keysAge time.Time, absent bool) (*indexing, error) {
	type keyed struct {
		key order.KeyHash
		use use
	}
	known := map[keyed]bool{}
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		clear(known)
		err := indexChecker.Readable(tx.Tx, keysIndex, func(hash runs.Hash, rest []byte) error {
			k := keyed{order.KeyHash(hash), keyUse(rest)}
			r, err := readRow(tx.Tx, k.use.id)
			if !k.use.at.Before(keysAge) &&
				(err == nil && r.key != k.key || errors.Is(err, order.ErrNotFound) && absent) {
				known[k] = true
			}
			return nil
		})
		if err == nil && tx.Bucket(indexesBucket) != nil {
			err = tx.DeleteBucket(indexesBucket)
		}
		if err != nil {
			return err
		}
		return runs.Create(tx, indexesBucket, indexSpecs())
	})
	if err != nil {
		return nil, err
	}
	set, err := runs.Open(ctx, db, indexesBucket, indexSpecs(), runs.Config{})
	if err == nil {
		err = forgetKeys(ctx, db, set, keysAge)
	}
	if err != nil {
		return nil, err
	}
	again := newIndexing(set)
	for k := range known {
		again.key(k.key, k.use)
	}
	_, _, err = again.store(ctx)
	return again, err
}

// forgetKeys notes that keys used before a time are missing.
func forgetKeys(ctx context.Context, db *boltdb.DB, set *runs.Set, before time.Time) error {
	if before.IsZero() {
		return nil
	}
	return db.Write(ctx, func(tx *boltdb.Tx) error {
		// The time of a use is rounded up to a second.
		return set.Forget(tx, keysIndex, before.Add(time.Second))
	})
}

// reindex adds all orders to the indexes.
func reindex(ctx context.Context, db *boltdb.DB, again *indexing, keysAge time.Time) error {
	var after uuidv7.ID
	for more := true; more; {
		err := db.View(ctx, func(tx *bbolt.Tx) error {
			cursor := tx.Bucket(ordersBucket).Cursor()
			key, sealed := cursor.Seek(after[:])
			for ; key != nil && !again.full(); key, sealed = cursor.Next() {
				id := uuidv7.ID(key)
				if id == after {
					continue
				}
				r, err := decodeRow(key, sealed)
				if err != nil {
					return err
				}
				o, err := r.identity(id)
				if err != nil {
					return err
				}
				again.order(id, o)
				if !r.key.IsZero() && !madeAt(id).Before(keysAge) {
					again.key(r.key, use{id, madeAt(id)})
				}
				after = id
			}
			more = key != nil
			return nil
		})
		if err != nil {
			return err
		}
		if _, _, err := again.store(ctx); err != nil {
			return err
		}
	}
	return nil
}
