package outbox

import (
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/uuidv7"
)

// Delivery is what is known about the delivery of one message.
type Delivery struct {
	Status
	MessageID uuidv7.ID // stays when the message is tried again; zero if the message has expired
	Lineage   string
	Committed time.Time // when it was appended; zero if the message has expired
	// Position is where it was published. Located reports whether that is known. It is not if the process crashed after
	// publishing and before recording it.
	Position Position
	Located  bool
}

// Delivery returns the delivery of the message that was appended with the given slot.
func (o *Outbox) Delivery(tx *bbolt.Tx, origin uint64) (Delivery, error) {
	status, err := o.Status(tx, origin)
	if err != nil {
		return Delivery{}, err
	}
	root := tx.Bucket(rootBucket)
	d := Delivery{Status: status}
	if d.Lineage, err = lineageOf(root, d.Slot); err != nil {
		return Delivery{}, err
	}
	key := slotKey(d.Slot)
	if d.MessageID, d.Committed, err = messageOf(root, key, status.State); err != nil || d.State != Published {
		return d, err
	}
	_, slots, err := publication(root, d.Slot)
	if err != nil {
		return Delivery{}, err
	}
	d.Position, d.Located = slots.find(d.Slot)
	return d, nil
}

// messageOf returns the id of the message whose row is under key, and when it was appended. Both are zero if it has
// expired.
func messageOf(root *bbolt.Bucket, key []byte, state State) (uuidv7.ID, time.Time, error) {
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
