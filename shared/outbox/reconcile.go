package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/crashpoint"
)

// errForked ends a session of a lineage that the file has left; the next one follows at once.
var errForked = errors.New("the file has a new lineage")

// memory is what the file knows of its lineage's past.
type memory struct {
	epochs  history
	place   string // "" until the lineage first published
	repair  bool
	fenced  bool
	shared  uint64 // last slot in common with the file that fenced this one
	current uint64 // first slot of the present epoch
}

func (o *Outbox) remember(ctx context.Context) (m memory, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		if m.epochs.epochs, err = loadEpochs(root); err != nil {
			return err
		}
		m.epochs.tail = root.Bucket(messagesBucket).Sequence()
		m.current = m.epochs.epochs[len(m.epochs.epochs)-1].first
		place, err := getMeta(root, metaLog)
		if err != nil {
			return err
		}
		m.place = string(place)
		m.repair = root.Bucket(metaBucket).Get(metaRepair) != nil
		m.shared, m.fenced, err = fencedAt(root)
		return err
	})
	return m, err
}

// reconcile compares what the publisher remembers of the lineage with what the file does, and puts right what differs
// before anything new is published (rules P7 and P8). It leaves the position where publishing goes on.
func (r *Relay) reconcile(ctx context.Context, session Session, m *memory) (err error) {
	began := r.sighting()
	watermark, known := session.Watermark()
	stranger := known && !written(watermark)
	if stranger { // the topic tells instead
		r.logger.Warn().Uint64("offset", watermark.Slot).Msg(foreignWatermark)
		watermark, known = Watermark{}, false
	}
	if err := r.checkOwner(ctx, m, watermark, known); err != nil {
		return err
	}
	if err := r.checkPlace(ctx, session, m, watermark, known, stranger); err != nil {
		return err
	}
	if r.previous, err = r.outbox.publishedBefore(ctx, r.outbox.position.Load()); err != nil {
		return &fatalError{err}
	}
	r.epochs = m.epochs
	if !r.claimed {
		err = r.claim(ctx, session, m)
	} else if !known {
		err = r.setWatermark(ctx, session)
	}
	if err == nil {
		r.held(nil)
		began.slot = r.outbox.position.Load()
		r.seen(began)
	}
	r.checked = time.Now()
	return err
}

// foreignWatermark is said when the watermark is none that an outbox sets.
const foreignWatermark = "another program committed to the watermark group of this lineage: remove its rights to " +
	"groups " +
	"that begin with ordertally-order-"

// written says whether an outbox set the watermark: its note can be read, and does not speak of fewer slots.
func written(watermark Watermark) bool {
	theirs, ok := decodeNote(watermark.Note)
	return ok && watermark.Slot <= theirs.tail
}

// checkOwner sees whether the lineage still is this file's. The publisher's epochs are those of the last file that
// published under it.
func (r *Relay) checkOwner(ctx context.Context, m *memory, watermark Watermark, known bool) error {
	position := r.outbox.position.Load()
	if m.fenced { // an earlier process was
		return r.leave(ctx, &m.epochs, m.shared, watermark.Slot)
	}
	if !known {
		return nil
	}
	theirs, _ := decodeNote(watermark.Note)
	theirs.tail = max(theirs.tail, watermark.Slot)
	common, sure := m.epochs.common(&theirs)
	if m.epochs.extends(&theirs) && watermark.Slot <= common {
		return nil
	}
	if !sure { // a copy too old to say more: what it published itself is in common
		common = position
	}
	return r.leave(ctx, &m.epochs, common, watermark.Slot)
}

// leave gives the lineage up to another file, which has the slots up to common too and has published those up to
// published. A process that published under the lineage stops: somebody has to see that two are running. One that has
// not yet goes on under a new lineage.
func (r *Relay) leave(ctx context.Context, epochs *history, common, published uint64) error {
	published = min(common, max(published, r.outbox.position.Load()))
	var f Incident
	var err error
	if r.claimed {
		f, err = r.outbox.fence(ctx, common)
	} else {
		f, err = r.outbox.fork(ctx, epochs, common, published)
	}
	if err != nil {
		return &fatalError{fmt.Errorf("leave lineage %s to another file: %w", r.outbox.Lineage(), err)}
	}
	r.report(f)
	if r.claimed {
		return &fatalError{ErrFenced}
	}
	r.tails, r.anchors, r.unsaved, r.recheck = tails{}, tails{}, nil, true
	return errForked
}

// claim has the publisher remember this file's epochs. The place's name is stored before: whoever finds it absent knows
// that the lineage has published nothing.
func (r *Relay) claim(ctx context.Context, session Session, m *memory) error {
	if m.place == "" {
		ends, err := session.Ends(ctx)
		if err != nil {
			return err
		}
		for partition, next := range ends {
			if _, known := r.tails[partition]; !known {
				r.tails[partition] = tail{StoredRecord: StoredRecord{Position: Position{partition, next - 1}}}
			}
		}
		if err := r.outbox.settle(ctx, settlement{tails: r.tails, place: session.LogID()}); err != nil {
			return &fatalError{err}
		}
	}
	crashpoint.Here("outbox.before-claim")
	if err := r.setWatermark(ctx, session); err != nil {
		return err
	}
	crashpoint.Here("outbox.after-claim")
	r.claimed = true
	return nil
}

// setWatermark publishes the watermark alone.
func (r *Relay) setWatermark(ctx context.Context, session Session) error {
	ctx, cancel := r.transaction(ctx)
	defer cancel()
	_, err := session.Publish(ctx, nil, r.watermark(r.outbox.position.Load()))
	r.metrics.ended(err)
	if err != nil {
		return err
	}
	r.announced = time.Now()
	return nil
}

// watermark is what travels with the messages up to slot.
func (r *Relay) watermark(slot uint64) Watermark {
	r.epochs.tail = r.outbox.queue.lastSlot()
	return Watermark{Slot: slot, Note: r.epochs.encode()}
}

// report logs and counts an incident.
func (r *Relay) report(f Incident) {
	r.metrics.found(f)
	level := zerolog.WarnLevel
	if f.Kind == IncidentRecovered { // what a crash leaves
		level = zerolog.InfoLevel
	}
	r.logger.WithLevel(level).Str("kind", string(f.Kind)).Uint64("slot", f.Slot).Int("messages", f.Messages).Msg(f.Text)
}
