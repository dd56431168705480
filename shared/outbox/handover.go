package outbox

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// handOver leaves messages to the lineage's owner: those that were appended up to common and are not known to be
// published. It returns their entries from before.
func (o *Outbox) handOver(root *bbolt.Bucket, common, published uint64) ([]entry, error) {
	var given []entry
	err := root.Bucket(waitingBucket).ForEach(func(key, sealed []byte) error {
		e, err := decodeEntry(key, sealed)
		if err == nil && e.origin <= common && e.state != discarded && e.state != handedOver {
			given = append(given, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rows := root.Bucket(messagesBucket)
	take := func(slot uint64) error {
		key := slotKey(slot)
		if root.Bucket(skippedBucket).Get(key) != nil {
			return nil // its entry was found above
		}
		r, err := decodeRow(key, rows.Get(key))
		if err == nil {
			given = append(given, r.entry(held))
		}
		return err
	}
	for slot := published + 1; slot <= common; slot++ {
		if err := take(slot); err != nil {
			return nil, err
		}
	}
	cursor := root.Bucket(retriedBucket).Cursor()
	for key, sealed := cursor.Seek(slotKey(common + 1)); key != nil; key, sealed = cursor.Next() {
		origin, err := sealedSlot(key, sealed)
		if err != nil {
			return nil, err
		}
		if origin > common {
			continue
		}
		if err := take(slotOf(key)); err != nil { // the owner has the message waiting, and sends it again
			return nil, err
		}
	}
	for i := range given {
		if err := handOverEntry(root, given[i]); err != nil {
			return nil, err
		}
	}
	return given, nil
}

func handOverEntry(root *bbolt.Bucket, e entry) error {
	key := slotKey(e.slot)
	if e.state == setAside {
		r, err := decodeRow(key, root.Bucket(messagesBucket).Get(key))
		if err != nil {
			return err
		}
		if err := root.Bucket(parkedBucket).Delete(r.message.ID[:]); err != nil {
			return err
		}
	}
	e.state = handedOver
	return errors.Join(
		putSealed(root.Bucket(skippedBucket), key, nil),
		root.Bucket(waitingBucket).Put(key, e.encode(key)),
	)
}

// HandedOver returns how many messages were left to another file.
func (o *Outbox) HandedOver() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waits.handedOver
}

// Fenced reports whether another process has taken over the lineage. See ErrFenced.
func (o *Outbox) Fenced() bool { return o.fenced.Load() }

// Reclaim publishes, after all, the messages that were left to another file, because that file is gone. It returns how
// many there were. If the other file did publish some, they are published twice, with the same ids. Consumers drop
// those as long as they remember the ids. After an error, n messages have been dealt with.
func (o *Outbox) Reclaim(ctx context.Context, d parked.Decision) (n int, err error) {
	for {
		done, err := o.reclaimSome(ctx, d)
		if n += done; err != nil {
			return n, fmt.Errorf("reclaim messages: %w", err)
		}
		if done == 0 {
			return n, nil
		}
	}
}

// reclaimStep is how many messages one transaction reclaims. A larger one would hold up other writers.
const reclaimStep = 500

func (o *Outbox) reclaimSome(ctx context.Context, d parked.Decision) (n int, err error) {
	err = o.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		entries, err := handedOverEntries(root, reclaimStep)
		if n = len(entries); n == 0 || err != nil {
			return boltdb.Refuse(err)
		}
		var moved []retried
		// This runs before the rows reach the queue. Whoever takes a row from the queue must find it in waits.
		tx.AfterCommit(func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.waits.handedOver -= len(entries)
			o.follow(moved)
		})
		for i := range entries {
			m, err := o.reclaim(tx, &entries[i], d)
			if err != nil {
				return err
			}
			moved = append(moved, m)
		}
		return nil
	})
	if err != nil {
		n = 0
	}
	return n, err
}

// handedOverEntries returns the first entries that were handed over, at most limit.
func handedOverEntries(root *bbolt.Bucket, limit int) (entries []entry, err error) {
	cursor := root.Bucket(waitingBucket).Cursor()
	for key, sealed := cursor.First(); key != nil && len(entries) < limit; key, sealed = cursor.Next() {
		e, err := decodeEntry(key, sealed)
		if err != nil {
			return nil, err
		}
		if e.state == handedOver {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func (o *Outbox) reclaim(tx *boltdb.Tx, e *entry, d parked.Decision) (retried, error) {
	root := tx.Bucket(rootBucket)
	key := slotKey(e.slot)
	r, err := decodeRow(key, root.Bucket(messagesBucket).Get(key))
	if err != nil {
		return retried{}, err
	}
	moved, err := o.moveToTail(tx, e)
	if err != nil {
		return retried{}, err
	}
	if err := root.Bucket(waitingBucket).Delete(key); err != nil {
		return retried{}, err
	}
	return moved, parked.PutAudit(root.Bucket(auditBucket), &parked.AuditEntry{
		At: o.config.Clock.Now().UTC(), Verb: parked.Reclaim, ID: r.message.ID.String(),
		MessageID: r.message.ID.String(), Subject: r.message.Subject, Slot: e.slot, NewSlot: moved.slot,
		Reason: d.Reason, By: d.By,
	})
}
