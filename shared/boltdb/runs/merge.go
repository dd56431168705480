package runs

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"ordertally/shared/crashpoint"
)

// merge merges the neighbours that are most worth it, if there are any. Folds go first, even in between.
func (s *Set) merge(ctx context.Context, keep *Retention) (bool, error) {
	var old []*run
	for i, runs := range s.state.Load().runs {
		found := s.neighbours(s.indexes[i], runs, keep)
		if found != nil && (old == nil || entriesOf(found) < entriesOf(old)) {
			old = found
		}
	}
	if old == nil {
		return false, nil
	}
	m := &merging{set: s, ctx: ctx}
	for _, r := range old {
		m.sources = append(m.sources, &mergeSource{run: r})
	}
	made, err := s.build(ctx, old[0].index, true, entriesOf(old), old[0].from, old[len(old)-1].to, m.next)
	if err != nil {
		return false, err
	}
	crashpoint.Here("runs.before-merge")
	err = s.replace(ctx, made, old)
	crashpoint.Here("runs.after-merge")
	return true, err
}

func entriesOf(runs []*run) (n uint64) {
	for _, r := range runs {
		n += r.entries
	}
	return n
}

// neighbours returns Config.Tier runs that stand beside each other, none of which is of a higher class than the
// first that has so many, or nil. The newest are looked at first.
func (s *Set) neighbours(x *Index, runs []*run, keep *Retention) []*run {
	for size := range 64 {
		end := len(runs)
		for begin := end - 1; begin >= 0; begin-- {
			r := runs[begin]
			switch {
			case s.tierOf(r) > size:
				end = begin
			case x.spec.Time != nil && keep.Keep > 0 && spanOf(runs[begin:end]) > keep.span():
				end = begin + 1 // this one begins a new stretch
			}
			if end-begin >= s.config.Tier {
				return runs[begin:end]
			}
		}
	}
	return nil
}

// tierOf returns the size class of a run. A run of the next one has Config.Tier times as many entries.
func (s *Set) tierOf(r *run) (class int) {
	for n := r.entries; n >= uint64(s.config.Tier); class++ { //nolint:gosec // not negative
		n /= uint64(s.config.Tier) //nolint:gosec // not negative
	}
	return class
}

func spanOf(runs []*run) uint64 {
	oldest, newest := runs[0].oldest, runs[0].newest
	for _, r := range runs[1:] {
		oldest, newest = min(oldest, r.oldest), max(newest, r.newest)
	}
	return newest - oldest
}

// merging reads runs side by side.
type merging struct {
	set     *Set
	ctx     context.Context //nolint:containedctx // of the one call that merges
	sources []*mergeSource
	entry   []byte
}

type mergeSource struct {
	run     *run
	next    uint32 // block
	ahead   []byte // what was read
	entries []byte // the rest of it
}

// mergeAhead is how many blocks of a run are read in one read transaction.
const mergeAhead = 64

// next returns the next entry of all runs, or nil at the end. It is valid until the next call.
func (m *merging) next() ([]byte, error) {
	for {
		var least *mergeSource
		for _, source := range m.sources {
			if len(source.entries) == 0 {
				if err := m.refill(source); err != nil {
					return nil, err
				}
			}
			size := source.run.index.size
			if len(source.entries) > 0 &&
				(least == nil || bytes.Compare(source.entries[:size], least.entries[:size]) < 0) {
				least = source
			}
		}
		if least == nil {
			return nil, nil
		}
		size := least.run.index.size
		entry := least.entries[:size:size]
		least.entries = least.entries[size:]
		if !bytes.Equal(entry, m.entry) {
			m.entry = append(m.entry[:0], entry...)
			return entry, nil
		}
	}
}

func (m *merging) refill(source *mergeSource) error {
	r := source.run
	if source.next == r.blocks {
		return nil
	}
	if len(m.set.state.Load().frozen) > 0 && !m.set.behind() {
		if _, err := m.set.fold(m.ctx); err != nil {
			return err
		}
	}
	from := source.next
	return m.set.db.View(m.ctx, func(tx *bbolt.Tx) error {
		source.next, source.ahead = from, source.ahead[:0]
		err := r.scan(tx, blockName, from, func(number uint32, entries []byte) (bool, error) {
			if err := r.whole(number, entries); err != nil {
				return false, err
			}
			source.ahead = append(source.ahead, entries...)
			source.next = number + 1
			return source.next-from < mergeAhead, nil
		})
		if err == nil && source.next == from {
			_, err = r.unseal(blockName, from, nil)
		}
		source.entries = source.ahead
		return err
	})
}
