package activitystore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
	"ordertally/shared/inbox"
	"ordertally/shared/parked"
)

// SwapPlan is what Swap needs to know and takes long to find out.
type SwapPlan struct {
	audit   uint64 // number of the newest audit entry
	missing []inbox.Known
}

// errDecided says that an operator decided something since the plan was made.
var errDecided = errors.New("an operator decided about a message meanwhile")

// PlanSwap prepares a swap. It carries over what operators have decided about the activity's messages: a message that
// was accepted is counted in the rebuild as well, and one that was given up does not wait again.
func (r *Rebuild) PlanSwap(ctx context.Context, decode Decoder) (plan SwapPlan, err error) {
	var decided map[string]parked.Verb
	err = r.db.View(ctx, func(tx *bbolt.Tx) error {
		if r.root(tx) == nil {
			return ErrNoRebuild
		}
		var err error
		plan.audit, decided, err = decisions(tx.Bucket(r.name).Bucket(bucketAudit))
		return err
	})
	if err == nil {
		err = r.decideAgain(ctx, decided, decode)
	}
	if err == nil {
		err = r.db.View(ctx, func(tx *bbolt.Tx) error {
			st, err := readState(r.root(tx))
			if err == nil && !st.since().IsZero() {
				plan.missing, err = inbox.Missing(ctx, r.root(tx).Bucket(bucketInbox),
					tx.Bucket(r.name).Bucket(bucketInbox))
			}
			return err
		})
	}
	if err != nil {
		return SwapPlan{}, fmt.Errorf("prepare to swap %s: %w", r.name, err)
	}
	return plan, nil
}

// decisions returns the last decision about each message of a ledger, by ledger and id, and the number of the newest
// audit entry.
func decisions(audit *bbolt.Bucket) (newest uint64, decided map[string]parked.Verb, err error) {
	decided = make(map[string]parked.Verb)
	err = audit.ForEach(func(key, sealed []byte) error {
		var e parked.AuditEntry
		if err := readJSON(key, sealed, &e); err != nil {
			return fmt.Errorf("read audit entry %x: %w", key, err)
		}
		if e.Verb == parked.Discard || e.Verb == parked.Retry && e.Outcome == parked.Counted {
			decided[e.Ledger+"/"+e.ID] = e.Verb
		}
		return nil
	})
	return audit.Sequence(), decided, err
}

// decideStep is how many messages one transaction decides about.
const decideStep = 200

// decideAgain decides about the messages of the rebuild as operators did before.
func (r *Rebuild) decideAgain(ctx context.Context, decided map[string]parked.Verb, decode Decoder) error {
	if len(decided) == 0 {
		return nil
	}
	for _, name := range activity.AllLedgers() {
		store := ledgerStore{r.Store, name, decode}
		keys := make(map[parked.Verb][][]byte)
		err := r.db.View(ctx, func(tx *bbolt.Tx) error {
			return store.Messages(tx).ForEach(func(key, _ []byte) error {
				if verb, found := decided[string(name)+"/"+entryID(key)]; found {
					keys[verb] = append(keys[verb], slices.Clone(key))
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for verb, all := range keys {
			for step := range slices.Chunk(all, decideStep) {
				err := r.db.Write(ctx, func(tx *boltdb.Tx) error {
					_, err := store.Decide(tx, verb, step)
					return err
				})
				if err != nil {
					return fmt.Errorf("decide again about messages that were decided before: %w", err)
				}
			}
		}
	}
	return nil
}

// Swap makes the rebuild the activity's count, in one transaction, with an audit entry of the decision. Positions and
// audit entries stay. So both must stand at the same offsets: otherwise the error is ErrNotLevel. Nothing may write to
// the rebuild meanwhile.
//
// If the topic had forgotten its beginning, older bins keep the figures that have more events, and the inbox and the
// ledgers keep what they know of the forgotten records. Swap then returns since when the topic has all records, and
// otherwise the zero time.
func (r *Rebuild) Swap(ctx context.Context, plan SwapPlan, d parked.Decision) (since time.Time, err error) {
	err = r.db.Write(ctx, func(tx *boltdb.Tx) error {
		root, rebuilt := tx.Bucket(r.name), r.root(tx.Tx)
		switch {
		case rebuilt == nil:
			return boltdb.Refuse(ErrNoRebuild)
		case root.Bucket(bucketAudit).Sequence() != plan.audit:
			return boltdb.Refuse(errDecided)
		}
		if err := r.level(tx.Tx); err != nil {
			return err
		}
		s := swap{Store: r.Store, root: root, rebuilt: rebuilt, now: r.options.Clock.Now().UTC()}
		if err := s.run(plan); err != nil {
			return err
		}
		since = s.since
		crashpoint.Here("activity.swapping")
		return r.auditRebuild(root, parked.Swap, s.now, d)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("swap %s: %w", r.name, err)
	}
	crashpoint.Here("activity.swapped")
	return since, nil
}

// Decided reports whether Swap failed because an operator decided something since the plan was made. Make another plan.
func Decided(err error) bool { return errors.Is(err, errDecided) }

// swap is a swap in its transaction.
type swap struct {
	*Store
	root, rebuilt *bbolt.Bucket
	now           time.Time
	since         time.Time // before which the rebuild may be incomplete
	before, after state
}

func (s *swap) run(plan SwapPlan) (err error) {
	if s.before, err = readState(s.root); err != nil {
		return err
	}
	if s.after, err = readState(s.rebuilt); err != nil {
		return err
	}
	s.since = s.after.since()
	if err := s.declare(); err != nil {
		return err
	}
	names := rebuiltBuckets()
	if !s.since.IsZero() {
		if err := s.layBins(); err != nil {
			return err
		}
		names = append(ledgerBuckets(), bucketInbox, bucketIndexes)
	}
	if err := s.dropMerged(); err != nil {
		return err
	}
	s.replaces.noteAll(s.root.Tx().ID())
	old, err := replace(s.root, s.root, names...)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.rebuilt.MoveBucket(name, s.root); err != nil {
			return fmt.Errorf("move %s: %w", name, err)
		}
	}
	if !s.since.IsZero() {
		if err := s.keepForgotten(old, plan); err != nil {
			return err
		}
	}
	s.after.At, s.after.Expired = s.now, s.after.Expired+s.before.Expired
	if s.before.Event.After(s.after.Event) {
		s.after.Event = s.before.Event
	}
	if err := putJSON(s.root, keyState, s.after); err != nil {
		return err
	}
	return retire(s.root)
}

// dropMerged moves the merged days out of use.
func (s *swap) dropMerged() error {
	if s.root.Bucket(bucketMerged) == nil {
		return nil
	}
	_, err := replace(s.root, s.root, bucketMerged)
	return err
}

// declare takes over what the names of measures and dimensions mean. Names in bins that stay keep their meaning.
func (s *swap) declare() error {
	var known, rebuilt declared
	if err := readJSON(keyDeclared, s.rebuilt.Get(keyDeclared), &rebuilt); err != nil {
		return fmt.Errorf("read what the rebuild has counted: %w", err)
	}
	if !s.since.IsZero() {
		if err := readJSON(keyDeclared, s.root.Get(keyDeclared), &known); err != nil {
			return fmt.Errorf("read what the activity has counted: %w", err)
		}
		maps.Copy(rebuilt.Measures, known.Measures)
		maps.Copy(rebuilt.Dimensions, known.Dimensions)
	}
	return putJSON(s.root, keyDeclared, rebuilt)
}

// wholeFrom returns the first bin of which the topic has all events if it has all records since that time. An event may
// be a few seconds later than its record says.
func wholeFrom(since time.Time) activity.Quarter {
	return activity.QuarterOf(since.Add(time.Minute)) + 1
}

// layBins takes the bins of the rebuild, except old ones that have more events in the activity: the topic has forgotten
// some of these.
func (s *swap) layBins() error {
	live, rebuilt, whole := s.root.Bucket(bucketBins), s.rebuilt.Bucket(bucketBins), wholeFrom(s.since)
	var gone [][]byte
	cursor := live.Cursor()
	for key, _ := cursor.Seek(binKey{quarter: whole}.bytes()); key != nil; key, _ = cursor.Next() {
		if rebuilt.Get(key) == nil {
			gone = append(gone, bytes.Clone(key))
		}
	}
	for _, key := range gone {
		if err := live.Delete(key); err != nil {
			return err
		}
	}
	err := rebuilt.ForEach(func(key, sealed []byte) error {
		bin, err := parseBinKey(key)
		if err != nil {
			return err
		}
		if stored := live.Get(key); stored != nil && bin.quarter < whole {
			before, err := decodeTotals(key, bin.partition, stored)
			if err != nil {
				return err
			}
			after, err := decodeTotals(key, bin.partition, sealed)
			if before.Count > after.Count || err != nil {
				return err
			}
		}
		return live.Put(key, sealed)
	})
	if err != nil {
		return fmt.Errorf("take over what was counted again: %w", err)
	}
	return nil
}

// keepForgotten keeps what the activity knew of records that the topic has forgotten: ids and slots, and messages that
// wait for an operator. old has the buckets that were replaced.
func (s *swap) keepForgotten(old *bbolt.Bucket, plan SwapPlan) error {
	err := inbox.Absorb(s.root.Bucket(bucketInbox), old.Bucket(bucketInbox), plan.missing, s.now,
		s.options.DedupRetention)
	if err != nil {
		return err
	}
	for _, name := range activity.AllLedgers() {
		into := s.ledger(s.root, name, &s.after)
		messages := old.Bucket([]byte(name)).Bucket(s.topic).Cursor()
		for partition, start := range s.after.Starts {
			from, to := rangeKey(partition, 0), rangeKey(partition, start)
			for key, sealed := messages.Seek(from); key != nil && bytes.Compare(key, to) < 0; key,
				sealed = messages.Next() {
				kept, err := decodeKept(key, sealed)
				if err != nil {
					return err
				}
				if err := into.put(bytes.Clone(key), bytes.Clone(sealed), kept.At, kept.MessageID); err != nil {
					return fmt.Errorf("keep message %s: %w", kept.ID, err)
				}
			}
		}
	}
	// The older figures stay, and with them what is known of their beginning.
	s.after.Starts, s.after.Awaits, s.after.Since = s.before.Starts, s.before.Awaits, s.before.Since
	if known := s.before.since(); !known.IsZero() && s.since.Before(known) {
		s.after.Awaits, s.after.Since = nil, s.since
	}
	return nil
}
