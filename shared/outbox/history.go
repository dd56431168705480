package outbox

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// History is what a file knows about what it has published. Package recovery compares it with the publisher's log and
// corrects it. Methods that take a transaction are part of it. They change memory only after its commit.
type History struct{ o *Outbox }

// History returns the history of the file.
func (o *Outbox) History() History { return History{o} }

// Base returns the last slot before the lineage began.
func (h History) Base() uint64 { return h.o.id.Load().base }

// Published returns the newest slot that was published or skipped.
func (h History) Published() uint64 { return h.o.position.Load() }

// LastSlot returns the newest slot that was given.
func (h History) LastSlot() uint64 { return h.o.queue.lastSlot() }

// NewestPublished returns the newest slot of the lineage up to slot that was not skipped, or 0.
func (h History) NewestPublished(tx *bbolt.Tx, slot uint64) uint64 {
	return h.o.notSkipped(tx.Bucket(rootBucket), slot)
}

// Has reports whether the file has the message with that id in the slot. A message that has expired counts as the same.
func (h History) Has(tx *bbolt.Tx, slot uint64, id uuidv7.ID) bool {
	key := slotKey(slot)
	sealed := tx.Bucket(rootBucket).Bucket(messagesBucket).Get(key)
	if sealed == nil {
		return true
	}
	r, err := decodeRow(key, sealed)
	return err == nil && r.message.ID == id
}

// Each visits the kept messages in the slots from first to last that were not skipped. at is the position that the file
// has recorded. known is false if it has none.
func (h History) Each(tx *bbolt.Tx, first, last uint64, visit func(slot uint64, at Position, known bool)) error {
	root := tx.Bucket(rootBucket)
	skipped := root.Bucket(skippedBucket)
	positions := positionCursor{root: root}
	cursor := root.Bucket(messagesBucket).Cursor()
	for key, _ := cursor.Seek(slotKey(first)); key != nil && slotOf(key) <= last; key, _ = cursor.Next() {
		if skipped.Get(key) != nil {
			continue
		}
		at, known, err := positions.find(slotOf(key))
		if err != nil {
			return err
		}
		visit(slotOf(key), at, known)
	}
	return nil
}

// Stand replaces the recorded end of each partition by the last record found there. It also records that the slots up
// to last are published. found are the records of slots that were not recorded as published before.
func (h History) Stand(tx *boltdb.Tx, ends map[int32]StoredRecord, found []StoredRecord, last uint64) error {
	root := tx.Bucket(rootBucket)
	before, err := loadTails(root)
	if err != nil {
		return err
	}
	position := h.Published()
	t := tails{}
	for partition, end := range ends {
		t[partition] = tail{StoredRecord: end}
	}
	if err := t.follow(h.o.predecessors(root), before, position, last); err != nil {
		return err
	}
	errs := []error{emptyBucket(root.Bucket(tailsBucket), nil), t.store(root)}
	if last > position {
		b := batch{first: position + 1, last: last, slots: newPositionMap(found)}
		errs = append(errs, b.store(root))
	}
	tx.AfterCommit(func() { h.o.advance(last) })
	return errors.Join(errs...)
}

// Fence makes the outbox append nothing any more. See ErrFenced.
func (h History) Fence() {
	h.o.fenced.Store(true)
	h.o.awaited.leaves(true)
}

// Fork begins another lineage after base (rule P7). Earlier slots count as published: they are the owner's to publish.
func (h History) Fork(tx *boltdb.Tx, lineage string, base uint64) error {
	o, root := h.o, tx.Bucket(rootBucket)
	next := identity{lineage: lineage, base: base}
	tx.AfterCommit(func() {
		o.id.Store(&next)
		o.advance(base)
	})
	return errors.Join(emptyBucket(root.Bucket(tailsBucket), nil),
		emptyBucket(root.Bucket(batchesBucket), slotKey(base+1)), putLineage(root, next))
}

// Incident returns an incident that was found now. File and log agree up to slot.
func (h History) Incident(kind IncidentKind, slot uint64, messages int, format string, args ...any) Incident {
	return Incident{At: h.Now(), Kind: kind, Slot: slot, Messages: messages, Text: fmt.Sprintf(format, args...)}
}

// Keep stores incidents.
func (h History) Keep(tx *boltdb.Tx, incidents ...Incident) error {
	var errs []error
	for i := range incidents {
		errs = append(errs, putIncident(tx.Bucket(rootBucket), &incidents[i]))
	}
	return errors.Join(errs...)
}

// Now returns the outbox's time.
func (h History) Now() time.Time { return h.o.config.Clock.Now().UTC() }
