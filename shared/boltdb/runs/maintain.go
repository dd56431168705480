package runs

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/crashpoint"
)

// garbage is a run without a meta record.
type garbage struct {
	index  *Index
	number uint64
}

const (
	// dropRecords is how many records of a run one transaction deletes. Their pages are read before it.
	dropRecords = 128
	// idle is how long Maintain waits when there is nothing to do, and longer after an error.
	idle = 10 * time.Second
)

// Retention says when entries may go.
type Retention struct {
	// Keep is how long entries of indexes with times are kept at least. 0 means for ever. A run is dropped when its
	// newest entry is older, and a merged run spans at most a tenth of Keep. So an entry that is folded goes after
	// 1.1 times Keep.
	Keep time.Duration
	// Now returns the time.
	Now func() time.Time
}

// span is the most that a merged run may span, in seconds.
func (r *Retention) span() uint64 { return uint64(max(r.Keep/10, time.Second) / time.Second) }

// Maintain folds full segments, merges runs, and drops what has expired or was replaced, until ctx ends. It works in
// small transactions that share their commits with other writers. Without it the indexes answer all the same, and the
// memtables grow. Call it once.
func (s *Set) Maintain(ctx context.Context, keep Retention, logger zerolog.Logger) error {
	if err := s.Warm(ctx); err != nil && ctx.Err() == nil {
		logger.Error().Err(err).Msg("the filters of the indexes are not read ahead: lookups read them")
	}
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.wake:
		case <-ctx.Done():
			return nil
		}
		if err := s.maintain(ctx, &keep); err != nil && ctx.Err() == nil {
			logger.Error().Err(err).Msg("the indexes are not folded or merged: memory and file grow; tried again later")
		}
		tick.Reset(idle)
	}
}

// Warm reads the filters into memory, so that lookups need not wait for the disk. Maintain begins with it.
func (s *Set) Warm(ctx context.Context) error {
	for _, list := range s.state.Load().runs {
		for _, r := range list {
			for i := 0; i < len(r.filter); i += warmPieces {
				err := s.db.View(ctx, func(tx *bbolt.Tx) error { return r.warm(tx, uint32(i)) }) //nolint:gosec // few
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// warmPieces is how many pieces of a filter are read in one read transaction, of about 40 KB each.
const warmPieces = 32

// warm reads some pieces of the run's filter into memory.
func (r *run) warm(tx *bbolt.Tx, from uint32) error {
	return r.scan(tx, filterName, from, func(number uint32, value []byte) (bool, error) {
		if r.filter[number].Load() == nil {
			kept := bytes.Clone(value)
			r.filter[number].Store(&kept)
		}
		return number+1 < min(from+warmPieces, uint32(len(r.filter))), nil //nolint:gosec // few
	})
}

// maintain does all that there is to do now.
func (s *Set) maintain(ctx context.Context, keep *Retention) error {
	for ctx.Err() == nil {
		did, err := s.step(ctx, keep)
		if err != nil || !did {
			return err
		}
	}
	return ctx.Err()
}

// step does the most urgent thing, and reports whether there was any: folds, drops, merges. Merges go first when they
// are behind.
func (s *Set) step(ctx context.Context, keep *Retention) (did bool, err error) {
	if s.behind() {
		if did, err = s.merge(ctx, keep); did || err != nil {
			return did, err
		}
	}
	if did, err = s.fold(ctx); did || err != nil {
		return did, err
	}
	if did, err = s.expire(ctx, keep); did || err != nil {
		return did, err
	}
	if did, err = s.drop(ctx); did || err != nil {
		return did, err
	}
	return s.merge(ctx, keep)
}

// fold makes runs of the oldest full segment, if there is one.
func (s *Set) fold(ctx context.Context) (bool, error) {
	st := s.state.Load()
	if len(st.frozen) == 0 {
		return false, nil
	}
	old := st.frozen[0]
	made := make([]*run, len(s.indexes))
	for i, x := range s.indexes {
		entries := old.tables[i].sorted()
		count := uint64(len(entries) / x.size) //nolint:gosec // not negative
		var err error
		made[i], err = s.build(ctx, x, false, count, old.number, old.number, sortedEntries(entries, x.size))
		if err != nil {
			return false, err
		}
	}
	crashpoint.Here("runs.before-fold")
	err := s.write(ctx, func(tx *boltdb.Tx) error {
		for _, r := range made {
			if r == nil {
				continue
			}
			if err := r.putMeta(tx); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() {
			now := s.state.Load()
			s.state.Store(&state{active: now.active, frozen: now.frozen[1:], runs: with(now.runs, made, nil)})
		})
		return tx.Bucket(s.root).DeleteBucket(nameOf(segmentName, old.number))
	})
	if err == nil {
		s.exist(made)
		crashpoint.Here("runs.after-fold")
	}
	return true, err
}

// with returns the runs of all indexes with some more and some fewer.
func with(all [][]*run, more, fewer []*run) [][]*run {
	changed := make([][]*run, len(all))
	for i, runs := range all {
		changed[i] = slices.DeleteFunc(slices.Clone(runs), func(r *run) bool { return slices.Contains(fewer, r) })
	}
	for _, r := range more {
		if r == nil {
			continue
		}
		list := &changed[r.index.number]
		*list = append(*list, r)
		slices.SortFunc(*list, func(a, b *run) int { return compareRuns(&a.meta, &b.meta) })
	}
	return changed
}

func compareRuns(a, b *meta) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.number, b.number))
}

func sortRuns(runs []meta) {
	slices.SortFunc(runs, func(a, b meta) int { return compareRuns(&a, &b) })
}

// exist notes that runs are no garbage.
func (s *Set) exist(made []*run) {
	s.garbage = slices.DeleteFunc(s.garbage, func(g garbage) bool {
		return slices.ContainsFunc(made, func(r *run) bool {
			return r != nil && r.index == g.index && r.number == g.number
		})
	})
}

// replace makes a run exist, which may be nil, in the place of others.
func (s *Set) replace(ctx context.Context, r *run, old []*run) error {
	made := []*run{r}
	err := s.write(ctx, func(tx *boltdb.Tx) error {
		if r != nil {
			if err := r.putMeta(tx); err != nil {
				return err
			}
		}
		for _, o := range old {
			if err := o.deleteMeta(tx); err != nil {
				return err
			}
			if r != nil {
				continue
			}
			// Nothing has the entries any more.
			after := time.Unix(int64(o.newest)+1, 0) //nolint:gosec // seconds
			if err := s.Forget(tx, int(o.index.number), after); err != nil {
				return err
			}
		}
		// Later requests of this group still look into the old ones. They are deleted by another transaction.
		tx.AfterCommit(func() {
			now := s.state.Load()
			s.state.Store(&state{active: now.active, frozen: now.frozen, runs: with(now.runs, made, old)})
		})
		return nil
	})
	if err != nil {
		return err
	}
	s.exist(made)
	for _, o := range old {
		s.garbage = append(s.garbage, garbage{o.index, o.number})
	}
	return nil
}

// expire makes garbage of runs that have nothing but expired entries.
func (s *Set) expire(ctx context.Context, keep *Retention) (bool, error) {
	if keep.Keep <= 0 {
		return false, nil
	}
	before := keep.Now().Add(-keep.Keep).Unix()
	for i, runs := range s.state.Load().runs {
		if s.indexes[i].spec.Time == nil {
			continue
		}
		old := slices.DeleteFunc(slices.Clone(runs), func(r *run) bool {
			return int64(r.newest)+1 >= before //nolint:gosec // seconds
		})
		if len(old) > 0 {
			err := s.replace(ctx, nil, old)
			crashpoint.Here("runs.after-expire")
			return true, err
		}
	}
	return false, nil
}

// drop deletes some records of what does not exist. It waits while many pages of the file are free: see
// boltdb.MaxFreePages.
func (s *Set) drop(ctx context.Context) (bool, error) {
	if len(s.garbage) == 0 || s.db.FreePages() > boltdb.MaxFreePages {
		return false, nil
	}
	g := s.garbage[0]
	name := nameOf(runName, g.number)
	var keys [][]byte
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		keys = nil
		b := g.index.bucket(tx).Bucket(name)
		if b == nil {
			return nil
		}
		return s.db.Scan(b, nil, func(key, _ []byte) (bool, error) { // it reads the pages ahead, too
			keys = append(keys, bytes.Clone(key))
			return len(keys) < dropRecords, nil
		})
	})
	if err != nil {
		return false, err
	}
	err = s.write(ctx, func(tx *boltdb.Tx) error {
		index := g.index.bucket(tx.Tx)
		b := index.Bucket(name)
		switch {
		case b == nil:
			return boltdb.Refuse(nil)
		case len(keys) == 0:
			return index.DeleteBucket(name)
		}
		for _, key := range keys {
			if err := b.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	crashpoint.Here("runs.after-drop")
	if err == nil && len(keys) == 0 {
		s.garbage = s.garbage[1:]
	}
	return true, err
}
