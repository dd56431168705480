package outbox

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// History is what a file knows of what it has published. Package recovery compares it with the publisher's log, and
// mends it. Its methods with a transaction are parts of that transaction; memory follows after the commit.
type History struct{ o *Outbox }

// History returns that of the file.
func (o *Outbox) History() History { return History{o} }

// Base is the last slot before the lineage began: its own slots come after it.
func (h History) Base() uint64 { return h.o.id.Load().base }

// Published is the newest slot that was dealt with: published, or skipped.
func (h History) Published() uint64 { return h.o.position.Load() }

// LastSlot is the newest slot that was given.
func (h History) LastSlot() uint64 { return h.o.queue.lastSlot() }

// NewestPublished returns the newest slot of the lineage up to slot that was not skipped, 0 when there is none.
func (h History) NewestPublished(tx *bbolt.Tx, slot uint64) uint64 {
	return h.o.notSkipped(tx.Bucket(rootBucket), slot)
}

// Has says whether the file has the message with that id under the slot. One that has expired is taken for the same.
func (h History) Has(tx *bbolt.Tx, slot uint64, id uuidv7.ID) bool {
	key := slotKey(slot)
	sealed := tx.Bucket(rootBucket).Bucket(messagesBucket).Get(key)
	if sealed == nil {
		return true
	}
	r, err := decodeRow(key, sealed)
	return err == nil && r.message.ID == id
}

// Each visits the kept messages in the slots from first to last that were not skipped, with where the file believes
// them; known is false where it does not know that.
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

// Stand replaces what the file knows of the ends of the log's partitions by the last record that stands in each, and
// records that the slots up to last are published: among those that the file did not know of, found were seen to stand.
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

// Fence has the outbox append nothing any more, see ErrFenced.
func (h History) Fence() { h.o.fenced.Store(true) }

// Fork begins another lineage after base (rule P7). What came before is the owner's to publish, who has published up to
// published: the rest is handed over, and so is what waits since then. It returns how many messages those are.
func (h History) Fork(tx *boltdb.Tx, lineage string, base, published uint64) (handedOver int, err error) {
	o, root := h.o, tx.Bucket(rootBucket)
	given, err := o.handOver(root, base, published)
	if err != nil {
		return 0, err
	}
	next := identity{lineage: lineage, base: base}
	tx.AfterCommit(func() {
		o.id.Store(&next)
		o.mu.Lock()
		for i := range given {
			o.waits.handOver(given[i])
		}
		o.mu.Unlock()
		o.advance(base)
	})
	return len(given), errors.Join(emptyBucket(root.Bucket(tailsBucket), nil),
		emptyBucket(root.Bucket(batchesBucket), slotKey(base+1)), putLineage(root, next))
}

// Incident describes one that was found now: file and log agree up to slot.
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

// Now is the outbox's time.
func (h History) Now() time.Time { return h.o.config.Clock.Now().UTC() }
