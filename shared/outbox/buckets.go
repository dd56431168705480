package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// These are the buckets of an outbox. All are in one bucket of the file.
var (
	rootBucket      = []byte("outbox")
	metaBucket      = []byte("meta")      // see expiredKey
	lineagesBucket  = []byte("lineages")  // slot -> the lineage that the slots after it belong to
	tailsBucket     = []byte("tails")     // partition -> the last record published there
	messagesBucket  = []byte("messages")  // slot -> row; bbolt's sequence is the last slot given
	skippedBucket   = []byte("skipped")   // slot -> nothing: never to be published under this slot
	waitingBucket   = []byte("waiting")   // skipped slot -> entry of a message that waits, is held or is parked
	movedBucket     = []byte("moved")     // origin -> the slot that its message has now, if another
	retriedBucket   = []byte("retried")   // slot -> origin, for the slots that moved messages got
	batchesBucket   = []byte("batches")   // last slot of a published batch -> when and where it was published
	parkedBucket    = []byte("parked")    // id -> skipped slot of a parked message
	countsBucket    = []byte("counts")    // slot -> how many partitions messages are spread over from it on
	auditBucket     = []byte("audit")     // number -> audit entry
	againBucket     = []byte("again")     // slot -> when and where it was published again after the log lost it
	incidentsBucket = []byte("incidents") // number -> incident
)

// tailFill fills the pages of buckets that are only appended to.
const tailFill = 0.9

// buckets returns the names of all buckets.
func buckets() [][]byte {
	return [][]byte{
		metaBucket,
		lineagesBucket,
		tailsBucket,
		messagesBucket,
		skippedBucket,
		waitingBucket,
		movedBucket,
		retriedBucket,
		batchesBucket,
		parkedBucket,
		auditBucket,
		againBucket,
		countsBucket,
		incidentsBucket,
		discardedBucket,
	}
}

func slotKey(slot uint64) []byte { return binary.BigEndian.AppendUint64(nil, slot) }

// slotOf returns 0 for a key that is too short. The checksum, which is checked next, then reports the damage.
func slotOf(key []byte) uint64 {
	if len(key) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}

func partitionKey(partition int32) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(partition)) //nolint:gosec // not negative
}

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

// isDiscarded reports whether the mark of a skipped slot says that its message was discarded and has expired. A slot
// that was not skipped has no mark.
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

// emptyBucket deletes the keys of a bucket from from on.
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

var (
	// discardedBucket holds, for each discarded message that still has its row, the time of the decision and the slot
	// as the key. The value is empty.
	discardedBucket = []byte("discarded")

	// expiredKey in the meta bucket holds the slot up to which published messages have expired.
	expiredKey = []byte("expired")

	// markDiscarded is the value of a skipped slot whose message was discarded and has expired.
	markDiscarded = []byte{1}
)

// discardedKey sorts by time, in nanoseconds since 1970.
func discardedKey(at time.Time, slot uint64) []byte {
	var key codec.Encoder
	key.Uint64(uint64(at.UnixNano()))
	key.Uint64(slot)
	return key.Encoded()
}

// expiredSlot returns the slot up to which published messages have expired, or 0.
func expiredSlot(root *bbolt.Bucket) (uint64, error) {
	sealed := root.Bucket(metaBucket).Get(expiredKey)
	if sealed == nil {
		return 0, nil
	}
	slot, err := sealedSlot(expiredKey, sealed)
	if err != nil {
		return 0, fmt.Errorf("read how far messages have expired: %w", err)
	}
	return slot, nil
}

// expired reports whether the row of slot is missing because its message was published and has expired.
func expired(root *bbolt.Bucket, slot uint64) (bool, error) {
	front, err := expiredSlot(root)
	return err == nil && slot <= front, err
}

// countRows returns the number of rows in the messages bucket without reading them. Each slot has a row, unless the row
// expired or moved to another slot. entries are all entries of the waiting bucket. Each of them has its row and its
// mark.
func countRows(root *bbolt.Bucket, entries int) (int64, error) {
	front, err := expiredSlot(root)
	if err != nil {
		return 0, err
	}
	//nolint:gosec // the front never passes the tail
	rows := int64(root.Bucket(messagesBucket).Sequence()-front) + int64(entries)
	cursor := root.Bucket(skippedBucket).Cursor()
	for k, _ := cursor.Seek(slotKey(front + 1)); k != nil; k, _ = cursor.Next() {
		rows--
	}
	return rows, nil
}

// deleteMark deletes the mark of a slot that is before the front and whose message has moved.
func deleteMark(root *bbolt.Bucket, key []byte) error {
	return errors.Join(root.Bucket(skippedBucket).Delete(key), root.Bucket(retriedBucket).Delete(key))
}

// currentSlot returns the slot that the message appended with origin has now.
func currentSlot(root *bbolt.Bucket, origin uint64) (uint64, error) {
	key := slotKey(origin)
	if moved := root.Bucket(movedBucket).Get(key); moved != nil {
		return sealedSlot(key, moved)
	}
	return origin, nil
}
