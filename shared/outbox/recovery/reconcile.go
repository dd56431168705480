package recovery

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
	"ordertally/shared/outbox"
)

// memory is what the file knows about its lineage's past.
type memory struct {
	epochs  history
	log     string // its id; "" until the lineage first publishes
	repair  bool
	fenced  bool
	shared  uint64 // last slot in common with the file that fenced this one
	anchors map[int32]outbox.StoredRecord
}

// current returns the first slot of the present epoch.
func (m *memory) current() uint64 { return m.epochs.epochs[len(m.epochs.epochs)-1].first }

func (r *Recovery) remember(ctx context.Context) (m memory, err error) {
	err = r.db.View(ctx, func(tx *bbolt.Tx) error {
		root := tx.Bucket(rootBucket)
		log, errLog := getMeta(root, metaLog)
		fenced, errFenced := getMeta(root, metaFenced)
		m.log, m.repair = string(log), root.Bucket(metaBucket).Get(metaRepair) != nil
		if m.fenced = len(fenced) == 8; m.fenced {
			m.shared = binary.BigEndian.Uint64(fenced)
		}
		var errEpochs, errAnchors error
		m.epochs.epochs, m.epochs.dropped, errEpochs = loadEpochs(root)
		m.epochs.tail = r.history.LastSlot()
		m.anchors, errAnchors = loadAnchors(root)
		return errors.Join(errLog, errFenced, errEpochs, errAnchors)
	})
	return m, err
}

// write runs a transaction on the recovery's bucket.
func (r *Recovery) write(ctx context.Context, change func(tx *boltdb.Tx, root *bbolt.Bucket) error) error {
	return outbox.Fatal(r.db.Write(ctx, func(tx *boltdb.Tx) error { return change(tx, tx.Bucket(rootBucket)) }))
}

// Reconcile implements outbox.Recovery.
func (r *Recovery) Reconcile(ctx context.Context, c *outbox.Connection) error {
	m, err := r.remember(ctx)
	if err != nil {
		return outbox.Fatal(err)
	}
	watermark, known := c.Watermark()
	foreign := known && !written(watermark)
	if foreign { // the log is read instead
		r.logger.Warn().Uint64("slot", watermark.Slot).Msg(foreignWatermark)
		watermark, known = outbox.Watermark{}, false
	}
	if err := r.checkOwner(ctx, c, &m, watermark, known); err != nil {
		return err
	}
	if err := r.checkLog(ctx, c, &m, watermark, known, foreign); err != nil {
		return err
	}
	r.epochs = m.epochs
	switch {
	case !r.claimed:
		return r.claim(ctx, c, &m)
	case !known:
		return c.Announce(ctx)
	}
	return nil
}

// foreignWatermark is the message about a watermark that no outbox sets.
const foreignWatermark = "another program set the watermark of this lineage: remove its rights to groups that begin " +
	"with ordertally-order-"

// written reports whether an outbox set the watermark. Its note must be readable and must not end before the
// watermark's slot.
func written(watermark outbox.Watermark) bool {
	theirs, ok := decodeNote(watermark.Note)
	return ok && watermark.Slot <= theirs.tail
}

// checkOwner checks whether this file still owns the lineage. The publisher's epochs are those of the last file that
// published under it.
func (r *Recovery) checkOwner(
	ctx context.Context, c *outbox.Connection, m *memory, watermark outbox.Watermark, known bool,
) error {
	if m.fenced { // by an earlier process of this file
		return r.leave(ctx, c, m, m.shared)
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
	if !sure { // this file is too old a copy to tell; what it published is in common
		common = r.history.Published()
	}
	return r.leave(ctx, c, m, common)
}

// leave leaves the lineage to another service, which shares the slots up to common. The file may not go on as it is:
// it lacks orders and idempotency keys that the other one has. So the process ends, unless an operator wants the file
// to fork, and this process has not published under the lineage yet.
func (r *Recovery) leave(ctx context.Context, c *outbox.Connection, m *memory, common uint64) error {
	leave, ending := r.fence, outbox.Fatal(outbox.ErrFenced)
	if r.mayFork && !r.claimed {
		leave, ending = r.fork, outbox.ErrForked
	}
	incident, err := leave(ctx, m, common)
	if err != nil {
		return fmt.Errorf("leave lineage %s to another service: %w", r.outbox.Lineage(), err)
	}
	c.Report(&incident)
	return ending
}

// claim gives this file's epochs to the publisher. The log's id is stored first. So if the id is absent, the lineage
// has published nothing.
func (r *Recovery) claim(ctx context.Context, c *outbox.Connection, m *memory) error {
	if log, ok := c.Session.(outbox.Log); ok && m.log == "" {
		next, err := log.Ends(ctx)
		if err != nil {
			return err
		}
		r.warnOfOthers(next)
		ends := c.Ends()
		for partition, offset := range next {
			if _, known := ends[partition]; !known {
				ends[partition] = outbox.StoredRecord{
					Position: outbox.Position{Partition: partition, Offset: offset - 1}}
			}
		}
		err = r.write(ctx, func(tx *boltdb.Tx, root *bbolt.Bucket) error {
			return errors.Join(putMeta(root, metaLog, []byte(log.LogID())),
				r.history.Stand(tx, ends, nil, r.history.Published()))
		})
		if err != nil {
			return err
		}
	}
	crashpoint.Here("outbox.before-claim")
	if err := c.Announce(ctx); err != nil {
		return err
	}
	crashpoint.Here("outbox.after-claim")
	r.claimed = true
	if r.mayFork {
		r.mayFork = false
		r.logger.Warn().Msg("the file owns its lineage now: start it without --fork from now on")
	}
	return nil
}

// warnOfOthers warns if the file is new and its log is not. Somebody may have lost the file that wrote the log, and
// with it the idempotency keys of the orders in the log.
func (r *Recovery) warnOfOthers(ends map[int32]int64) {
	if r.history.Base() > 0 { // it has forked
		return
	}
	for _, end := range ends {
		if end > 0 {
			r.logger.Warn().Msg("this file is new, and the topic has orders of other files: if it is to go on for " +
				"one " +
				"that was lost, stop it and make the file from the topic: order restore --data NEW --from-topic")
			return
		}
	}
}

// Check implements outbox.Recovery.
func (r *Recovery) Check(ctx context.Context, c *outbox.Connection) error {
	log, ok := c.Session.(outbox.Log)
	if !ok {
		return nil
	}
	m, err := r.remember(ctx)
	if err != nil {
		return outbox.Fatal(err)
	}
	lost, err := lost(ctx, log, c.Ends(), m.anchors)
	if err == nil && lost {
		err = outbox.ErrChanged
	}
	return err
}

// lost reports whether the log lacks a record that it had: the last one of a partition, or the last one from before
// this session (rule P8a).
func lost(ctx context.Context, log outbox.Log, ends, anchors map[int32]outbox.StoredRecord) (bool, error) {
	var records []outbox.StoredRecord
	for _, end := range ends {
		if end.Slot > 0 {
			records = append(records, end)
		}
	}
	for partition, anchor := range anchors {
		if anchor.Slot > 0 && anchor != ends[partition] {
			records = append(records, anchor)
		}
	}
	gone, err := log.Lost(ctx, records)
	return len(gone) > 0, err
}

// anchor moves the anchors to the ends. It may be called only after a connect saw both.
func (r *Recovery) anchor(ctx context.Context, m *memory, ends map[int32]outbox.StoredRecord) error {
	if maps.Equal(m.anchors, ends) {
		return nil
	}
	return r.write(ctx, func(_ *boltdb.Tx, root *bbolt.Bucket) error { return storeAnchors(root, ends) })
}
