package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/crashpoint"
	"ordertally/shared/service/lifecycle"
)

// sender makes the transactions of a relay. It belongs to the goroutine of Relay.Run.
type sender struct {
	retries
	recorder       *recorder
	watchdog       lifecycle.Watchdog
	note           func() string // of the next watermark: Recovery.Note, or "" without a Recovery
	batchMessages  int
	batchBytes     int
	publishTimeout time.Duration

	previous  uint64 // newest published slot
	batchCap  int    // messages in the next batch; halved to find one that is refused
	tails     tails
	announced time.Time // when the watermark was last set
}

// rejected handles a batch that was refused because of messages in it. It returns nil if the session can go on,
// otherwise errRejected. Publishers refuse whole batches. So only a message that was named or was alone is charged an
// attempt, and a larger batch is halved and tried again (rule P4).
func (r *sender) rejected(ctx context.Context, rows []row, cause *RejectedError) error {
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
	r.setPosition(max(rows[0].slot, r.outbox.position.Load())) // a message that is published again is before it
	return errRejected
}

// publish sends a batch and moves the position behind it. It calls meanwhile, if that is not nil, while the publisher
// is at work.
func (r *sender) publish(ctx context.Context, session Session, out *outgoing, meanwhile func()) error {
	rows, to := out.rows, out.to
	if len(rows) == 0 {
		r.setPosition(to) // only skipped slots: the next transaction carries the watermark past them
		return nil
	}
	started := time.Now()
	crashpoint.Here("outbox.before-publish")
	positions, err := r.transact(ctx, session, out.records, to, meanwhile)
	if rejected, ok := errors.AsType[*RejectedError](err); ok {
		r.up()
		return r.rejected(ctx, rows, rejected)
	}
	if err != nil {
		return err
	}
	r.up()
	crashpoint.Here("outbox.after-publish")
	now := r.outbox.config.Clock.Now()
	r.previous = out.previous
	r.batchCap = min(r.batchCap*2, r.batchMessages)
	stored := storedRecords(out.records, positions)
	r.recorder.record(batch{first: rows[0].slot, last: to, at: now, slots: newPositionMap(stored),
		tails: r.tails.published(stored)})
	r.setPosition(to)
	r.outbox.awaited.commit(to)
	r.metrics.publishedBatch(rows, now, time.Since(started))
	return nil
}

// encode makes the records that out lacks.
func (r *sender) encode(out *outgoing) {
	if out.records == nil {
		out.records = make([]Record, 0, len(out.rows))
	}
	lineage := r.outbox.Lineage()
	for i := len(out.records); i < len(out.rows); i++ {
		next := &out.rows[i]
		partition := r.outbox.partition(next.slot, next.message.Key)
		inPartition, ok := out.last[partition]
		if !ok {
			inPartition = r.tails[partition].last
		}
		out.records = append(out.records,
			next.record(r.outbox.config.Source, lineage, partition, out.previous, inPartition))
		out.previous, out.last[partition] = next.slot, next.slot
	}
}

// stopGrace is how long the current transaction may go on when the relay is to stop. The outcome of one that is cut
// short is unknown. The next start reads it back (rule P6).
const stopGrace = 2 * time.Second

// transact publishes records and the watermark in one transaction. A stop gives it stopGrace to end. It calls
// meanwhile, if that is not nil, while the publisher is at work.
func (r *sender) transact(ctx context.Context, session Session, records []Record, slot uint64, meanwhile func()) (
	[]Position, error) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.publishTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		sleep(grace, stopGrace)
		cancel()
	})()
	began := time.Now()
	watermark := Watermark{Slot: slot, Note: r.note()}
	positions, err := besides(meanwhile, func() ([]Position, error) {
		return session.Publish(grace, records, watermark)
	})
	r.metrics.ended(err)
	if err == nil {
		r.announced = began
	}
	return positions, err
}

// besides calls publish, and meanwhile on the caller's goroutine if that is not nil. A panic of publish is one of the
// caller.
func besides(meanwhile func(), publish func() ([]Position, error)) (positions []Position, err error) {
	if meanwhile == nil {
		return publish()
	}
	func() {
		var publishing sync.WaitGroup
		defer publishing.Wait() // after a panic of meanwhile too
		publishing.Go(func() {
			err = lifecycle.Guard(context.Background(), func(context.Context) (err error) {
				positions, err = publish()
				return err
			})
		})
		meanwhile()
	}()
	if p, ok := errors.AsType[*lifecycle.PanicError](err); ok {
		panic(p)
	}
	return positions, err
}

func (r *sender) setPosition(position uint64) {
	r.recheck = r.outbox.advance(position) || r.recheck
}

// report logs and counts an incident.
func (r *sender) report(i *Incident) {
	r.metrics.found(i)
	level := zerolog.WarnLevel
	if i.Kind == IncidentRecovered { // a normal consequence of a crash
		level = zerolog.InfoLevel
	}
	r.logger.WithLevel(level).Str("kind", string(i.Kind)).Uint64("slot", i.Slot).Int("messages", i.Messages).Msg(i.Text)
}

// up notes that the publisher takes messages, and logs the end of an outage.
func (r *sender) up() {
	began, changed := r.outbox.up()
	if !changed {
		return
	}
	line := r.logger.Info().
		Str("lineage", r.outbox.Lineage()).
		Uint64("position", r.outbox.position.Load()).
		Int("backlog", r.outbox.Backlog())
	if !began.IsZero() {
		line = line.Time("down_since", began)
	}
	line.Msg("publishing")
}

// reload reads from the file what the relay knows about the log.
func (r *sender) reload(ctx context.Context) error {
	return Fatal(r.outbox.db.View(ctx, func(tx *bbolt.Tx) (err error) {
		root := tx.Bucket(rootBucket)
		r.previous = r.outbox.notSkipped(root, r.outbox.position.Load())
		r.tails, err = loadTails(root)
		return err
	}))
}

// recordsAgain reads the messages to be published again, within the limits, but at least one.
func (o *Outbox) recordsAgain(ctx context.Context, missing []uint64, maxRows, maxBytes int) (rows []row,
	records []Record, err error) {
	lineage := o.Lineage()
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		before := o.predecessors(root)
		bytes := 0
		for _, slot := range missing[:min(len(missing), maxRows)] {
			key := slotKey(slot)
			r, err := o.config.Content.read(tx, key, root.Bucket(messagesBucket).Get(key))
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
			// This is never too small. The consumer takes all slots in between for counted.
			records = append(records,
				r.record(o.config.Source, lineage, partition, o.notSkipped(root, slot-1), inPartition))
		}
		return nil
	})
	return rows, records, err
}

// held records what a scan waits for. An empty argument means that it goes on.
func (r *sender) held(behind []Hidden) {
	last := r.outbox.held.Load()
	switch {
	case len(behind) == 0 && last == nil:
	case len(behind) == 0:
		r.outbox.held.Store(nil)
		r.outbox.setLink(LinkConnecting, nil)
		r.logger.Info().
			Dur("waited", r.outbox.config.Clock.Now().Sub(last.Since)).
			Msg("the open transactions have ended; publishing goes on")
	case last == nil:
		next := &HeldBack{Since: r.outbox.config.Clock.Now().UTC(), Text: describe(behind), Behind: behind}
		r.outbox.held.Store(next)
		r.outbox.setLink(LinkWaiting, nil)
		r.logger.Warn().
			Str("for", next.Text).
			Int("backlog", r.outbox.Backlog()).
			Msg("nothing is published: the relay waits for an open transaction that hides records")
	default:
		r.outbox.held.Store(&HeldBack{Since: last.Since, Text: describe(behind), Behind: behind})
	}
}
