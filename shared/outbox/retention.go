package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// Retention deletes from the front, a few rows at a time. A step finds what is old enough in a read transaction,
// without the committer. It deletes in the transaction that records published batches. If there is none, it uses one of
// its own, which shares its commit with other writers.
//
// It waits while many pages of the file are free (Config.MaxFreePages): bbolt writes the list of them in every commit.
// So after a day of many orders it deletes no faster than new rows use what it frees.
//
// A published row may go if two things hold. The file has it recorded as published. And since it became old enough, and
// at most a minute ago, a look saw that the publisher has it (rule P8). If the last look does not say that, the step
// asks the relay for another. A message that waits or is parked stays, however old it is. A discarded one goes when it
// has been discarded for that long. It leaves its mark in the skipped bucket, so that it is never taken for a published
// one. The new slot of a moved message (movedBucket) is kept. Only that says under which slot it was published.

const (
	// expireRows limits one step: the rows and marks that it looks at, and those that it deletes.
	expireRows = 256
	// expirePause is the minimum time between two steps. So at most 25,600 messages a second are deleted.
	expirePause = 10 * time.Millisecond
	// expireIdle is how long a step is put off if nothing else is to be recorded. A clock that was set is noticed after
	// this time at the latest.
	expireIdle = 10 * time.Second
)

// expiry decides what is deleted next. It belongs to the recorder's goroutine.
type expiry struct {
	outbox *Outbox
	looked uint64    // rows up to here are gone, wait or are parked; they are not looked at again
	due    time.Time // before this, nothing is old enough, on the outbox's clock
	again  time.Time // no step before this, on the monotonic clock
	more   bool      // the last step left some for the next
}

// expiryStep is what one transaction deletes.
type expiryStep struct {
	rows      []agedRow // published, ascending
	front     uint64    // the new expiredSlot, 0 if it stays
	discarded [][]byte  // keys of discardedBucket
	looked    uint64
	due       time.Time
	more      bool // the next step finds some at once
}

// published reports whether the step deletes published messages, or marks before them.
func (s *expiryStep) published() bool { return len(s.rows) > 0 || s.front != 0 }

type agedRow struct {
	slot  uint64
	moved bool
}

// plan returns the next step, or nil if there is nothing to do now.
func (e *expiry) plan(ctx context.Context) (*expiryStep, error) {
	retention, now := e.outbox.config.Retention, e.outbox.config.Clock.Now()
	if retention <= 0 || now.Before(e.due) {
		return nil, nil //nolint:nilnil // nothing to do and nothing wrong
	}
	if e.outbox.db.FreePages() > cmp.Or(e.outbox.config.MaxFreePages, boltdb.MaxFreePages) {
		e.more = false
		return nil, nil //nolint:nilnil // later, when new rows have used some
	}
	if time.Now().Before(e.again) {
		e.more = true
		return nil, nil //nolint:nilnil // not yet
	}
	e.again = time.Now().Add(expirePause)
	s := &expiryStep{looked: e.looked}
	seen, until := e.outbox.covered()
	if until.After(now) {
		until = now
	}
	err := e.outbox.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		if err := s.findDiscarded(root, now.Add(-retention), retention); err != nil {
			return err
		}
		if err := s.findPublished(root, seen, until.Add(-retention), retention); err != nil || s.published() {
			return err
		}
		due := expiryStep{looked: s.looked}
		err := due.findPublished(root, e.outbox.position.Load(), now.Add(-retention), retention)
		if due.published() {
			e.outbox.wantLook()
		} else { // this passes rows that wait, which need no look
			s.looked, s.more = due.looked, s.more || due.more
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find messages that have expired: %w", err)
	}
	if !s.published() && len(s.discarded) == 0 {
		e.done(s)
		return nil, nil //nolint:nilnil // likewise
	}
	return s, nil
}

// done updates memory after a step that was committed, or that found nothing to delete.
func (e *expiry) done(s *expiryStep) {
	e.looked, e.due, e.more = s.looked, s.due, s.more
	if e.more {
		e.due = time.Time{}
	}
}

// wait returns how long to put off the next step if nothing else is to be recorded before.
func (e *expiry) wait() time.Duration {
	if e.more {
		return time.Until(e.again)
	}
	return expireIdle
}

func (s *expiryStep) soonest(due time.Time) {
	if s.due.IsZero() || due.Before(s.due) {
		s.due = due
	}
}

// findDiscarded adds the messages that were discarded before the given time.
func (s *expiryStep) findDiscarded(root *bbolt.Bucket, before time.Time, retention time.Duration) error {
	cursor := root.Bucket(discardedBucket).Cursor()
	for k, sealed := cursor.First(); k != nil; k, sealed = cursor.Next() {
		if _, err := codec.Unseal(k, sealed); err != nil {
			return fmt.Errorf("read when a message was discarded: %w", err)
		}
		key := codec.NewDecoder(k)
		if at := time.Unix(0, int64(key.Uint64())).UTC(); !at.Before(before) { //nolint:gosec // as written
			s.soonest(at.Add(retention))
			return nil
		}
		if len(s.discarded) == expireRows {
			s.more = true
			return nil
		}
		s.discarded = append(s.discarded, append([]byte(nil), k...))
	}
	return nil
}

// findPublished adds the published rows up to slot last that were committed before the given time.
func (s *expiryStep) findPublished(root *bbolt.Bucket, last uint64, before time.Time, retention time.Duration) error {
	recorded, _ := root.Bucket(batchesBucket).Cursor().Last()
	if recorded == nil {
		return nil
	}
	limit := min(last, slotOf(recorded))
	front, err := expiredSlot(root)
	if err != nil {
		return err
	}
	s.looked = max(s.looked, front)
	skipped := root.Bucket(skippedBucket)
	cursor := root.Bucket(messagesBucket).Cursor()
	k, v := cursor.Seek(slotKey(s.looked + 1))
	for n := 0; k != nil && slotOf(k) <= limit; k, v = cursor.Next() {
		if n++; n > expireRows {
			s.more = true
			break
		}
		if skipped.Get(k) != nil { // it waits, is parked or was discarded
			s.looked = slotOf(k)
			continue
		}
		row, since, err := age(root, k, v)
		if err != nil {
			return err
		}
		if !since.Before(before) {
			s.soonest(since.Add(retention))
			break
		}
		s.rows = append(s.rows, row)
		s.looked = row.slot
	}
	if len(s.rows) > 0 {
		s.pass(root, front)
	}
	return nil
}

// pass moves the front to the last row. It moves it less far if there are more marks on the way than one step may
// delete. The front never ends at a mark that no published slot follows, because notSkipped goes back over those.
func (s *expiryStep) pass(root *bbolt.Bucket, front uint64) {
	s.front = s.rows[len(s.rows)-1].slot
	cursor := root.Bucket(skippedBucket).Cursor()
	n := 0
	for k, _ := cursor.Seek(slotKey(front + 1)); k != nil && slotOf(k) < s.front; k, _ = cursor.Next() {
		if n++; n == expireRows {
			s.front, s.more = slotOf(k), true
			break
		}
	}
	for len(s.rows) > 0 && s.rows[len(s.rows)-1].slot > s.front {
		s.rows = s.rows[:len(s.rows)-1]
		s.looked = s.front
	}
}

// age returns the time from which the message of a published row is kept. That is its commit, or if it was moved, its
// publication, which can be much later.
func age(root *bbolt.Bucket, key, sealed []byte) (agedRow, time.Time, error) {
	origin, committed, err := rowAge(key, sealed)
	if err != nil {
		return agedRow{}, time.Time{}, fmt.Errorf("read outbox message %d: %w", slotOf(key), err)
	}
	row := agedRow{slot: slotOf(key), moved: origin != slotOf(key)}
	if row.moved {
		at, _, err := publication(root, row.slot)
		if err != nil {
			return agedRow{}, time.Time{}, err
		}
		if at.After(committed) {
			committed = at
		}
	}
	return row, committed, nil
}

// apply deletes what the step found. Nothing else changes those rows, so later commits do not matter.
func (s *expiryStep) apply(root *bbolt.Bucket) error {
	for _, key := range s.discarded {
		if err := deleteDiscarded(root, key); err != nil {
			return err
		}
	}
	messages, retriedSlots, again := root.Bucket(messagesBucket), root.Bucket(retriedBucket), root.Bucket(againBucket)
	for i := range s.rows {
		key := slotKey(s.rows[i].slot)
		if err := errors.Join(messages.Delete(key), again.Delete(key)); err != nil {
			return err
		}
		if !s.rows[i].moved {
			continue
		}
		if err := retriedSlots.Delete(key); err != nil {
			return err
		}
	}
	if s.front == 0 {
		return nil
	}
	front, err := expiredSlot(root)
	if err != nil {
		return err
	}
	if err := deleteMarks(root, front, s.front); err != nil {
		return err
	}
	if err := deleteBatches(root, s.front); err != nil {
		return err
	}
	return root.Bucket(metaBucket).Put(expiredKey, codec.Seal(expiredKey, slotKey(s.front)))
}

// gone returns how many rows the step deletes.
func (s *expiryStep) gone() int { return len(s.rows) + len(s.discarded) }

func deleteDiscarded(root *bbolt.Bucket, key []byte) error {
	slot := key[8:]
	return errors.Join(
		root.Bucket(messagesBucket).Delete(slot),
		root.Bucket(waitingBucket).Delete(slot),
		root.Bucket(retriedBucket).Delete(slot),
		root.Bucket(discardedBucket).Delete(key),
		putSealed(root.Bucket(skippedBucket), slot, markDiscarded),
	)
}

// deleteMarks deletes the marks between front and until of messages that have moved.
func deleteMarks(root *bbolt.Bucket, front, until uint64) error {
	waiting := root.Bucket(waitingBucket)
	var moved [][]byte // a cursor must not see its bucket change
	cursor := root.Bucket(skippedBucket).Cursor()
	for k, v := cursor.Seek(slotKey(front + 1)); k != nil && slotOf(k) <= until; k, v = cursor.Next() {
		gone, err := isDiscarded(k, v)
		if err != nil {
			return err
		}
		if !gone && waiting.Get(k) == nil {
			moved = append(moved, append([]byte(nil), k...))
		}
	}
	for _, key := range moved {
		if err := deleteMark(root, key); err != nil {
			return err
		}
	}
	return nil
}

// deleteBatches deletes the records of batches that have expired completely, except the newest. That one says where to
// go on after a restart.
func deleteBatches(root *bbolt.Bucket, until uint64) error {
	batches := root.Bucket(batchesBucket)
	newest, _ := batches.Cursor().Last()
	var old [][]byte
	cursor := batches.Cursor()
	for k, _ := cursor.First(); k != nil && slotOf(k) <= until && slotOf(k) != slotOf(newest) &&
		len(old) < expireRows; k, _ = cursor.Next() {
		old = append(old, append([]byte(nil), k...))
	}
	for _, key := range old {
		if err := batches.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// covered returns which messages may expire after the newest look: those up to slot that were old enough at until. slot
// is 0 if that look was too long ago.
func (o *Outbox) covered() (slot uint64, until time.Time) {
	seen := o.sight.Load()
	if seen == nil || time.Since(seen.elapsed) > lookHolds {
		return 0, time.Time{}
	}
	return seen.slot, seen.at
}

// wantLook asks the relay for a look at the log.
func (o *Outbox) wantLook() {
	if !o.wanted.Swap(true) {
		o.queue.nudge()
	}
}

const (
	// lookPause is the minimum time between two looks that retention asks for.
	lookPause = 10 * time.Second
	// lookHolds is how long after a look the messages that were old enough then may be deleted.
	lookHolds = time.Minute
)
