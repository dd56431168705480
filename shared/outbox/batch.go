package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// positionMap holds the positions of the slots of one batch. Each takes two or three bytes: the distance to the slot
// before, the partition, and the distance of the offset from the next one expected in that partition. The offsets of a
// transaction follow each other unless somebody else writes to the partition.
type positionMap []byte

func newPositionMap(records []StoredRecord) positionMap {
	m := make(positionMap, 0, 3*len(records))
	var slot uint64
	next := map[int32]int64{}
	for _, s := range records {
		m = binary.AppendUvarint(m, s.Slot-slot)
		m = binary.AppendUvarint(m, uint64(s.Partition)) //nolint:gosec // not negative
		m = binary.AppendVarint(m, s.Offset-next[s.Partition])
		slot, next[s.Partition] = s.Slot, s.Offset+1
	}
	return m
}

// storedRecords joins records with their positions.
func storedRecords(records []Record, places []Position) []StoredRecord {
	all := make([]StoredRecord, len(records))
	for i := range records {
		all[i] = StoredRecord{Position: places[i], Slot: records[i].Slot}
	}
	return all
}

func (m positionMap) find(slot uint64) (place Position, found bool) {
	m.each(func(at uint64, p Position) bool {
		if found = at == slot; found {
			place = p
		}
		return !found
	})
	return place, found
}

// each calls visit for each slot in order, until visit returns false.
func (m positionMap) each(visit func(slot uint64, place Position) bool) {
	var at uint64
	next := map[int32]int64{}
	for len(m) > 0 {
		step, n := binary.Uvarint(m)
		partition, p := binary.Uvarint(m[max(n, 0):])
		offset, q := binary.Varint(m[max(n, 0)+max(p, 0):])
		if n <= 0 || p <= 0 || q <= 0 {
			return
		}
		m = m[n+p+q:]
		at += step
		place := Position{Partition: int32(partition)} //nolint:gosec // written from an int32
		place.Offset = next[place.Partition] + offset
		next[place.Partition] = place.Offset + 1
		if !visit(at, place) {
			return
		}
	}
}

// putAgain records that a message was published a second time because the log had lost it.
func putAgain(root *bbolt.Bucket, s *StoredRecord, at time.Time) error {
	bucket := root.Bucket(againBucket)
	bucket.FillPercent = tailFill
	key := slotKey(s.Slot)
	record := codec.NewEntry(4 + 8 + 10)
	record.Uint32(uint32(s.Partition)) //nolint:gosec // only read back as int32
	record.Uint64(uint64(s.Offset))    //nolint:gosec // only read back as int64
	record.Time(at)
	return bucket.Put(key, record.Seal(key))
}

// getAgain returns what putAgain recorded for slot, or a zero StoredRecord.
func getAgain(root *bbolt.Bucket, slot uint64) (s StoredRecord, at time.Time, err error) {
	key := slotKey(slot)
	sealed := root.Bucket(againBucket).Get(key)
	if sealed == nil {
		return StoredRecord{}, time.Time{}, nil
	}
	record, err := codec.OpenEntry(key, sealed)
	if err == nil {
		s = StoredRecord{Slot: slot, Position: Position{
			Partition: int32(record.Uint32()), Offset: int64(record.Uint64()), //nolint:gosec // as written
		}}
		at = record.Time()
		err = record.End()
	}
	if err != nil {
		return StoredRecord{}, time.Time{}, fmt.Errorf("read where message %d was published again: %w", slot, err)
	}
	return s, at, nil
}

// publication returns when the batch of slot was published, and the positions of its messages. Both are zero if a crash
// prevented the record.
func publication(root *bbolt.Bucket, slot uint64) (at time.Time, slots positionMap, err error) {
	again, at, err := getAgain(root, slot)
	if again.Slot != 0 || err != nil {
		return at, newPositionMap([]StoredRecord{again}), err
	}
	key, sealed := root.Bucket(batchesBucket).Cursor().Seek(slotKey(slot))
	if key == nil {
		return time.Time{}, nil, nil
	}
	b, err := decodeBatch(key, sealed)
	if err != nil || b.first > slot {
		return time.Time{}, nil, err
	}
	return b.at, b.slots, nil
}

// positionCursor finds the positions of ascending slots. It decodes each batch once.
type positionCursor struct {
	root   *bbolt.Bucket
	last   uint64 // of the batch in places
	places map[uint64]Position
}

func (c *positionCursor) find(slot uint64) (place Position, known bool, err error) {
	again, _, err := getAgain(c.root, slot)
	if again.Slot != 0 || err != nil {
		return again.Position, err == nil, err
	}
	if slot > c.last {
		key, sealed := c.root.Bucket(batchesBucket).Cursor().Seek(slotKey(slot))
		if key == nil {
			return Position{}, false, nil
		}
		b, err := decodeBatch(key, sealed)
		if err != nil {
			return Position{}, false, err
		}
		c.last, c.places = b.last, map[uint64]Position{}
		b.slots.each(func(slot uint64, place Position) bool {
			c.places[slot] = place
			return true
		})
	}
	place, known = c.places[slot]
	return place, known, nil
}

// batch is one published transaction: its time, and the position of each of its slots.
type batch struct {
	first, last uint64
	at          time.Time
	slots       positionMap
	tails       tails // those that it moved; stored with it
}

const batchVersion = 3

func (b *batch) encode(key []byte) []byte {
	record := codec.NewRecord(batchVersion, 8+10+len(b.slots))
	record.Uint64(b.first)
	record.Time(b.at)
	record.Raw(b.slots)
	return record.Seal(key)
}

func decodeBatch(key, sealed []byte) (batch, error) {
	record, err := codec.OpenRecord(key, sealed, batchVersion)
	b := batch{last: slotOf(key)}
	if err == nil {
		b.first, b.at = record.Uint64(), record.Time()
		b.slots = bytes.Clone(record.Rest())
		err = record.End()
	}
	if err != nil {
		return batch{}, fmt.Errorf("read the batch that ends at slot %d: %w", slotOf(key), err)
	}
	return b, nil
}

// store writes b and the tails that moved.
func (b *batch) store(root *bbolt.Bucket) error {
	bucket := root.Bucket(batchesBucket)
	bucket.FillPercent = tailFill
	key := slotKey(b.last)
	return errors.Join(
		bucket.Put(key, b.encode(key)),
		b.tails.store(root),
	)
}
