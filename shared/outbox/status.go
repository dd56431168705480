package outbox

import (
	"time"

	"go.etcd.io/bbolt"
)

// Status says what became of one message.
type Status struct {
	State State
	// Slot is where the message is or will be published. It changes when the message is tried again.
	Slot uint64
	// Attempts counts the failures that were the message's own fault, and the success. It is 0 for a message that was
	// published or discarded and has expired.
	Attempts int
	At       time.Time // when it was published, or failed last; zero if not known
	Refusal  Refusal   // of a message that waits or is parked
}

// Status returns the status of the message that was appended with the given slot.
func (o *Outbox) Status(tx *bbolt.Tx, origin uint64) (Status, error) {
	root := tx.Bucket(rootBucket)
	slot, err := currentSlot(root, origin)
	if err != nil {
		return Status{}, err
	}
	s, err := o.statusIn(root, origin, slot)
	s.Slot = slot
	if err == nil && s.State == Published && s.Attempts > 0 {
		s.At, _, err = publication(root, slot)
	}
	return s, err
}

// State returns the state of the message that was appended with the given slot. It reads much less than Status.
func (o *Outbox) State(tx *bbolt.Tx, origin uint64) (State, error) {
	root := tx.Bucket(rootBucket)
	slot, err := currentSlot(root, origin)
	if err != nil {
		return "", err
	}
	s, err := o.statusIn(root, origin, slot)
	return s.State, err
}

// statusIn is Status without the slot and the time of publication. A message that has expired has no attempts.
func (o *Outbox) statusIn(root *bbolt.Bucket, origin, slot uint64) (Status, error) {
	key := slotKey(slot)
	if sealed := root.Bucket(waitingBucket).Get(key); sealed != nil {
		e, err := decodeEntry(key, sealed)
		switch {
		case err != nil:
			return Status{}, err
		case e.state == setAside:
			return Status{State: Parked, Attempts: int(e.attempts), At: e.failed, Refusal: e.refusal()}, nil
		case e.state == discarded:
			return Status{State: Discarded, Attempts: int(e.attempts), At: e.failed}, nil
		}
		return Status{State: Waiting, Attempts: int(e.attempts), Refusal: e.refusal()}, nil
	}
	mark := root.Bucket(skippedBucket).Get(key)
	if gone, err := isDiscarded(key, mark); gone || err != nil {
		return Status{State: Discarded}, err
	}
	attempts := 0
	if slot != origin {
		if gone, err := expired(root, slot); gone || err != nil {
			return Status{State: Published}, err
		}
		r, err := decodeRow(key, root.Bucket(messagesBucket).Get(key))
		if err != nil {
			return Status{}, err
		}
		attempts = int(r.attempts)
	}
	if slot > o.position.Load() || mark != nil {
		return Status{State: Pending, Attempts: attempts}, nil
	}
	return Status{State: Published, Attempts: attempts + 1}, nil
}
