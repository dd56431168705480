package recovery

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
)

// checkLog checks that the log still has what was published to it, and publishes again what it lost (rule P8). The
// watermark only saves work. What stands in the log decides.
func (r *Recovery) checkLog(
	ctx context.Context, c *outbox.Connection, m *memory, watermark outbox.Watermark, known, foreign bool,
) error {
	log, ok := c.Session.(outbox.Log)
	if !ok {
		return c.Believe(ctx)
	}
	position := r.history.Published()
	if m.log == "" && !known && position == r.history.Base() {
		return nil // nothing was ever published under this lineage
	}
	published, err := r.newestPublished(ctx, position) // no watermark was sent for what was skipped since
	if err != nil {
		return err
	}
	moved := m.log != "" && m.log != log.LogID()
	all := m.repair || moved || !known || watermark.Slot < published
	if !all {
		if all, err = lost(ctx, log, c.Ends(), m.anchors); err != nil {
			return err
		}
	}
	if !all && watermark.Slot <= position {
		return r.anchor(ctx, m, c.Ends())
	}
	s := reconciliation{recovery: r, moved: moved, all: all, known: position, to: max(position, watermark.Slot),
		tail: m.epochs.tail, clash: m.epochs.tail + 1, ours: known}
	if err := s.read(ctx, c, log); err != nil {
		return err
	}
	if s.ahead || s.clash <= m.epochs.tail {
		common := s.clash - 1
		if s.ahead && !r.claimed {
			common = min(common, m.current()-1) // no other file has what was appended since the start
		}
		return r.leave(ctx, c, m, common)
	}
	s.foreign, s.forgotten = foreign, !known && !foreign
	return r.settle(ctx, c, log, &s)
}

func (r *Recovery) newestPublished(ctx context.Context, slot uint64) (published uint64, err error) {
	err = r.db.View(ctx, func(tx *bbolt.Tx) error {
		published = r.history.NewestPublished(tx, slot)
		return nil
	})
	return published, outbox.Fatal(err)
}

// reconciliation is the result of one reading of the log.
type reconciliation struct {
	recovery *Recovery
	moved    bool // the log was recreated
	// The watermark was forgotten, or another program set it.
	forgotten, foreign bool
	all                bool   // the log was read from its start, not from the known ends
	known              uint64 // slots up to here are recorded as published
	to                 uint64 // slots up to here were published at some time
	tail               uint64

	found     slotSet
	starts    map[int32]int64
	ends      map[int32]outbox.StoredRecord
	recovered []outbox.StoredRecord // past known
	ahead     bool                  // the log has slots that this file has not given
	clash     uint64                // the first slot that has another message in the log
	// ours says that the watermark is this file's, so nobody else published under the lineage. Records that the file
	// does not have were then written by another program, which forged their headers.
	ours   bool
	forged int
}

// read reads the log.
func (s *reconciliation) read(ctx context.Context, c *outbox.Connection, log outbox.Log) (err error) {
	s.ends, s.found = map[int32]outbox.StoredRecord{}, slotSet{}
	from := map[int32]int64{}
	if !s.all {
		s.ends = c.Ends()
		for partition, end := range s.ends {
			from[partition] = end.Offset + 1
		}
	}
	s.starts, err = log.Scan(ctx, from, func(sight outbox.Sight) error {
		c.Progress()
		c.Waits(sight.Hidden)
		return s.note(ctx, sight.Found)
	})
	if err != nil {
		return err
	}
	c.Waits(nil)
	for partition, start := range s.starts {
		if _, ok := s.ends[partition]; !ok {
			s.ends[partition] = outbox.StoredRecord{Position: outbox.Position{Partition: partition, Offset: start - 1}}
		}
	}
	slices.SortFunc(s.recovered, func(a, b outbox.StoredRecord) int { return cmp.Compare(a.Slot, b.Slot) })
	return nil
}

func (s *reconciliation) note(ctx context.Context, records []outbox.StoredRecord) error {
	return outbox.Fatal(s.recovery.db.View(ctx, func(tx *bbolt.Tx) error {
		for _, found := range records {
			same := found.Slot <= s.tail && s.recovery.history.Has(tx, found.Slot, found.ID)
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
			s.ends[found.Partition] = outbox.StoredRecord{Position: found.Position, Slot: found.Slot}
			s.to = max(s.to, found.Slot)
			if found.Slot > s.known {
				s.recovered = append(s.recovered, found)
			}
		}
		return nil
	}))
}

// settle records what the reconciliation found, and publishes the missing messages in slot order.
func (r *Recovery) settle(ctx context.Context, c *outbox.Connection, log outbox.Log, s *reconciliation) error {
	missing, err := s.missing(ctx)
	if err != nil {
		return err
	}
	incidents := s.incidents()
	err = r.write(ctx, func(tx *boltdb.Tx, root *bbolt.Bucket) error {
		repair := root.Bucket(metaBucket).Delete(metaRepair)
		if len(missing) > 0 {
			repair = putMeta(root, metaRepair, nil)
		}
		return errors.Join(r.history.Stand(tx, s.ends, s.recovered, s.to), storeAnchors(root, s.ends), repair,
			putMeta(root, metaLog, []byte(log.LogID())), r.history.Keep(tx, incidents...))
	})
	if err != nil {
		return err
	}
	for i := range incidents {
		c.Report(&incidents[i])
	}
	if len(missing) == 0 {
		return nil
	}
	if err := c.Reload(ctx); err != nil {
		return err
	}
	for rest := missing; len(rest) > 0; {
		n, err := c.PublishAgain(ctx, rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	i := r.history.Incident(outbox.IncidentRepublished, missing[0]-1, len(missing),
		"published messages that were gone: %d; published again, to the partitions that they had",
		len(missing))
	err = r.write(ctx, func(tx *boltdb.Tx, root *bbolt.Bucket) error {
		return errors.Join(root.Bucket(metaBucket).Delete(metaRepair), r.history.Keep(tx, i))
	})
	if err == nil {
		c.Report(&i)
	}
	return err
}

func (s *reconciliation) incidents() (incidents []outbox.Incident) {
	add := func(kind outbox.IncidentKind, n int, text string) {
		incidents = append(incidents, s.recovery.history.Incident(kind, s.known, n, "%s", text))
	}
	if s.moved {
		add(outbox.IncidentLogRecreated, 0, "the log was deleted and made again; read it from its start")
	}
	if s.forgotten {
		add(outbox.IncidentWatermarkLost, 0, "the watermark is gone; read the log from its start instead")
	}
	if s.foreign {
		add(outbox.IncidentWatermarkForeign, 0, foreignWatermark+"; read the log from its start instead")
	}
	if s.forged > 0 {
		add(outbox.IncidentForged, s.forged,
			"records in the log bear this lineage and are none of its messages: another "+
				"program wrote them, and they are left alone; see who may write to the log")
	}
	if n := len(s.recovered); n > 0 {
		add(outbox.IncidentRecovered, n,
			"an earlier transaction was committed without being recorded; read back where "+
				"its messages stand")
	}
	return incidents
}

// missing returns the slots up to s.to that were published and are not in the log, in order. What the log's own
// retention deleted is not missing.
func (s *reconciliation) missing(ctx context.Context) (missing []uint64, err error) {
	h := s.recovery.history
	first := h.Base() + 1
	if !s.all {
		first = s.known + 1
	}
	err = s.recovery.db.View(ctx, func(tx *bbolt.Tx) error {
		return h.Each(tx, first, s.to, func(slot uint64, at outbox.Position, known bool) {
			if !s.found.has(slot) && (!known || s.moved || at.Offset >= s.starts[at.Partition]) {
				missing = append(missing, slot)
			}
		})
	})
	return missing, outbox.Fatal(err)
}
