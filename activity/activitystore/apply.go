package activitystore

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
	"ordertally/shared/inbox"
)

// Apply counts a batch for this store alone; see Stores.Apply.
func (s *Store) Apply(ctx context.Context, batch *activity.Batch) ([]activity.Verdict, error) {
	verdicts, err := Stores{s}.Apply(ctx, []*activity.Batch{batch})
	if err != nil {
		return nil, err
	}
	return verdicts[0], nil
}

// apply counts a batch in a transaction.
func (s *Store) apply(tx *boltdb.Tx, batch *activity.Batch) (verdicts []activity.Verdict, err error) {
	root := s.root(tx.Tx)
	now := s.options.Clock.Now().UTC()
	err = updateState(root, func(st *state) error {
		known, err := readPositions(s.positions(root))
		if err != nil {
			return err
		}
		read := furthest(known, batch.Next)
		kept := map[activity.Ledger][]activity.Parked{activity.ParkedLedger: batch.Parked}
		if verdicts, err = s.count(root, batch, read, now, kept); err != nil {
			return err
		}
		crashpoint.Here("activity.counted")
		if err := s.noteIncidents(root, batch, verdicts, now); err != nil {
			return err
		}
		st.At, st.Event = now, latest(st.Event, batch.Messages, verdicts)
		st.noteForgotten(batch)
		for _, name := range activity.AllLedgers() {
			if err := s.keep(root, name, kept[name], now, st); err != nil {
				return err
			}
			if err := s.expire(root, name, now, st); err != nil {
				return err
			}
		}
		return putPositions(s.positions(root), batch.Next, read)
	})
	return verdicts, err
}

// verdicts says what each decision of the inbox means: the verdict, and the ledger and reason if the message is kept.
var verdicts = map[inbox.Verdict]struct {
	verdict activity.Verdict
	ledger  activity.Ledger
	poison  activity.Poison
}{
	inbox.Refuse:    {verdict: activity.VerdictDuplicate},
	inbox.Do:        {verdict: activity.VerdictCounted},
	inbox.DoCovered: {verdict: activity.VerdictCovered},
	inbox.Conflict: {
		activity.VerdictConflict,
		activity.ConflictLedger,
		activity.Poison{
			Reason: activity.ReasonConflict,
			Detail: "A message with this id and other content was read before. " +
				"One of the two is forged, or a program used an id twice. Accept this one if it should count as " +
				"well; otherwise discard it.",
		},
	},
	inbox.Late: {
		activity.VerdictLate,
		activity.LateLedger,
		activity.Poison{
			Reason: activity.ReasonLate,
			Detail: "The message is old enough to have been counted and its id forgotten since, " +
				"and its lineage and sequence number do not settle it. Accept it if it was not counted; discard it " +
				"if it was.",
		},
	},
}

// count decides message by message, then writes keys, slots and bins, each sorted. It adds each event to the stored
// bin, so the result does not depend on how messages were cut into batches. It adds to kept what goes to a ledger.
func (s *Store) count(
	root *bbolt.Bucket,
	batch *activity.Batch,
	read map[int32]int64,
	now time.Time,
	kept map[activity.Ledger][]activity.Parked,
) ([]activity.Verdict, error) {
	c, err := s.openCount(root, now)
	if err != nil {
		return nil, err
	}
	decided := make([]activity.Verdict, len(batch.Messages))
	covers := batch.Covers
	for i := range batch.Messages {
		if covers, err = c.cover(covers, i); err != nil {
			return nil, err
		}
		m := &batch.Messages[i]
		asked := inboxMessage(m)
		asked.ReadBefore = m.Offset < read[m.Partition]
		verdict, err := c.box.Decide(asked)
		if err == nil && (verdict == inbox.Do || verdict == inbox.DoCovered) {
			err = c.bins.add(m)
		}
		if err != nil {
			return nil, fmt.Errorf("message %.80q: %w", m.ID, err)
		}
		of := verdicts[verdict]
		decided[i] = of.verdict
		if of.ledger != "" {
			entry := *m.Raw
			entry.Poison = of.poison
			kept[of.ledger] = append(kept[of.ledger], entry)
		}
	}
	if _, err := c.cover(covers, len(batch.Messages)); err != nil {
		return nil, err
	}
	return decided, c.flush()
}

// counting adds messages to the inbox and the bins of one transaction.
type counting struct {
	box  *inbox.Inbox
	bins bins
}

func (s *Store) openCount(root *bbolt.Bucket, now time.Time) (*counting, error) {
	box, err := inbox.Open(root.Bucket(bucketInbox), now, s.options.DedupRetention)
	return &counting{box, bins{root: root, bucket: root.Bucket(bucketBins), def: &s.def, now: now, changes: s.changes,
		totals: make(map[binKey]*activity.Totals)}}, err
}

// cover covers the slots of what was read before the message of that index. It returns the covers that are left.
func (c *counting) cover(covers []activity.Cover, index int) ([]activity.Cover, error) {
	for ; len(covers) > 0 && covers[0].Before <= index; covers = covers[1:] {
		if err := c.box.Cover(covers[0].Lineage, covers[0].First, covers[0].Last); err != nil {
			return nil, fmt.Errorf("slot %d of lineage %.80q: %w", covers[0].Last, covers[0].Lineage, err)
		}
	}
	return covers, nil
}

// accept counts a message of a ledger, unless one with its id and content was counted before. It reports whether it
// did.
func (c *counting) accept(m *activity.Message) (bool, error) {
	first, err := c.box.Accept(inboxMessage(m))
	if err != nil {
		return false, fmt.Errorf("message %.80q: %w", m.ID, err)
	}
	if !first {
		return false, nil
	}
	return true, c.bins.add(m)
}

func (c *counting) flush() error {
	if err := c.box.Flush(); err != nil {
		return err
	}
	return c.bins.flush()
}

func inboxMessage(m *activity.Message) inbox.Message {
	return inbox.Message{
		ID:          m.ID,
		Content:     m.Content,
		Lineage:     m.Lineage,
		Sequence:    m.Sequence,
		Previous:    m.Previous,
		Written:     m.Timestamp,
		Republished: m.Republished,
	}
}

// latest returns the latest time of all events that were counted, before and now.
func latest(before time.Time, messages []activity.Message, verdicts []activity.Verdict) time.Time {
	for i := range messages {
		if at := messages[i].Event.At; verdicts[i].Counts() && at.After(before) {
			before = at.UTC()
		}
	}
	return before
}
