package outbox

import (
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// Mended says what was done to an outbox of which parts could not be read.
type Mended struct {
	// Lost are slots whose messages could not be read.
	Lost []SlotSpan
	// Unsure is how many messages lost the record of why they wait. They are tried again at once.
	Unsure int
}

// Mend makes a copy of a damaged file consistent again. What refers to a message that could not be read is dropped. The
// slots of such messages are marked as skipped, until Restore or an Absorption brings the message. content is
// Config.Content. A message that it cannot complete counts as one that could not be read.
func Mend(tx *boltdb.Tx, content Content) (done Mended, err error) {
	root, err := createRoot(tx)
	if err != nil {
		return done, err
	}
	messages, moved := root.Bucket(messagesBucket), root.Bucket(movedBucket)
	last, _ := messages.Cursor().Last()
	given := max(messages.Sequence(), slotOf(last))
	if skipped, _ := root.Bucket(skippedBucket).Cursor().Last(); skipped != nil {
		given = max(given, slotOf(skipped))
	}
	if published, _ := root.Bucket(batchesBucket).Cursor().Last(); published != nil {
		given = max(given, slotOf(published))
	}
	front, err := expiredSlot(root)
	if err != nil {
		return done, err
	}
	if err := messages.SetSequence(given); err != nil {
		return done, err
	}
	err = dropWhere(messages, func(key, sealed []byte) bool {
		_, err := content.read(tx.Tx, key, sealed)
		return errors.Is(err, boltdb.ErrCorrupt)
	})
	if err != nil {
		return done, err
	}
	if err := mendWaiting(root, &done); err != nil {
		return done, err
	}
	found := foundSlots{}
	var origins []row
	err = messages.ForEach(func(key, sealed []byte) error {
		found.add(slotOf(key))
		origin, committed, err := rowAge(key, sealed)
		if err == nil && origin != slotOf(key) {
			origins = append(origins, row{slot: slotOf(key), origin: origin, committed: committed})
		}
		return err
	})
	if err != nil {
		return done, err
	}
	for i := range origins {
		at, to := slotKey(origins[i].origin), slotKey(origins[i].slot)
		if err := errors.Join(putSealed(moved, at, to), putSealed(root.Bucket(retriedBucket), to, at)); err != nil {
			return done, err
		}
	}
	for _, run := range found.missing(front+1, given) {
		if err := mendRun(root, run, &done); err != nil {
			return done, err
		}
	}
	return done, dropWhere(root.Bucket(retriedBucket), func(key, value []byte) bool {
		origin, err := sealedSlot(key, value)
		return err == nil && moved.Get(slotKey(origin)) == nil
	})
}

// createRoot makes the buckets that the file lacks.
func createRoot(tx *boltdb.Tx) (*bbolt.Bucket, error) {
	root, err := tx.CreateBucketIfNotExists(rootBucket)
	if err != nil {
		return nil, err
	}
	for _, name := range buckets() {
		if _, err := root.CreateBucketIfNotExists(name); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// mendWaiting drops entries without a message, and makes entries for messages whose slots were skipped for a reason
// that is lost.
func mendWaiting(root *bbolt.Bucket, done *Mended) error {
	messages, waiting := root.Bucket(messagesBucket), root.Bucket(waitingBucket)
	skipped, parked := root.Bucket(skippedBucket), root.Bucket(parkedBucket)
	err := dropWhere(waiting, func(key, _ []byte) bool { return messages.Get(key) == nil })
	if err != nil {
		return err
	}
	if err := emptyBucket(parked, nil); err != nil {
		return err
	}
	var errs []error
	err = waiting.ForEach(func(key, sealed []byte) error {
		e, err := decodeEntry(key, sealed)
		if err != nil {
			return err
		}
		r, err := decodeRow(key, messages.Get(key))
		if err == nil && e.state == setAside {
			errs = append(errs, putSealed(parked, r.message.ID[:], key))
		}
		errs = append(errs, putSealed(skipped, key, nil))
		return err
	})
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	var unsure [][]byte
	cursor := skipped.Cursor()
	for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
		if messages.Get(key) != nil && waiting.Get(key) == nil {
			unsure = append(unsure, slices.Clone(key))
		}
	}
	for _, key := range unsure {
		r, err := decodeRow(key, messages.Get(key))
		if err != nil {
			return err
		}
		e := r.entry(retrying)
		e.due = time.Unix(0, 0)
		errs = append(errs, waiting.Put(key, e.encode(key)))
		done.Unsure++
	}
	return errors.Join(errs...)
}

// mendRun marks slots without messages as skipped. Those that had no mark lost their messages.
func mendRun(root *bbolt.Bucket, run SlotSpan, done *Mended) error {
	skipped := root.Bucket(skippedBucket)
	for slot := run.First; slot <= run.Last; slot++ {
		key := slotKey(slot)
		if skipped.Get(key) != nil {
			continue
		}
		if err := putSealed(skipped, key, nil); err != nil {
			return err
		}
		if n := len(done.Lost); n > 0 && done.Lost[n-1].Last+1 == slot {
			done.Lost[n-1].Last = slot
		} else {
			done.Lost = append(done.Lost, SlotSpan{slot, slot})
		}
	}
	return nil
}

// dropWhere deletes the records that drop tells.
func dropWhere(bucket *bbolt.Bucket, drop func(key, value []byte) bool) error {
	var gone [][]byte
	cursor := bucket.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		if drop(key, value) {
			gone = append(gone, slices.Clone(key))
		}
	}
	for _, key := range gone {
		if err := bucket.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// Restore puts back a message that Mend did not find, under the slot that it was appended with. The caller has seen
// that the outbox does not know it.
func Restore(tx *boltdb.Tx, origin uint64, committed time.Time, m Message) error {
	root := tx.Bucket(rootBucket)
	messages, key := root.Bucket(messagesBucket), slotKey(origin)
	if err := root.Bucket(movedBucket).Delete(key); err != nil { // to a slot that is lost
		return err
	}
	r := row{slot: origin, origin: origin, committed: committed, slotted: committed, message: m}
	if m.Stored {
		r.sum = checksum(m.Value)
	}
	return errors.Join(
		root.Bucket(skippedBucket).Delete(key),
		messages.Put(key, r.encode(nil, key)),
		messages.SetSequence(max(messages.Sequence(), origin)),
	)
}
