package activitystore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
)

// What a keeper keeps and does at once.
const (
	// maxBegins bounds the merged days of one date: they may begin at so many different quarter hours. A zone has one
	// beginning, or two with summer time; zones with the same offset share them.
	maxBegins = 24
	// beginRests is how long a beginning is not asked for before another may take its place.
	beginRests = time.Hour
	maxWanted  = 4096 // records that wait to be merged
	keepStep   = 16   // records that are merged at once
	keepBytes  = 512 << 10
	forgetStep = 256 // records that one transaction drops
	keepPause  = 5 * time.Millisecond
)

// perDay is how many quarter hours a UTC day has.
const perDay = 96

// begins are the quarter hours of a UTC day at which days begin.
type begins [perDay]bool

func beginOf(span activity.Span) int { return int(span.From % perDay) }

func (b *begins) add(span activity.Span) { b[beginOf(span)] = true }

// keeper is what the merged days of an activity are asked for.
type keeper struct {
	mu     sync.Mutex
	wanted map[mergedKey]struct{} // and over
	later  map[mergedKey]struct{} // wanted, and not over yet
	kept   map[int]time.Time      // beginnings that have merged days, with when they were asked for last
	// learned says that kept has what the file has. Only MergeAsked uses it.
	learned bool
	wake    chan struct{} // has one element when something is wanted
}

func newKeeper() *keeper {
	return &keeper{wanted: make(map[mergedKey]struct{}), later: make(map[mergedKey]struct{}),
		kept: make(map[int]time.Time), wake: make(chan struct{}, 1)}
}

// asked notes what a question was about, what it found missing, and that days until closed are over.
func (k *keeper) asked(now time.Time, of begins, missing []mergedKey, closed time.Time) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for begin := range k.kept {
		if of[begin] {
			k.kept[begin] = now
		}
	}
	for _, key := range missing {
		if len(k.later) >= maxWanted {
			break
		}
		k.later[key] = struct{}{}
	}
	over := false
	for key := range k.later {
		if !key.To.Start().After(closed) && len(k.wanted) < maxWanted {
			delete(k.later, key)
			k.wanted[key], over = struct{}{}, true
		}
	}
	if over {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// again notes records that are still to be merged.
func (k *keeper) again(keys []mergedKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range keys {
		k.wanted[key] = struct{}{}
	}
}

// next returns the records to merge next, all of days with the same beginning. It is empty if none are wanted.
func (k *keeper) next() []mergedKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []mergedKey
	for key := range k.wanted {
		all = append(all, key)
	}
	slices.SortFunc(all, mergedKey.compare)
	if len(all) > 0 {
		begin := beginOf(all[0].Span)
		all = slices.DeleteFunc(all, func(key mergedKey) bool { return beginOf(key.Span) != begin })
	}
	all = all[:min(len(all), keepStep)]
	for _, key := range all {
		delete(k.wanted, key)
	}
	return all
}

// admit reports whether days with that beginning may be kept. If another one has to go first it returns that, otherwise
// -1.
func (k *keeper) admit(begin int, now time.Time) (admitted bool, gone int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, found := k.kept[begin]; found {
		return true, -1
	}
	gone = -1
	if len(k.kept) >= maxBegins {
		for other, at := range k.kept {
			if gone < 0 || at.Before(k.kept[gone]) {
				gone = other
			}
		}
		if now.Sub(k.kept[gone]) < beginRests {
			return false, -1
		}
	}
	return true, gone
}

func (k *keeper) begun(begin int, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[begin] = now
}

func (k *keeper) ended(begin int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept, begin)
}

// KeepMerged merges the days that were asked for and are not merged, a few at a time, so that the next question finds
// them. It returns when ctx ends, which is no error, or when the file fails. Call it once.
func (s *Store) KeepMerged(ctx context.Context) error {
	err := s.keepMerged(ctx)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("merge days of %s: %w", s.name, err)
	}
	return nil
}

func (s *Store) keepMerged(ctx context.Context) error {
	for {
		for more := true; more; {
			var err error
			if more, err = s.MergeAsked(ctx); fatal(err) || ctx.Err() != nil {
				return err
			}
			if more && !pause(ctx, keepPause) {
				return ctx.Err()
			}
		}
		select {
		case <-s.keeper.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// MergeAsked merges some of the days that were asked for and are not merged. It reports whether more are left.
func (s *Store) MergeAsked(ctx context.Context) (more bool, err error) {
	if !s.keeper.learned {
		if err := s.findKept(ctx); err != nil {
			return false, err
		}
		s.keeper.learned = true
	}
	keys := s.keeper.next()
	if len(keys) == 0 {
		return false, nil
	}
	return true, s.keepStep(ctx, keys)
}

// fatal reports whether the file can no longer be used. After any other error the days stay as they were: a full disk
// gets free, and a damaged bin is reported where it is read.
func fatal(err error) bool {
	return errors.Is(err, boltdb.ErrOutcomeUnknown) || errors.Is(err, boltdb.ErrDamaged) ||
		errors.Is(err, boltdb.ErrClosed)
}

// findKept learns which beginnings the file has.
func (s *Store) findKept(ctx context.Context) error {
	now := s.options.Clock.Now()
	return s.db.View(ctx, func(tx *bbolt.Tx) error {
		merged := s.root(tx).Bucket(bucketMerged)
		if merged == nil {
			return nil
		}
		cursor := merged.Cursor()
		for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
			if k, err := parseMergedKey(key); err == nil {
				s.keeper.begun(beginOf(k.Span), now)
			}
		}
		return nil
	})
}

// keepStep merges a few days. The first transaction leaves an empty record of each. It is dropped like a full one if a
// bin of the day changes. So if it is still there in the second transaction, what was read in between is right.
func (s *Store) keepStep(ctx context.Context, keys []mergedKey) error {
	begin, now := beginOf(keys[0].Span), s.options.Clock.Now()
	admitted, gone := s.keeper.admit(begin, now)
	if !admitted {
		return nil
	}
	if gone >= 0 {
		if err := s.forget(ctx, gone); err != nil {
			return err
		}
		s.keeper.ended(gone)
	}
	s.keeper.begun(begin, now)
	var stamp mergeStamp
	err := s.db.Write(ctx, func(tx *boltdb.Tx) (err error) {
		stamp, err = s.beginMerging(tx.Tx, keys)
		return err
	})
	if err != nil {
		return err
	}
	records, err := s.merge(ctx, keys, stamp)
	if err != nil {
		return err
	}
	s.keeper.again(keys[len(records):])
	keys = keys[:len(records)]
	return s.db.Write(ctx, func(tx *boltdb.Tx) error { return s.endMerging(tx.Tx, keys, records, stamp) })
}

// beginMerging leaves an empty record for each key. The stamp of a record is the number of that transaction, so no
// two records of a day have the same while the file is open.
func (s *Store) beginMerging(tx *bbolt.Tx, keys []mergedKey) (mergeStamp, error) {
	stamp := firstStamp + mergeStamp(tx.ID()) //nolint:gosec // not negative
	merged, err := s.root(tx).CreateBucketIfNotExists(bucketMerged)
	if err != nil {
		return 0, err
	}
	for _, key := range keys {
		record, err := encodeMerged(key, beingMerged, stamp, nil)
		if err == nil {
			err = merged.Put(key.bytes(), record)
		}
		if err != nil {
			return 0, err
		}
	}
	return stamp, nil
}

// merge reads the bins of the days and returns their records. When these are large it returns fewer.
func (s *Store) merge(ctx context.Context, keys []mergedKey, stamp mergeStamp) (records [][]byte, err error) {
	size := 0
	err = s.db.View(ctx, func(tx *bbolt.Tx) error {
		var whole activity.Totals
		for i, key := range keys {
			if size > keepBytes {
				break
			}
			if i == 0 || keys[i-1].Span != key.Span {
				whole = activity.Totals{}
				both := key.part == mergedTables || i+1 < len(keys) && keys[i+1].Span == key.Span
				if err := s.mergeBins(ctx, s.root(tx).Bucket(bucketBins), key.Span, both, &whole); err != nil {
					return err
				}
			}
			record, err := encodeMerged(key, isMerged, stamp, &whole)
			if err == nil && key.part == mergedTables && len(record) > maxMergedTables {
				record, err = encodeMerged(key, mergedTooLong, stamp, nil)
			}
			if err != nil {
				return err
			}
			records = append(records, record)
			size += len(record)
		}
		return nil
	})
	return records, err
}

// endMerging puts the records in place of those that beginMerging left.
func (s *Store) endMerging(tx *bbolt.Tx, keys []mergedKey, records [][]byte, stamp mergeStamp) error {
	merged := s.root(tx).Bucket(bucketMerged)
	if merged == nil {
		return nil // a swap has moved it away
	}
	for i, key := range keys {
		name := key.bytes()
		left, err := encodeMerged(key, beingMerged, stamp, nil)
		if err != nil {
			return err
		}
		if !bytes.Equal(merged.Get(name), left) {
			continue
		}
		if err := merged.Put(name, records[i]); err != nil {
			return err
		}
	}
	return nil
}

// forget drops all merged days with a beginning, in steps.
func (s *Store) forget(ctx context.Context, begin int) error {
	for more := true; more; {
		err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
			more = false
			merged := s.root(tx.Tx).Bucket(bucketMerged)
			if merged == nil {
				return nil
			}
			var gone [][]byte
			cursor := merged.Cursor()
			for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
				if k, err := parseMergedKey(key); err != nil || beginOf(k.Span) != begin {
					continue
				}
				if len(gone) == forgetStep {
					more = true
					break
				}
				gone = append(gone, bytes.Clone(key))
			}
			for _, key := range gone {
				if err := merged.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if more && !pause(ctx, keepPause) {
			return ctx.Err()
		}
	}
	return nil
}

// pause waits, or returns false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
