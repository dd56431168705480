package outbox

import (
	"bytes"
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
// stored checks the content of a message that its writer stores: see Stored.
func Checker(stored func(r *boltdb.Record, m *Stored) error) boltdb.Checker {
	return func(r *boltdb.Record) error { return check(r, stored) }
}

// Stored is a message whose content its writer stores, in a check. The writer finds the message's id and value, as
// Config.Content does, and calls Is.
type Stored struct {
	ID   uuidv7.ID
	Key  []byte
	Type string

	sum uint32
}

// Is returns ErrCorrupt unless the message was appended with that id and value.
func (s *Stored) Is(id uuidv7.ID, value []byte) error {
	if s.ID != id || s.sum != checksum(value) {
		return fmt.Errorf("%w: what was stored is not what was appended: message %s", codec.ErrCorrupt, id)
	}
	return nil
}

func check(r *boltdb.Record, stored func(r *boltdb.Record, m *Stored) error) error {
	if r.IsBucket {
		return checkBucket(r)
	}
	if len(r.Path) != 2 {
		return errors.New("no record belongs there")
	}
	err := checkRecord(r, stored)
	if err != nil && r.Name == "" && numbered(r) {
		r.Name = fmt.Sprintf("slot or number %d", slotOf(r.Key))
	}
	return err
}

// numbered reports whether the key of a record is a slot or a number.
func numbered(r *boltdb.Record) bool {
	for _, other := range [...][]byte{metaBucket, tailsBucket, parkedBucket, discardedBucket} {
		if bytes.Equal(r.Path[1], other) {
			return false
		}
	}
	return true
}

func checkRecord(r *boltdb.Record, stored func(r *boltdb.Record, m *Stored) error) error {
	value, err := codec.Unseal(r.Key, r.Value)
	if err != nil {
		return err
	}
	if numbered(r) {
		if len(r.Key) != 8 {
			return fmt.Errorf("%w: the key has %d bytes", boltdb.ErrCorrupt, len(r.Key))
		}
	}
	if bytes.Equal(r.Path[1], messagesBucket) {
		return checkMessage(r, stored)
	}
	if check := checks[string(r.Path[1])]; check != nil {
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
func checkMessage(r *boltdb.Record, stored func(r *boltdb.Record, m *Stored) error) error {
	row, err := decodeRow(r.Key, r.Value)
	if err != nil || r.Tx == nil {
		return err
	}
	err = checkNeighbours(r, &row)
	if m := &row.message; err == nil && m.Stored {
		err = stored(r, &Stored{ID: m.ID, Key: m.Key, Type: m.Type, sum: row.sum})
	}
	if err != nil {
		r.Name = fmt.Sprintf("message %s in slot %d", row.message.ID, row.slot)
	}
	return err
}

// checkNeighbours checks what must be beside a message's row.
func checkNeighbours(r *boltdb.Record, row *row) error {
	var before [8]byte
	binary.BigEndian.PutUint64(before[:], row.slot-1)
	if r.Get(before[:], rootBucket, messagesBucket) == nil && r.Get(before[:], rootBucket, skippedBucket) == nil {
		front, err := expiredSlot(r.Tx.Bucket(rootBucket))
		if err != nil {
			return err
		}
		if row.slot-1 > front {
			return fmt.Errorf("%w: the message in the slot before it is missing", boltdb.ErrCorrupt)
		}
	}
	if r.Get(r.Key, rootBucket, skippedBucket) != nil && r.Get(r.Key, rootBucket, waitingBucket) == nil {
		return fmt.Errorf("%w: its slot was skipped and nothing says why", boltdb.ErrCorrupt)
	}
	if row.origin != row.slot {
		return leads(r.Tx.Bucket(rootBucket), movedBucket, row.origin)
	}
	return nil
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

// Knows reports whether the message appended with the given slot exists, has expired or was discarded. r is any record
// of the check, or one with no more than its Tx.
func Knows(r *boltdb.Record, origin uint64) (bool, error) {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], origin)
	slot := origin
	if moved := r.Get(key[:], rootBucket, movedBucket); moved != nil {
		var err error
		if slot, err = sealedSlot(key[:], moved); err != nil {
			return false, err
		}
		binary.BigEndian.PutUint64(key[:], slot)
	}
	if r.Get(key[:], rootBucket, messagesBucket) != nil {
		return true, nil
	}
	if gone, err := expired(r.Tx.Bucket(rootBucket), slot); gone || err != nil {
		return gone, err
	}
	return isDiscarded(key[:], r.Get(key[:], rootBucket, skippedBucket))
}
