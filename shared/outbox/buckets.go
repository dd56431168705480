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

// The buckets of an outbox, all within one bucket of the file.
var (
	rootBucket      = []byte("outbox")
	metaBucket      = []byte("meta")      // see expiredKey
	lineagesBucket  = []byte("lineages")  // slot -> the lineage that the slots after it belong to
	tailsBucket     = []byte("tails")     // partition -> the last record published there
	messagesBucket  = []byte("messages")  // slot -> row; its bbolt sequence is the last slot given
	skippedBucket   = []byte("skipped")   // slot -> nothing: never to be published under this slot
	waitingBucket   = []byte("waiting")   // skipped slot -> entry: waits, is held, or is parked
	movedBucket     = []byte("moved")     // origin -> the slot its message has now, when that is another
	retriedBucket   = []byte("retried")   // slot -> origin, for the slots that moved messages got
	batchesBucket   = []byte("batches")   // last slot of a published batch -> when and where it was published
	parkedBucket    = []byte("parked")    // id -> skipped slot of a parked message
	countsBucket    = []byte("counts")    // slot -> the number of partitions that messages from it on are spread over
	auditBucket     = []byte("audit")     // number -> what an operator did
	againBucket     = []byte("again")     // slot -> when and where it was published again, after the log had lost it
	incidentsBucket = []byte("incidents") // number -> what was found amiss when a session was opened
)

// tailFill packs pages full that are only appended to.
const tailFill = 0.9

// buckets are those of an outbox.
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

// slotOf is 0 for a key that is too short for one: its checksum, which is asked afterwards, says that it is damaged.
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

var (
	// discardedBucket has, for each discarded message whose row is there, when it was discarded and its slot ->
	// nothing.
	discardedBucket = []byte("discarded")

	// expiredKey in the meta bucket is the slot up to which published messages have gone.
	expiredKey = []byte("expired")

	// markDiscarded is the value of a skipped slot whose message was discarded and has gone.
	markDiscarded = []byte{1}
)

// discardedKey sorts by the time, in nanoseconds since 1970.
func discardedKey(at time.Time, slot uint64) []byte {
	var key codec.Encoder
	key.Uint64(uint64(at.UnixNano()))
	key.Uint64(slot)
	return key.Encoded()
}

// expiredSlot is the slot up to which published messages have gone from the file, 0 when none has.
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

// expired says whether the row of slot is missing because its message was published and has expired.
func expired(root *bbolt.Bucket, slot uint64) (bool, error) {
	front, err := expiredSlot(root)
	return err == nil && slot <= front, err
}

// countRows returns the number of rows in the messages bucket without reading them: each slot has one, but for those
// that expired or moved on. entries are all in the waiting bucket: each has its row and its mark.
func countRows(root *bbolt.Bucket, entries int) (int64, error) {
	front, err := expiredSlot(root)
	if err != nil {
		return 0, err
	}
	rows := int64(root.Bucket(messagesBucket).Sequence()-front) + int64(entries) //nolint:gosec // the front never passes the tail
	cursor := root.Bucket(skippedBucket).Cursor()
	for k, _ := cursor.Seek(slotKey(front + 1)); k != nil; k, _ = cursor.Next() {
		rows--
	}
	return rows, nil
}

// deleteMark forgets a slot that the front has passed and whose message has moved on.
func deleteMark(root *bbolt.Bucket, key []byte) error {
	return errors.Join(root.Bucket(skippedBucket).Delete(key), root.Bucket(retriedBucket).Delete(key))
}

// currentSlot returns the slot that the message has now which was appended with origin.
func currentSlot(root *bbolt.Bucket, origin uint64) (uint64, error) {
	key := slotKey(origin)
	if moved := root.Bucket(movedBucket).Get(key); moved != nil {
		return sealedSlot(key, moved)
	}
	return origin, nil
}
