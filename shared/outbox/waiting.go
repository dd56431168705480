package outbox

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/uuidv7"
)

// Refusal is why the publisher refused a message last, and when it is tried again. The zero Refusal is of one that was not refused.
type Refusal struct {
	Class  Class
	Reason string    // text of the failure, clipped
	Failed time.Time // when that was
	Next   time.Time // when it is tried again; zero when nothing is due, because it is parked or stands behind another
}

// WaitingMessage is a message that was refused and will be tried again, or that stands behind one of its key.
type WaitingMessage struct {
	ID        uuidv7.ID
	Slot      uint64 // the slot it was skipped under; it gets a new one
	Subject   string
	Behind    bool // it was not refused itself: it stands behind one of its key
	Attempts  int  // refusals that were its own fault
	Committed time.Time
	Refusal   Refusal
}

func (e *entry) refusal() Refusal {
	r := Refusal{Class: e.class, Reason: e.reason, Failed: e.failed}
	if e.state == retrying {
		r.Next = e.due
	}
	return r
}

// ListWaiting returns at most limit waiting messages after that slot (0 starts), in the order in which they were skipped. next is where to go on, 0 when there
// are no more; a page may be short and still have a next one, because a call looks at no more than 10,000 messages, parked ones included.
func (o *Outbox) ListWaiting(ctx context.Context, after uint64, limit int) (page []WaitingMessage, next uint64, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		cursor := root.Bucket(waitingBucket).Cursor()
		last, scanned := after, 0
		for k, v := cursor.Seek(slotKey(after + 1)); k != nil; k, v = cursor.Next() {
			if len(page) == limit || scanned == maxParkedScan {
				next = last
				return nil
			}
			last = slotOf(k)
			scanned++
			e, err := decodeEntry(k, v)
			if err != nil {
				return err
			}
			if e.state != retrying && e.state != held {
				continue
			}
			r, err := decodeRow(k, root.Bucket(messagesBucket).Get(k))
			if err != nil {
				return err
			}
			page = append(page, WaitingMessage{
				ID: r.message.ID, Slot: e.slot, Subject: r.message.Subject, Behind: e.state == held,
				Attempts: int(e.attempts), Committed: r.committed, Refusal: e.refusal(),
			})
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list waiting messages: %w", err)
	}
	return page, next, nil
}
