package outbox

import (
	"context"

	"ordertally/shared/boltdb"
)

func (r *row) entry(state waitState) entry {
	return entry{slot: r.slot, origin: r.origin, key: string(r.message.Key), committed: r.committed, state: state,
		attempts: r.attempts, id: r.message.ID}
}

// skip stores, in one transaction, that slots are never to be published, and why. Memory follows after it.
func (o *Outbox) skip(ctx context.Context, entries []entry) error {
	return o.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		skipped, waiting := root.Bucket(skippedBucket), root.Bucket(waitingBucket)
		for i := range entries {
			key := slotKey(entries[i].slot)
			if err := putSealed(skipped, key, nil); err != nil {
				return err
			}
			if err := waiting.Put(key, entries[i].encode(key)); err != nil {
				return err
			}
			if entries[i].state != setAside {
				continue
			}
			if err := putSealed(root.Bucket(parkedBucket), entries[i].id[:], key); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			for i := range entries {
				o.waits.skip(entries[i].slot)
				o.waits.add(entries[i])
				o.awaited.skip(entries[i].slot)
			}
		})
		return nil
	})
}

// requeue moves the message of each entry to a new slot, in one transaction that removes the entries (rule P2).
func (o *Outbox) requeue(ctx context.Context, entries []entry) error {
	return o.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		var moved []retried
		for i := range entries {
			m, err := o.moveToTail(tx, &entries[i])
			if err != nil {
				return err
			}
			moved = append(moved, m)
			if err := root.Bucket(waitingBucket).Delete(slotKey(entries[i].slot)); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			for i := range entries {
				o.waits.remove(entries[i])
				o.waits.move(moved[i])
			}
		})
		return nil
	})
}

func (o *Outbox) moveToTail(tx *boltdb.Tx, e *entry) (retried, error) {
	root := tx.Bucket(rootBucket)
	messages := root.Bucket(messagesBucket)
	key := slotKey(e.slot)
	r, err := o.config.Content.read(tx.Tx, key, messages.Get(key))
	if err != nil {
		return retried{}, err
	}
	r.attempts = e.attempts
	if r.firstFailed.IsZero() {
		r.firstFailed = e.failed
	}
	if err := messages.Delete(key); err != nil {
		return retried{}, err
	}
	if passed, err := expired(root, e.slot); err != nil {
		return retried{}, err
	} else if passed { // the front will not pass it again
		if err := deleteMark(root, key); err != nil {
			return retried{}, err
		}
	}
	if err := o.appendRow(tx, &r, 0); err != nil {
		return retried{}, err
	}
	if err := putSealed(root.Bucket(movedBucket), slotKey(r.origin), slotKey(r.slot)); err != nil {
		return retried{}, err
	}
	if err := putSealed(root.Bucket(retriedBucket), slotKey(r.slot), slotKey(r.origin)); err != nil {
		return retried{}, err
	}
	return retried{slot: r.slot, origin: r.origin, key: e.key}, nil
}
