package outbox

import (
	"context"
	"errors"
	"slices"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// maxReason bounds the stored text of a failure, in bytes.
const maxReason = 500

// hold takes the messages out of rows that have to wait for an earlier one of their key (rule P3), one held in this
// very batch included. They are marked skipped on the disk before any transaction carries the watermark past them (rule
// P2).
func (r *Relay) hold(ctx context.Context, rows []row) ([]row, error) {
	var waiting []entry
	r.outbox.mu.Lock()
	free := slices.DeleteFunc(rows, func(row row) bool {
		follows := r.outbox.waits.blocks(&row) || slices.ContainsFunc(waiting, func(e entry) bool {
			return e.key == string(row.message.Key) && e.origin < row.origin
		})
		if follows {
			waiting = append(waiting, row.entry(held))
		}
		return follows
	})
	r.outbox.mu.Unlock()
	if waiting == nil {
		return free, nil
	}
	return free, r.outbox.skip(ctx, waiting)
}

func (r *row) entry(state waitState) entry {
	return entry{slot: r.slot, origin: r.origin, key: string(r.message.Key), committed: r.committed, state: state,
		attempts: r.attempts, id: r.message.ID}
}

// errRejected ends a session whose batch was refused and dealt with: the next one follows at once.
var errRejected = errors.New("a batch was rejected")

// rejected deals with a batch that was refused because of messages in it. It returns nil when the session can go on,
// else errRejected. Only a message that is at fault for certain is charged (rule P4), one that was named or was alone:
// Kafka refuses whole batches, so a larger one is halved and tried again.
func (r *Relay) rejected(ctx context.Context, rows []row, cause *RejectedError) error {
	if len(cause.Slots) > 0 {
		guilty := slices.DeleteFunc(rows, func(row row) bool { return !slices.Contains(cause.Slots, row.slot) })
		return r.charge(ctx, guilty, cause)
	}
	if len(rows) > 1 {
		r.batchCap = len(rows) / 2
		return errRejected
	}
	if err := r.charge(ctx, rows, cause); err != nil {
		return err
	}
	r.setPosition(max(rows[0].slot, r.outbox.position.Load())) // one that is published again lies before it
	return errRejected
}

// charge counts a failed attempt to each message, and has it wait for the next one or parks it.
func (r *Relay) charge(ctx context.Context, guilty []row, cause *RejectedError) error {
	now := r.outbox.config.Clock.Now()
	entries := make([]entry, len(guilty))
	for i := range guilty {
		r.metrics.failed(cause.Class)
		e := guilty[i].entry(retrying)
		e.attempts++
		e.failed = now
		e.class = cause.Class
		e.reason = clip(cause.Err.Error())
		e.due = now.Add(r.config.Retry.wait(int(e.attempts)))
		if int(e.attempts) >= r.config.MaxAttempts {
			e.state = setAside
		}
		entries[i] = e
	}
	if err := r.outbox.skip(ctx, entries); err != nil {
		return &fatalError{err}
	}
	for i := range entries {
		e := &entries[i]
		if e.state != setAside {
			r.logger.Warn().
				Stringer("message", guilty[i].message.ID).
				Str("subject", guilty[i].message.Subject).
				Uint64("slot", e.slot).
				Uint32("attempts", e.attempts).
				Str("class", string(e.class)).
				Str("reason", e.reason).
				Time("next_attempt_at", e.due.UTC()).
				Msg("message refused; it will be retried, and the others go on")
		} else {
			r.logger.Error().Stringer("message", e.id).Uint64("slot", e.slot).Uint32("attempts", e.attempts).
				Str("class", string(e.class)).Str("reason",
				e.reason).Msg("message parked: mend its cause, then retry or discard it")
		}
	}
	crashpoint.Here("outbox.after-skip")
	r.recheck = true
	return nil
}

func clip(text string) string {
	if len(text) > maxReason {
		return text[:maxReason]
	}
	return text
}

// skip marks slots as never to be published and stores why, in one transaction, before memory follows.
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
			}
		})
		return nil
	})
}

// release gives the messages whose time has come a new slot at the tail.
func (r *Relay) release(ctx context.Context) error {
	now := r.outbox.config.Clock.Now()
	if !r.recheck && (r.nextDue.IsZero() || now.Before(r.nextDue)) {
		return nil
	}
	r.outbox.mu.Lock()
	ready, next := r.outbox.waits.due(now)
	r.outbox.mu.Unlock()
	r.nextDue, r.recheck = next, false
	if len(ready) == 0 {
		return nil
	}
	if err := r.outbox.requeue(ctx, ready); err != nil {
		return err
	}
	crashpoint.Here("outbox.after-requeue")
	return nil
}

// requeue moves each entry's message to a new slot, in one transaction that removes the entries (rule P2).
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
	r, err := decodeRow(key, messages.Get(key))
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
	} else if passed { // the front does not come by here again
		if err := deleteMark(root, key); err != nil {
			return retried{}, err
		}
	}
	if err := o.appendRow(tx, &r); err != nil {
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
