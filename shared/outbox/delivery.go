package outbox

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// Delivery is what is known of one message's way: its passport.
type Delivery struct {
	Status
	Lineage   string
	Slot      uint64    // it changes when the message is tried again
	Committed time.Time // when it was appended; zero when the message has expired
	// Place is where it was published; Placed says whether that is known. It is not after a crash between the
	// publication and its record.
	Place  Place
	Placed bool
}

// Delivery returns what is known of the message that was appended with the given slot.
func (o *Outbox) Delivery(tx *bbolt.Tx, origin uint64) (Delivery, error) {
	status, err := o.Status(tx, origin)
	if err != nil {
		return Delivery{}, err
	}
	root := tx.Bucket(rootBucket)
	d := Delivery{Status: status, Lineage: o.lineage, Slot: currentSlot(root, origin)}
	key := slotKey(d.Slot)
	if d.Committed, err = committed(root, key, status.State); err != nil || d.State != Published {
		return d, err
	}
	_, slots, err := publication(root, d.Slot)
	if err != nil {
		return Delivery{}, err
	}
	d.Place, d.Placed = slots.find(d.Slot)
	return d, nil
}

// committed returns when the message was appended whose row is under key, the zero time when it has expired.
func committed(root *bbolt.Bucket, key []byte, state State) (time.Time, error) {
	sealed := root.Bucket(messagesBucket).Get(key)
	if sealed == nil {
		gone, err := expired(root, slotOf(key))
		if gone || state == Discarded || err != nil {
			return time.Time{}, err
		}
	}
	r, err := decodeRow(key, sealed)
	return r.committed, err
}

// publication returns when the batch of slot was published and where its messages stand; zero values when that was not
// recorded before a crash.
func publication(root *bbolt.Bucket, slot uint64) (at time.Time, slots placeMap, err error) {
	key, sealed := root.Bucket(batchesBucket).Cursor().Seek(slotKey(slot))
	if key == nil {
		return time.Time{}, nil, nil
	}
	value, err := boltdb.Unseal(key, sealed)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("read the batch that ends at slot %d: %w", slotOf(key), err)
	}
	d := decoder{b: value}
	version, first := d.byte(), d.uint64()
	if first > slot {
		return time.Time{}, nil, nil
	}
	at = d.time()
	switch {
	case d.short:
		return time.Time{}, nil, fmt.Errorf("read the batch that ends at slot %d: %w", slotOf(key), errRow)
	case version < batchVersion:
		return at, nil, nil
	}
	return at, d.b, nil
}

// placeMap says where the slots of one batch stand, in two or three bytes each: how far the slot is from the one before,
// the partition, and how far the offset is from the one that follows the partition's last. Offsets of one transaction
// follow each other unless somebody else writes to the partition.
type placeMap []byte

func newPlaceMap(records []Record, places []Place) placeMap {
	m := make(placeMap, 0, 3*len(places))
	var slot uint64
	next := map[int32]int64{}
	for i, p := range places {
		m = binary.AppendUvarint(m, records[i].Slot-slot)
		m = binary.AppendUvarint(m, uint64(p.Partition)) //nolint:gosec // not negative
		m = binary.AppendVarint(m, p.Offset-next[p.Partition])
		slot, next[p.Partition] = records[i].Slot, p.Offset+1
	}
	return m
}

func (m placeMap) find(slot uint64) (Place, bool) {
	var at uint64
	next := map[int32]int64{}
	for len(m) > 0 {
		step, n := binary.Uvarint(m)
		partition, p := binary.Uvarint(m[max(n, 0):])
		offset, q := binary.Varint(m[max(n, 0)+max(p, 0):])
		if n <= 0 || p <= 0 || q <= 0 {
			return Place{}, false
		}
		m = m[n+p+q:]
		at += step
		place := Place{Partition: int32(partition)} //nolint:gosec // written from an int32
		place.Offset = next[place.Partition] + offset
		next[place.Partition] = place.Offset + 1
		if at == slot {
			return place, true
		}
	}
	return Place{}, false
}
