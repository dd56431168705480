package outbox

import (
	"time"

	"go.etcd.io/bbolt"
)

// State says how far a message got.
type State string

// The states of a message.
const (
	Pending    State = "pending" // on its way, or before its first attempt
	Waiting    State = "waiting" // failed and to be tried again, or behind one of its key that did
	Published  State = "published"
	Parked     State = "parked"
	Discarded  State = "discarded"   // parked, and then given up by an operator
	HandedOver State = "handed_over" // left to another file, of which this one turned out to be a copy
)

// Status tells of one message.
type Status struct {
	State State
	// failures that were its own fault, plus the success; 0 when it was published or discarded and that has expired
	Attempts int
	At       time.Time // when it was published, or failed for the last time; zero when that is not known
	Refusal  Refusal   // of one that waits or is parked
}

// Status returns how far the message got that was appended with the given slot.
func (o *Outbox) Status(tx *bbolt.Tx, origin uint64) (Status, error) {
	root := tx.Bucket(rootBucket)
	slot, err := currentSlot(root, origin)
	if err != nil {
		return Status{}, err
	}
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
		case e.state == handedOver:
			return Status{State: HandedOver, Attempts: int(e.attempts), At: e.failed}, nil
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
	at, _, err := publication(root, slot)
	return Status{State: Published, Attempts: attempts + 1, At: at}, err
}
