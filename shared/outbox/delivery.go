package outbox

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/uuidv7"
)

// Delivery is what is known of one message's way: its passport.
type Delivery struct {
	Status
	MessageID uuidv7.ID // stays when the message is tried again; zero when the message has expired
	Lineage   string
	Slot      uint64    // it changes when the message is tried again
	Committed time.Time // when it was appended; zero when the message has expired
	// Position is where it was published; Located says whether that is known. It is not after a crash between the
	// publication and its record.
	Position Position
	Located  bool
}

// Delivery returns what is known of the message that was appended with the given slot.
func (o *Outbox) Delivery(tx *bbolt.Tx, origin uint64) (Delivery, error) {
	status, err := o.Status(tx, origin)
	if err != nil {
		return Delivery{}, err
	}
	root := tx.Bucket(rootBucket)
	d := Delivery{Status: status}
	if d.Slot, err = currentSlot(root, origin); err != nil {
		return Delivery{}, err
	}
	if d.Lineage, err = lineageOf(root, d.Slot); err != nil {
		return Delivery{}, err
	}
	key := slotKey(d.Slot)
	if d.MessageID, d.Committed, err = passport(root, key, status.State); err != nil || d.State != Published {
		return d, err
	}
	_, slots, err := publication(root, d.Slot)
	if err != nil {
		return Delivery{}, err
	}
	d.Position, d.Located = slots.find(d.Slot)
	return d, nil
}

// passport returns the id of the message whose row is under key and when it was appended, zero values when it has
// expired.
func passport(root *bbolt.Bucket, key []byte, state State) (uuidv7.ID, time.Time, error) {
	sealed := root.Bucket(messagesBucket).Get(key)
	if sealed == nil {
		gone, err := expired(root, slotOf(key))
		if gone || state == Discarded || err != nil {
			return uuidv7.ID{}, time.Time{}, err
		}
	}
	r, err := decodeRow(key, sealed)
	return r.message.ID, r.committed, err
}

// publication returns when the batch of slot was published and where its messages stand; zero values when that was not
// recorded before a crash.
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

// putAgain records that a message was published a second time, because the place had lost it.
func putAgain(root *bbolt.Bucket, s *StoredRecord, at time.Time) error {
	bucket := root.Bucket(againBucket)
	bucket.FillPercent = tailFill
	key := slotKey(s.Slot)
	value := append(partitionKey(s.Partition), slotKey(uint64(s.Offset))...) //nolint:gosec // only read back as int64
	return bucket.Put(key, codec.Seal(key, appendTime(value, at)))
}

// getAgain returns what putAgain recorded of slot; a zero Standing when there is nothing.
func getAgain(root *bbolt.Bucket, slot uint64) (s StoredRecord, at time.Time, err error) {
	key := slotKey(slot)
	sealed := root.Bucket(againBucket).Get(key)
	if sealed == nil {
		return StoredRecord{}, time.Time{}, nil
	}
	value, err := codec.Unseal(key, sealed)
	d := decoder{b: value}
	s = StoredRecord{Slot: slot, Position: Position{
		Partition: int32(d.uint32()), Offset: int64(d.uint64()), //nolint:gosec // written from these types
	}}
	if at = d.time(); err != nil || d.short {
		return StoredRecord{}, time.Time{}, fmt.Errorf("read where message %d was published again: %w", slot,
			boltdb.ErrCorrupt)
	}
	return s, at, nil
}

// positionCursor finds the places of ascending slots, decoding each batch once.
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

// positionMap says where the slots of one batch stand, in two or three bytes each: how far the slot is from the one
// before, the partition, and how far the offset is from the one that follows the partition's last. Offsets of one
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

// storedRecords returns records at their places.
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

// each calls visit for each slot, in order, until it returns false.
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
