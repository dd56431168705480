package outbox

import (
	"context"
	"errors"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// Recovery makes the file and the publisher agree. Package recovery implements it. The relay's goroutine uses it.
type Recovery interface {
	// Reconcile is called at the beginning of each session. It compares what the file and the publisher know, and
	// corrects what differs before anything new is published (rules P7 and P8). After ErrForked or ErrChanged the next
	// session follows at once.
	Reconcile(ctx context.Context, c *Connection) error
	// Check checks that the publisher still has what was published. If not, the error is ErrChanged.
	Check(ctx context.Context, c *Connection) error
	// Note returns the note of the next watermark.
	Note() string
}

// Connection is a session of a relay, and what a Recovery may do in it.
type Connection struct {
	Session
	sender *sender
}

// Ends returns the last record published in each partition. Slot 0 stands for whatever was there when the lineage
// began.
func (c *Connection) Ends() map[int32]StoredRecord {
	ends := make(map[int32]StoredRecord, len(c.sender.tails))
	for partition, t := range c.sender.tails {
		ends[partition] = t.StoredRecord
	}
	return ends
}

// Announce publishes only the watermark.
func (c *Connection) Announce(ctx context.Context) error {
	_, err := c.sender.transact(ctx, c.Session, nil, c.sender.outbox.position.Load(), nil)
	return err
}

// PublishAgain publishes as many of the given slots as one transaction takes, in their order, and returns how many.
// They were published before, and go to the same partitions (rule P9).
func (c *Connection) PublishAgain(ctx context.Context, slots []uint64) (n int, err error) {
	r := c.sender
	c.Progress()
	rows, records, err := r.outbox.recordsAgain(ctx, slots, r.batchCap, r.batchBytes)
	if err != nil {
		return 0, Fatal(err)
	}
	crashpoint.Here("outbox.before-republish")
	positions, err := r.transact(ctx, c.Session, records, r.outbox.position.Load(), nil)
	if rejected, ok := errors.AsType[*RejectedError](err); ok {
		if err := r.rejected(ctx, rows, rejected); err != nil {
			return 0, err
		}
		return 0, errRejected // the next session finds what is still missing
	}
	if err != nil {
		return 0, err
	}
	crashpoint.Here("outbox.after-republish")
	stored, at := storedRecords(records, positions), r.outbox.config.Clock.Now()
	moved := r.tails.published(stored)
	err = r.outbox.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		errs := []error{moved.store(root)}
		for i := range stored {
			errs = append(errs, putAgain(root, &stored[i], at))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return 0, Fatal(err)
	}
	r.metrics.republished.Add(float64(len(records)))
	return len(records), nil
}

// Reload reads what Stand and Fork changed.
func (c *Connection) Reload(ctx context.Context) error { return c.sender.reload(ctx) }

// Waits says which transactions of other programs a scan waits for. None means that it goes on.
func (c *Connection) Waits(behind []Hidden) { c.sender.held(behind) }

// Progress says that the relay is not stalled.
func (c *Connection) Progress() { c.sender.watchdog.Step() }

// Report logs and counts an incident.
func (c *Connection) Report(i *Incident) { c.sender.report(i) }

// Believe takes the publisher's watermark as true, because its log cannot be read back. It ignores a watermark behind
// what the file recorded.
func (c *Connection) Believe(ctx context.Context) error {
	watermark, known := c.Watermark()
	history := c.sender.outbox.History()
	switch {
	case !known || watermark.Slot <= history.Published():
		return nil
	case watermark.Slot > history.LastSlot():
		return Fatal(ErrFenced)
	}
	return Fatal(c.sender.outbox.db.Write(ctx, func(tx *boltdb.Tx) error {
		return history.Stand(tx, c.Ends(), nil, watermark.Slot)
	}))
}
