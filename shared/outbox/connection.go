package outbox

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// Recovery sees that the file and the publisher agree. Package recovery has one. It is used by the relay's goroutine.
type Recovery interface {
	// Reconcile compares, at the beginning of each session, what the file and the publisher know, and puts right what
	// differs before anything new is published (rules P7 and P8). After ErrForked or ErrChanged the next session
	// follows at once.
	Reconcile(ctx context.Context, c *Connection) error
	// Check sees that the publisher still has what was published. The error is ErrChanged when it has not.
	Check(ctx context.Context, c *Connection) error
	// Note returns the note of the next watermark.
	Note() string
}

var (
	// ErrForked ends a session of a lineage that the file has left.
	ErrForked = errors.New("the file has a new lineage")
	// ErrChanged says that the log changed during an operation: it lost records or was recreated, so it must be checked
	// again.
	ErrChanged = errors.New("the log lost records or was recreated meanwhile")
)

// Fatal marks an error that no retry of the publisher mends: it ends the relay.
func Fatal(err error) error {
	if err == nil {
		return nil
	}
	return &fatalError{err}
}

type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }

func (e *fatalError) Unwrap() error { return e.err }

// Connection is a session of a relay, with what a Recovery may do in it.
type Connection struct {
	Session
	relay *Relay
}

// Ends returns, for each partition, the last record that was published there. A slot of 0 stands for whatever was there
// when the lineage began.
func (c *Connection) Ends() map[int32]StoredRecord {
	ends := make(map[int32]StoredRecord, len(c.relay.tails))
	for partition, t := range c.relay.tails {
		ends[partition] = t.StoredRecord
	}
	return ends
}

// Announce publishes the watermark alone.
func (c *Connection) Announce(ctx context.Context) error {
	_, err := c.relay.transact(ctx, c.Session, nil, c.relay.outbox.position.Load())
	return err
}

// PublishAgain publishes as many of the given slots as one transaction takes, in their order, and returns how many.
// They were published before, and go where they went (rule P9).
func (c *Connection) PublishAgain(ctx context.Context, slots []uint64) (n int, err error) {
	r := c.relay
	c.Progress()
	rows, records, err := r.outbox.recordsAgain(ctx, slots, r.batchCap, r.config.BatchBytes)
	if err != nil {
		return 0, Fatal(err)
	}
	crashpoint.Here("outbox.before-republish")
	positions, err := r.transact(ctx, c.Session, records, r.outbox.position.Load())
	if rejected, ok := errors.AsType[*RejectedError](err); ok {
		if err := r.rejected(ctx, rows, rejected); err != nil {
			return 0, err
		}
		return 0, errRejected // the next session finds what is missing still
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

// Reload takes over what Stand and Fork changed.
func (c *Connection) Reload(ctx context.Context) error { return c.relay.reload(ctx) }

// Waits says which transactions of others a scan waits for; none means that it goes on.
func (c *Connection) Waits(behind []Hidden) { c.relay.held(behind) }

// Progress says that something is going on: the relay is not stalled.
func (c *Connection) Progress() { c.relay.watchdog.Step() }

// Report logs and counts an incident.
func (c *Connection) Report(i *Incident) { c.relay.report(i) }

// reload reads what the relay knows of the log from the file.
func (r *Relay) reload(ctx context.Context) error {
	return Fatal(r.outbox.db.View(ctx, func(tx *bbolt.Tx) (err error) {
		root := tx.Bucket(rootBucket)
		r.previous = r.outbox.notSkipped(root, r.outbox.position.Load())
		r.tails, err = loadTails(root)
		return err
	}))
}

// agree has file and publisher agree before the session publishes.
func (r *Relay) agree(ctx context.Context, session Session) error {
	if err := r.recorder.flush(ctx); err != nil {
		return err
	}
	if err := r.seePartitions(ctx, session); err != nil {
		return err
	}
	if err := r.reload(ctx); err != nil {
		return err
	}
	began := r.sighting()
	c := &Connection{session, r}
	reconcile := func() error { return c.Believe(ctx) }
	if r.config.Recovery != nil {
		reconcile = func() error { return r.config.Recovery.Reconcile(ctx, c) }
	}
	if err := reconcile(); err != nil {
		return err
	}
	if err := r.reload(ctx); err != nil {
		return err
	}
	r.held(nil)
	r.checked = time.Now()
	began.slot = r.outbox.position.Load()
	r.seen(began)
	return nil
}

// Believe takes the publisher's word for what was published, where its log cannot be read back. A watermark behind what
// the file recorded is passed over.
func (c *Connection) Believe(ctx context.Context) error {
	watermark, known := c.Watermark()
	history := c.relay.outbox.History()
	switch {
	case !known || watermark.Slot <= history.Published():
		return nil
	case watermark.Slot > history.LastSlot():
		return Fatal(ErrFenced)
	}
	return Fatal(c.relay.outbox.db.Write(ctx, func(tx *boltdb.Tx) error {
		return history.Stand(tx, c.Ends(), nil, watermark.Slot)
	}))
}

// recordsAgain reads the messages to be published again, within the limits, at least one.
func (o *Outbox) recordsAgain(ctx context.Context, missing []uint64, maxRows, maxBytes int) (rows []row,
	records []Record, err error) {
	lineage := o.Lineage()
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		before := predecessors{outbox: o, root: root}
		bytes := 0
		for _, slot := range missing[:min(len(missing), maxRows)] {
			key := slotKey(slot)
			r, err := decodeRow(key, root.Bucket(messagesBucket).Get(key))
			if err != nil {
				return err
			}
			if bytes += r.size(); bytes > maxBytes && len(rows) > 0 {
				return nil
			}
			partition := o.partition(slot, r.message.Key)
			inPartition, err := before.of(slot, partition)
			if err != nil {
				return err
			}
			rows = append(rows, r)
			// Not less than what was published before it: the consumer takes all slots in between for counted.
			records = append(records,
				r.record(o.config.Source, lineage, partition, o.notSkipped(root, slot-1), inPartition))
		}
		return nil
	})
	return rows, records, err
}
