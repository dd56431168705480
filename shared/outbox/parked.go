package outbox

import (
	"cmp"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
	"ordertally/shared/uuidv7"
)

// ParkedMessage is a message that failed too often. An operator decides about it.
type ParkedMessage struct {
	ID          uuidv7.ID
	Slot        uint64 // the slot that it failed under; a retry gives it a new one
	Type        string
	Subject     string
	Key         []byte
	Class       Class
	Reason      string // text of the last failure, shortened
	Attempts    int    // failures that were its own fault
	Committed   time.Time
	FirstFailed time.Time
	LastFailed  time.Time
	Value       []byte // nil in a list
}

// Size implements parked.Message.
func (m ParkedMessage) Size() int { return len(m.Value) }

// Ledger returns the ledger of parked messages, by id. A message that is retried gets a new slot, and is published
// after those that are already there. A discarded message is never published. It is kept for the retention.
func (o *Outbox) Ledger() *parked.Ledger[ParkedMessage] {
	return &parked.Ledger[ParkedMessage]{Name: "parked", DB: o.db, Store: parkedStore{o}, Clock: o.config.Clock}
}

// parkedStore is the outbox as a parked.Store. The messages are in the waiting bucket, and parkedBucket is an index of
// them.
type parkedStore struct{ *Outbox }

// Messages implements parked.Store.
func (parkedStore) Messages(tx *bbolt.Tx) *bbolt.Bucket {
	return tx.Bucket(rootBucket).Bucket(parkedBucket)
}

// Audit implements parked.Store.
func (parkedStore) Audit(tx *bbolt.Tx) *bbolt.Bucket {
	return tx.Bucket(rootBucket).Bucket(auditBucket)
}

// Overflow implements parked.Store. There is room for all.
func (parkedStore) Overflow(*bbolt.Tx, int) ([]parked.OffsetRange, error) { return nil, nil }

// ID implements parked.Store.
func (parkedStore) ID(key []byte) string { return uuidv7.ID(key).String() }

// Key implements parked.Store.
func (parkedStore) Key(id string) []byte {
	parsed, err := uuidv7.Parse(id)
	if err != nil {
		return nil
	}
	return parsed[:]
}

// Read implements parked.Store.
func (s parkedStore) Read(
	tx *bbolt.Tx, key, value []byte, filter *parked.Filter, whole bool,
) (m ParkedMessage, selected bool, err error) {
	root := tx.Bucket(rootBucket)
	e, err := entryOf(root, key, value)
	if err != nil || !filter.Takes(string(e.class), e.failed) {
		return m, false, err
	}
	if m, err = s.message(tx, &e); !whole {
		m.Key, m.Value = slices.Clone(m.Key), nil // they share memory with the transaction
	}
	return m, filter.Subject == "" || m.Subject == filter.Subject, err
}

// Decide implements parked.Store.
func (s parkedStore) Decide(tx *boltdb.Tx, verb parked.Verb, keys [][]byte) ([]parked.AuditEntry, error) {
	root := tx.Bucket(rootBucket)
	entries := make([]entry, len(keys))
	for i, key := range keys {
		var err error
		if entries[i], err = entryOf(root, key, root.Bucket(parkedBucket).Get(key)); err != nil {
			return nil, boltdb.Refuse(err)
		}
		entries[i].id = uuidv7.ID(key)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.origin, b.origin) })
	var moved []retried
	// This runs before the rows reach the queue. Whoever takes a row from the queue must find it in waits.
	tx.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waits.parked -= len(entries)
		s.follow(moved)
	})
	audit := make([]parked.AuditEntry, len(entries))
	for i := range entries {
		m, err := s.message(tx.Tx, &entries[i])
		if err != nil {
			return nil, err
		}
		slot, err := s.release(tx, verb, &entries[i])
		if err != nil {
			return nil, err
		}
		if slot.slot != 0 {
			moved = append(moved, slot)
		}
		audit[i] = parked.AuditEntry{ID: m.ID.String(), MessageID: m.ID.String(), Subject: m.Subject,
			Class: string(m.Class), Slot: m.Slot, NewSlot: slot.slot}
	}
	return audit, nil
}

// release takes one message out of the parked ones. It gives it a new slot, or leaves it discarded.
func (s parkedStore) release(tx *boltdb.Tx, verb parked.Verb, e *entry) (moved retried, err error) {
	root := tx.Bucket(rootBucket)
	key := slotKey(e.slot)
	if err := root.Bucket(parkedBucket).Delete(e.id[:]); err != nil {
		return retried{}, err
	}
	if verb == parked.Retry {
		if moved, err = s.moveToTail(tx, e); err != nil {
			return retried{}, err
		}
		return moved, root.Bucket(waitingBucket).Delete(key)
	}
	e.state, e.due = discarded, s.config.Clock.Now()
	if err := putSealed(root.Bucket(discardedBucket), discardedKey(e.due, e.slot), nil); err != nil {
		return retried{}, err
	}
	return retried{}, root.Bucket(waitingBucket).Put(key, e.encode(key))
}

// follow updates memory for messages that got new slots. The caller holds mu.
func (o *Outbox) follow(moved []retried) {
	for _, m := range moved {
		if m.slot > o.position.Load() { // a relay that read it from the database may have published it already
			o.waits.move(m)
		}
	}
}

// entryOf reads the entry that an index entry in parkedBucket points to.
func entryOf(root *bbolt.Bucket, id, sealed []byte) (entry, error) {
	slot, err := sealedSlot(id, sealed)
	if err != nil {
		return entry{}, err
	}
	key := slotKey(slot)
	return decodeEntry(key, root.Bucket(waitingBucket).Get(key))
}

func (s parkedStore) message(tx *bbolt.Tx, e *entry) (ParkedMessage, error) {
	key := slotKey(e.slot)
	r, err := s.config.Content.read(tx, key, tx.Bucket(rootBucket).Bucket(messagesBucket).Get(key))
	if err != nil {
		return ParkedMessage{}, err
	}
	m := ParkedMessage{
		ID: r.message.ID, Slot: e.slot, Type: r.message.Type, Subject: r.message.Subject, Key: r.message.Key,
		Class: e.class, Reason: e.reason, Attempts: int(e.attempts),
		Committed: r.committed, FirstFailed: r.firstFailed, LastFailed: e.failed, Value: r.message.Value,
	}
	if m.FirstFailed.IsZero() {
		m.FirstFailed = e.failed
	}
	return m, nil
}
