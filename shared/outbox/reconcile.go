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
	terms   history
	place   string // "" until the lineage first published
	repair  bool
	fenced  bool
	shared  uint64 // last slot in common with the file that fenced this one
	current uint64 // first slot of the present term
}

func (o *Outbox) remember(ctx context.Context) (m memory, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		if m.terms.terms, err = loadTerms(root); err != nil {
			return err
		}
		m.terms.tail = root.Bucket(messagesBucket).Sequence()
		m.current = m.terms.terms[len(m.terms.terms)-1].first
		place, err := getMeta(root, metaPlace)
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
	mark, known := session.Mark()
	stranger := known && !written(mark)
	if stranger { // the topic tells instead
		r.logger.Warn().Uint64("offset", mark.Slot).Msg(strangersMark)
		mark, known = Mark{}, false
	}
	if err := r.checkOwner(ctx, m, mark, known); err != nil {
		return err
	}
	if err := r.checkPlace(ctx, session, m, mark, known, stranger); err != nil {
		return err
	}
	if r.previous, err = r.outbox.publishedBefore(ctx, r.outbox.position.Load()); err != nil {
		return &fatalError{err}
	}
	r.terms = m.terms
	if !r.claimed {
		err = r.claim(ctx, session, m)
	} else if !known {
		err = r.setMark(ctx, session)
	}
	if err == nil {
		r.held(nil)
		began.slot = r.outbox.position.Load()
		r.seen(began)
	}
	r.checked = time.Now()
	return err
}

// strangersMark is said when the mark is none that an outbox sets.
const strangersMark = "another program committed to the watermark group of this lineage: remove its rights to groups " +
	"that begin with ordertally-order-"

// written says whether an outbox set the mark: its note can be read, and does not speak of fewer slots.
func written(mark Mark) bool {
	theirs, ok := decodeNote(mark.Note)
	return ok && mark.Slot <= theirs.tail
}

// checkOwner sees whether the lineage still is this file's. The publisher's terms are those of the last file that
// published under it.
func (r *Relay) checkOwner(ctx context.Context, m *memory, mark Mark, known bool) error {
	position := r.outbox.position.Load()
	if m.fenced { // an earlier process was
		return r.leave(ctx, &m.terms, m.shared, mark.Slot)
	}
	if !known {
		return nil
	}
	theirs, _ := decodeNote(mark.Note)
	theirs.tail = max(theirs.tail, mark.Slot)
	common, sure := m.terms.common(&theirs)
	if m.terms.extends(&theirs) && mark.Slot <= common {
		return nil
	}
	if !sure { // a copy too old to say more: what it published itself is in common
		common = position
	}
	return r.leave(ctx, &m.terms, common, mark.Slot)
}

// leave gives the lineage up to another file, which has the slots up to common too and has published those up to
// published. A process that published under the lineage stops: somebody has to see that two are running. One that has
// not yet goes on under a new lineage.
func (r *Relay) leave(ctx context.Context, terms *history, common, published uint64) error {
	published = min(common, max(published, r.outbox.position.Load()))
	var f Finding
	var err error
	if r.claimed {
		f, err = r.outbox.fence(ctx, common)
	} else {
		f, err = r.outbox.fork(ctx, terms, common, published)
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

// claim has the publisher remember this file's terms. The place's name is stored before: whoever finds it absent knows
// that the lineage has published nothing.
func (r *Relay) claim(ctx context.Context, session Session, m *memory) error {
	if m.place == "" {
		ends, err := session.Ends(ctx)
		if err != nil {
			return err
		}
		for partition, next := range ends {
			if _, known := r.tails[partition]; !known {
				r.tails[partition] = Standing{Place: Place{partition, next - 1}}
			}
		}
		if err := r.outbox.settle(ctx, settlement{tails: r.tails, place: session.Place()}); err != nil {
			return &fatalError{err}
		}
	}
	crashpoint.Here("outbox.before-claim")
	if err := r.setMark(ctx, session); err != nil {
		return err
	}
	crashpoint.Here("outbox.after-claim")
	r.claimed = true
	return nil
}

// setMark publishes the mark alone.
func (r *Relay) setMark(ctx context.Context, session Session) error {
	ctx, cancel := r.transaction(ctx)
	defer cancel()
	_, err := session.Publish(ctx, nil, r.mark(r.outbox.position.Load()))
	r.metrics.ended(err)
	if err != nil {
		return err
	}
	r.marked = time.Now()
	return nil
}

// mark is what travels with the messages up to slot.
func (r *Relay) mark(slot uint64) Mark {
	r.terms.tail = r.outbox.queue.lastSlot()
	return Mark{Slot: slot, Note: r.terms.encode()}
}

// report logs and counts a finding.
func (r *Relay) report(f Finding) {
	r.metrics.found(f)
	level := zerolog.WarnLevel
	if f.Kind == FoundRecovered { // what a crash leaves
		level = zerolog.InfoLevel
	}
	r.logger.WithLevel(level).Str("kind", string(f.Kind)).Uint64("slot", f.Slot).Int("messages", f.Messages).Msg(f.Text)
}
