package outbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/parked"
	"ordertally/shared/uuidv7"
)

// Root returns the name of the bucket that an outbox is in.
func Root() []byte { return rootBucket }

// Checker returns a boltdb.Checker for the outbox's bucket. It checks each record, and that what belongs to it exists.
// content is Config.Content.
func Checker(content Content) boltdb.Checker {
	return func(r *boltdb.Record) error { return check(r, content) }
}

func check(r *boltdb.Record, content Content) error {
	if r.IsBucket {
		return checkBucket(r)
	}
	if len(r.Path) != 2 {
		return errors.New("no record belongs there")
	}
	value, err := codec.Unseal(r.Key, r.Value)
	if err != nil {
		return err
	}
	name := string(r.Path[1])
	if !slices.Contains(
		[]string{
			string(metaBucket),
			string(tailsBucket),
			string(parkedBucket),
			string(discardedBucket),
		},
		name,
	) {
		r.Name = fmt.Sprintf("slot or number %d", slotOf(r.Key))
		if len(r.Key) != 8 {
			return fmt.Errorf("%w: the key has %d bytes", boltdb.ErrCorrupt, len(r.Key))
		}
	}
	if name == string(messagesBucket) {
		return checkMessage(r, content)
	}
	if check := checks[name]; check != nil {
		return check(r, value)
	}
	return nil
}

func checkBucket(r *boltdb.Record) error {
	if len(r.Path) == 0 {
		return nil
	}
	if len(r.Path) != 1 ||
		!slices.ContainsFunc(buckets(), func(name []byte) bool { return string(name) == string(r.Key) }) {
		return errors.New("an outbox has no such bucket")
	}
	if r.Tx == nil {
		return nil
	}
	root := r.Tx.Bucket(rootBucket)
	for _, name := range buckets() {
		if root.Bucket(name) == nil {
			return fmt.Errorf("its neighbour %s is missing", name)
		}
	}
	last, _ := root.Bucket(r.Key).Cursor().Last()
	switch string(r.Key) {
	case string(messagesBucket):
		return checkTail(root, r.Sequence, slotOf(last))
	case string(auditBucket), string(incidentsBucket):
		if r.Sequence != slotOf(last) {
			return fmt.Errorf("its sequence is %d, and its last record has %d", r.Sequence, slotOf(last))
		}
	default:
		if r.Sequence != 0 {
			return fmt.Errorf("its sequence is %d, and it has none", r.Sequence)
		}
	}
	return nil
}

// checkTail checks the last slot given. It must have a row, be skipped, or have expired. No row may come after it.
func checkTail(root *bbolt.Bucket, given, last uint64) error {
	front, err := expiredSlot(root)
	if err != nil {
		return err
	}
	if last > given || given > last && given > front && root.Bucket(skippedBucket).Get(slotKey(given)) == nil {
		return fmt.Errorf("the last slot given is %d, and the last row has slot %d", given, last)
	}
	return nil
}

// checkMessage checks a message, and what it leads to.
func checkMessage(r *boltdb.Record, content Content) error {
	row, err := decodeRow(r.Key, r.Value)
	if err != nil || r.Tx == nil {
		return err
	}
	r.Name = fmt.Sprintf("message %s in slot %d", row.message.ID, row.slot)
	root := r.Tx.Bucket(rootBucket)
	front, err := expiredSlot(root)
	if err != nil {
		return err
	}
	if before := slotKey(
		row.slot - 1,
	); row.slot-1 > front && root.Bucket(messagesBucket).Get(before) == nil &&
		root.Bucket(skippedBucket).Get(before) == nil {
		return fmt.Errorf("%w: the message in the slot before it is missing", boltdb.ErrCorrupt)
	}
	if root.Bucket(skippedBucket).Get(r.Key) != nil && root.Bucket(waitingBucket).Get(r.Key) == nil {
		return fmt.Errorf("%w: its slot was skipped and nothing says why", boltdb.ErrCorrupt)
	}
	if row.origin != row.slot {
		if err := leads(root, movedBucket, row.origin); err != nil {
			return err
		}
	}
	return content.complete(r.Tx, &row)
}

// checks are for records whose checksum is right, by bucket.
var checks = map[string]func(r *boltdb.Record, value []byte) error{
	string(waitingBucket): func(r *boltdb.Record, _ []byte) error {
		e, err := decodeEntry(r.Key, r.Value)
		if err != nil || r.Tx == nil {
			return err
		}
		root := r.Tx.Bucket(rootBucket)
		if root.Bucket(skippedBucket).Get(r.Key) == nil {
			return fmt.Errorf("%w: it waits, and its slot is not marked as skipped", boltdb.ErrCorrupt)
		}
		row, err := decodeRow(r.Key, root.Bucket(messagesBucket).Get(r.Key))
		if err != nil {
			return err
		}
		if e.state == setAside && root.Bucket(parkedBucket).Get(row.message.ID[:]) == nil {
			return fmt.Errorf(
				"%w: message %s is parked and not in the list of those",
				boltdb.ErrCorrupt,
				row.message.ID,
			)
		}
		return nil
	},
	string(parkedBucket): func(r *boltdb.Record, value []byte) error {
		if len(r.Key) != len(uuidv7.ID{}) || len(value) != 8 {
			return boltdb.ErrCorrupt
		}
		r.Name = "message " + uuidv7.ID(r.Key).String()
		if r.Tx == nil {
			return nil
		}
		_, err := entryOf(r.Tx.Bucket(rootBucket), r.Key, r.Value)
		return err
	},
	string(retriedBucket): func(r *boltdb.Record, value []byte) error {
		if len(value) != 8 || r.Tx == nil {
			return wrongSize(value, 8)
		}
		return leads(r.Tx.Bucket(rootBucket), movedBucket, binary.BigEndian.Uint64(value))
	},
	string(movedBucket):   func(_ *boltdb.Record, value []byte) error { return wrongSize(value, 8) },
	string(batchesBucket): func(r *boltdb.Record, _ []byte) error { _, err := decodeBatch(r.Key, r.Value); return err },
	string(tailsBucket): func(r *boltdb.Record, value []byte) error {
		return errors.Join(wrongSize(r.Key, 4), wrongSize(value, tailSize))
	},
	string(countsBucket):    func(_ *boltdb.Record, value []byte) error { return wrongSize(value, 4) },
	string(incidentsBucket): func(_ *boltdb.Record, value []byte) error { return json.Unmarshal(value, new(Incident)) },
	string(auditBucket): func(_ *boltdb.Record, value []byte) error {
		return json.Unmarshal(value, new(parked.AuditEntry))
	},
}

func wrongSize(b []byte, size int) error {
	if len(b) == size {
		return nil
	}
	return fmt.Errorf("%w: %d bytes instead of %d", boltdb.ErrCorrupt, len(b), size)
}

// leads checks that an index has an entry for a slot.
func leads(root *bbolt.Bucket, index []byte, slot uint64) error {
	if root.Bucket(index).Get(slotKey(slot)) == nil {
		return fmt.Errorf("%w: there is nothing about it under slot %d in %s", boltdb.ErrCorrupt, slot, index)
	}
	return nil
}

// Knows reports whether the message appended with the given slot exists, has expired or was discarded.
func Knows(tx *bbolt.Tx, origin uint64) (bool, error) {
	root := tx.Bucket(rootBucket)
	slot, err := currentSlot(root, origin)
	if err != nil || root.Bucket(messagesBucket).Get(slotKey(slot)) != nil {
		return err == nil, err
	}
	if gone, err := expired(root, slot); gone || err != nil {
		return gone, err
	}
	key := slotKey(slot)
	return isDiscarded(key, root.Bucket(skippedBucket).Get(key))
}
