package outbox

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// checkPlace sees that the place still has what was published to it, and publishes again what it lost (rule P8). The
// watermark only saves work: what counts is what stands there.
func (r *Relay) checkPlace(ctx context.Context, session Session, m *memory, watermark Watermark, known,
	stranger bool) error {
	position := r.outbox.position.Load()
	if m.place == "" && !known && position == r.outbox.id.Load().base {
		return nil // nothing was ever published under this lineage
	}
	published, err := r.outbox.publishedBefore(ctx, position) // what was skipped since carries no watermark
	if err != nil {
		return &fatalError{err}
	}
	moved := m.place != "" && m.place != session.LogID()
	all := m.repair || moved || !known || watermark.Slot < published
	if !all {
		lost, err := r.lost(ctx, session)
		if err != nil {
			return err
		}
		all = lost
	}
	if !all && watermark.Slot <= position {
		r.anchor()
		return nil
	}
	s := survey{outbox: r.outbox, moved: moved, all: all, known: position, to: max(position, watermark.Slot),
		tail: m.epochs.tail, clash: m.epochs.tail + 1, ours: known}
	if err := r.survey(ctx, session, &s); err != nil {
		return err
	}
	if s.ahead || s.clash <= m.epochs.tail {
		common := s.clash - 1
		if s.ahead && !r.claimed {
			common = min(common, m.current-1) // nobody else has what was appended since the start
		}
		return r.leave(ctx, &m.epochs, common, position)
	}
	s.stranger, s.forgotten = stranger, !known && !stranger
	return r.putRight(ctx, session, &s)
}

// survey is what one reading of the place found.
type survey struct {
	outbox *Outbox
	moved  bool // the place was made anew
	// The watermark was forgotten, or is somebody else's.
	forgotten, stranger bool
	all                 bool   // it was read from its start, else from the tails
	known               uint64 // slots up to here are recorded as published
	to                  uint64 // slots up to here were published at some time
	tail                uint64

	found     slotSet
	starts    map[int32]int64
	tails     tails
	recovered []StoredRecord // past known
	ahead     bool           // slots stand there that this file has not given
	clash     uint64         // the first slot that stands there with another message
	// ours says that the watermark is this file's: nobody else published under the lineage. What stands there that the
	// file does not have was then written by another program, with headers that are not its own.
	ours   bool
	forged int
}

// survey reads the place.
func (r *Relay) survey(ctx context.Context, session Session, s *survey) error {
	s.tails, s.found = tails{}, slotSet{}
	var from map[int32]int64
	if !s.all {
		s.tails = maps.Clone(r.tails)
		from = s.tails.next()
	}
	var err error
	s.starts, err = session.Scan(ctx, from, func(sight Sight) error {
		r.watchdog.Step()
		r.held(sight.Hidden)
		return s.note(ctx, sight.Found)
	})
	if err != nil {
		return err
	}
	r.held(nil)
	for partition, start := range s.starts {
		if _, ok := s.tails[partition]; !ok {
			s.tails[partition] = tail{StoredRecord: StoredRecord{Position: Position{partition, start - 1}}}
		}
	}
	slices.SortFunc(s.recovered, func(a, b StoredRecord) int { return cmp.Compare(a.Slot, b.Slot) })
	return nil
}

func (s *survey) note(ctx context.Context, standing []StoredRecord) error {
	err := s.outbox.db.View(ctx, func(tx *bbolt.Tx) error {
		rows := tx.Bucket(rootBucket).Bucket(messagesBucket)
		for _, found := range standing {
			same, err := s.has(rows, found)
			if err != nil {
				return err
			}
			if !same && s.ours {
				s.forged++
				continue
			}
			if found.Slot > s.tail {
				s.ahead = true
				continue
			}
			if !same {
				s.clash = min(s.clash, found.Slot)
			}
			s.found.add(found.Slot)
			s.tails[found.Partition] = tail{StoredRecord: StoredRecord{Position: found.Position, Slot: found.Slot}}
			s.to = max(s.to, found.Slot)
			if found.Slot > s.known {
				s.recovered = append(s.recovered, found)
			}
		}
		return nil
	})
	if err != nil {
		return &fatalError{err}
	}
	return nil
}

// has reports whether the file has the message that stands at a place, under its slot. One that expired is taken for
// the same.
func (s *survey) has(rows *bbolt.Bucket, found StoredRecord) (bool, error) {
	if found.Slot > s.tail {
		return false, nil
	}
	key := slotKey(found.Slot)
	sealed := rows.Get(key)
	if sealed == nil {
		return true, nil
	}
	r, err := decodeRow(key, sealed)
	return err == nil && r.message.ID == found.ID, err
}

// putRight records what the survey found and publishes what is missing, in the order of slots.
func (r *Relay) putRight(ctx context.Context, session Session, s *survey) error {
	missing, err := r.outbox.missing(ctx, s)
	if err != nil {
		return &fatalError{err}
	}
	if err := r.outbox.db.View(ctx, func(tx *bbolt.Tx) error {
		return s.tails.follow(r.outbox, tx.Bucket(rootBucket), r.tails, s.known, s.to)
	}); err != nil {
		return &fatalError{err}
	}
	done := settlement{
		tails:    s.tails,
		anchors:  s.tails,
		forget:   s.all,
		place:    session.LogID(),
		repair:   len(missing) > 0,
		repaired: len(missing) == 0,
	}
	done.incidents = s.incidents()
	if s.to > s.known {
		b := batch{first: s.known + 1, last: s.to, slots: newPositionMap(s.recovered)}
		done.recovered = &b
	}
	if err := r.outbox.settle(ctx, done); err != nil {
		return &fatalError{err}
	}
	for i := range done.incidents {
		r.report(done.incidents[i])
	}
	r.tails, r.anchors, r.unsaved = s.tails, maps.Clone(s.tails), nil
	r.setPosition(s.to)
	for rest := missing; len(rest) > 0; {
		n, err := r.republish(ctx, session, rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	if len(missing) == 0 {
		return nil
	}
	f := r.outbox.incident(IncidentRepublished, missing[0]-1, len(missing),
		"%d messages that had been published were gone; they are published again, to the partitions they had",
		len(missing))
	if err := r.outbox.settle(ctx, settlement{place: session.LogID(), repaired: true,
		incidents: []Incident{f}}); err != nil {
		return &fatalError{err}
	}
	r.report(f)
	return nil
}

func (s *survey) incidents() (incidents []Incident) {
	add := func(kind IncidentKind, n int, text string) {
		incidents = append(incidents, s.outbox.incident(kind, s.known, n, "%s", text))
	}
	if s.moved {
		add(IncidentLogRecreated, 0, "the topic was deleted and made again; read it from its start")
	}
	if s.forgotten {
		add(IncidentWatermarkLost, 0, "the watermark is gone; read the topic from its start instead")
	}
	if s.stranger {
		add(IncidentWatermarkForeign, 0, foreignWatermark+"; read the topic from its start instead")
	}
	if s.forged > 0 {
		add(IncidentForged, s.forged, "records in the topic bear this lineage and are none of its messages: another "+
			"program "+
			"wrote them, and they are left alone; see who may write to the topic")
	}
	if n := len(s.recovered); n > 0 {
		add(IncidentRecovered, n, "an earlier transaction was committed without being recorded; read back where its "+
			"messages stand")
	}
	return incidents
}

// missing returns the messages up to s.to that were published and do not stand in the place, in the order of slots.
// What the place's own retention deleted is not missing.
func (o *Outbox) missing(ctx context.Context, s *survey) (missing []uint64, err error) {
	first := o.id.Load().base + 1
	if !s.all {
		first = s.known + 1
	}
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		skipped := root.Bucket(skippedBucket)
		places := positionCursor{root: root}
		cursor := root.Bucket(messagesBucket).Cursor()
		for key, _ := cursor.Seek(slotKey(first)); key != nil && slotOf(key) <= s.to; key, _ = cursor.Next() {
			slot := slotOf(key)
			if s.found.has(slot) || skipped.Get(key) != nil {
				continue
			}
			place, placed, err := places.find(slot)
			if err != nil {
				return err
			}
			if placed && !s.moved && place.Offset < s.starts[place.Partition] {
				continue
			}
			missing = append(missing, slot)
		}
		return nil
	})
	return missing, err
}

// republish sends as many of missing as one transaction takes, and returns how many.
func (r *Relay) republish(ctx context.Context, session Session, missing []uint64) (n int, err error) {
	r.watchdog.Step()
	rows, records, err := r.outbox.recordsAgain(ctx, missing, r.batchCap, r.config.BatchBytes)
	if err != nil {
		return 0, &fatalError{err}
	}
	publishCtx, cancel := r.transaction(ctx)
	defer cancel()
	crashpoint.Here("outbox.before-republish")
	places, err := session.Publish(publishCtx, records, r.watermark(r.outbox.position.Load()))
	r.metrics.ended(err)
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
	again := settlement{again: standing(records, places), at: r.outbox.config.Clock.Now()}
	again.tails = r.tails.published(again.again)
	if err := r.outbox.settle(ctx, again); err != nil {
		return 0, &fatalError{err}
	}
	r.metrics.republished.Add(float64(len(records)))
	return len(records), nil
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

// settlement is what is stored of a repair, in one transaction.
type settlement struct {
	forget    bool   // the tails and anchors stored before
	tails     tails  // moved
	anchors   tails  // moved
	recovered *batch // published by an earlier process
	again     []StoredRecord
	place     string    // "" to leave it
	at        time.Time // when again was published
	repair    bool      // messages are to be published again
	repaired  bool      // they all have been
	incidents []Incident
}

func (o *Outbox) settle(ctx context.Context, s settlement) error {
	return o.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(rootBucket)
		var errs []error
		if s.forget {
			errs = append(errs, emptyBucket(root, tailsBucket, nil), emptyBucket(root, anchorsBucket, nil))
		}
		errs = append(errs, s.tails.store(root, tailsBucket), s.anchors.store(root, anchorsBucket))
		if s.recovered != nil {
			errs = append(errs, s.recovered.store(root))
		}
		for _, standing := range s.again {
			errs = append(errs, putAgain(root, standing, s.at))
		}
		if s.place != "" {
			errs = append(errs, putMeta(root, metaLog, []byte(s.place)))
		}
		if s.repair {
			errs = append(errs, putMeta(root, metaRepair, nil))
		}
		if s.repaired {
			errs = append(errs, root.Bucket(metaBucket).Delete(metaRepair))
		}
		for _, f := range s.incidents {
			errs = append(errs, putIncident(root, f))
		}
		return errors.Join(errs...)
	})
}
