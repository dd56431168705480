package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/uuidv7"
)

// WaitingMessage is a message that was refused and will be tried again, or that waits behind one with the same key.
type WaitingMessage struct {
	ID        uuidv7.ID
	Slot      uint64 // the slot that it was skipped under; it will get a new one
	Subject   string
	Behind    bool // it was not refused itself, but waits behind another of its key
	Attempts  int  // refusals that were its own fault
	Committed time.Time
	Refusal   Refusal
}

// maxWaitingScan is how many entries one call looks at.
const maxWaitingScan = 10_000

// WaitingPage is a page of waiting messages.
type WaitingPage struct {
	Messages []WaitingMessage
	// Corrupt are the slots of messages in between whose records are damaged. Their ids are unknown. They count towards
	// the limit. Damage can hide that a message is parked, so such a message may be listed here.
	Corrupt []uint64
	Next    uint64 // where to go on, 0 on the last page
}

// ListWaiting returns at most limit waiting messages after that slot, in the order in which they were skipped. 0 starts
// at the beginning. One call looks at no more than 10,000 messages, parked ones included. So a page may be short and
// still have a next one.
func (o *Outbox) ListWaiting(ctx context.Context, after uint64, limit int) (page WaitingPage, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		cursor := root.Bucket(waitingBucket).Cursor()
		last, scanned := after, 0
		for k, v := cursor.Seek(slotKey(after + 1)); k != nil; k, v = cursor.Next() {
			if len(page.Messages)+len(page.Corrupt) == limit || scanned == maxWaitingScan {
				page.Next = last
				return nil
			}
			last = slotOf(k)
			scanned++
			e, err := decodeEntry(k, v)
			if err == nil && e.state != retrying && e.state != held {
				continue
			}
			var r row
			if err == nil {
				r, err = o.config.Content.read(tx, k, root.Bucket(messagesBucket).Get(k))
			}
			if errors.Is(err, boltdb.ErrCorrupt) { // the other messages are listed
				o.db.Note(fmt.Errorf("the waiting message in slot %d: %w", last, err))
				page.Corrupt = append(page.Corrupt, last)
				continue
			}
			if err != nil {
				return err
			}
			page.Messages = append(page.Messages, WaitingMessage{
				ID: r.message.ID, Slot: e.slot, Subject: r.message.Subject, Behind: e.state == held,
				Attempts: int(e.attempts), Committed: r.committed, Refusal: e.refusal(),
			})
		}
		return nil
	})
	if err != nil {
		return WaitingPage{}, fmt.Errorf("list waiting messages: %w", err)
	}
	return page, nil
}
