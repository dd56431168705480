package runs

import (
	"context"
	"fmt"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// building is a run that is being written, in transactions of about Config.Step bytes. The run does not exist before
// its meta record does.
type building struct {
	index  *Index
	meta   meta
	filter filterWriter
	firsts [][]byte
	block  []byte
	ready  []record // for the next transaction
	bytes  int

	paced bool // it rests after each transaction
	began time.Time
}

type record struct {
	key    [5]byte
	sealed []byte
}

// build writes a run of the entries that next returns in ascending order, at most that many, until it returns nil. It
// returns the run, which is to be put into the file with putMeta, or nil if there were no entries. If paced, it leaves
// most of the time to others.
func (s *Set) build(ctx context.Context, x *Index, paced bool, most uint64, from, to uint64,
	next func() ([]byte, error)) (*run, error) {
	b := &building{index: x, meta: meta{from: from, to: to}, paced: paced, began: time.Now()}
	if x.spec.Filter {
		b.meta.buckets, b.filter.buckets = most, most
	}
	for {
		entry, err := next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			break
		}
		if b.meta.number == 0 {
			if err := b.begin(ctx); err != nil {
				return nil, err
			}
		}
		b.add(entry)
		if b.bytes >= b.step() {
			if err := b.write(ctx); err != nil {
				return nil, err
			}
		}
	}
	if b.meta.number == 0 {
		return nil, nil //nolint:nilnil // nothing to build
	}
	return b.finish(ctx)
}

// begin makes the run's bucket.
func (b *building) begin(ctx context.Context) error {
	err := b.index.set.write(ctx, func(tx *boltdb.Tx) (err error) {
		bucket := b.index.bucket(tx.Tx)
		if b.meta.number, err = bucket.NextSequence(); err == nil {
			_, err = bucket.CreateBucket(nameOf(runName, b.meta.number))
		}
		return err
	})
	if err == nil {
		b.index.set.garbage = append(b.index.set.garbage, garbage{b.index, b.meta.number}) // until it exists
	}
	return err
}

func (b *building) add(entry []byte) {
	if len(b.block)+len(entry) > blockBytes {
		b.endBlock()
	}
	if len(b.block) == 0 {
		b.addFirst(entry)
	}
	b.block = append(b.block, entry...)
	b.meta.entries++
	if b.meta.buckets > 0 {
		b.filter.add(entry)
	}
	if b.index.spec.Time == nil {
		return
	}
	at := uint64(max(b.index.spec.Time(entry[hashSize:]).Unix(), 0))
	if b.meta.entries == 1 || at < b.meta.oldest {
		b.meta.oldest = at
	}
	b.meta.newest = max(b.meta.newest, at)
}

func (b *building) addFirst(entry []byte) {
	if b.meta.blocks%firstsPiece == 0 {
		b.firsts = append(b.firsts, nil)
	}
	last := &b.firsts[len(b.firsts)-1]
	*last = append(*last, entry[:8]...)
}

func (b *building) endBlock() {
	b.put(blockName, b.meta.blocks, b.block)
	b.meta.blocks++
	b.block = b.block[:0]
}

func (b *building) put(kind byte, number uint32, value []byte) {
	r := record{key: recordKey(kind, number)}
	r.sealed = codec.Seal(sealKey(b.meta.number, r.key[:]), value)
	b.ready = append(b.ready, r)
	b.bytes += len(r.sealed)
}

// write writes what is ready.
func (b *building) write(ctx context.Context) error {
	err := b.index.set.write(ctx, func(tx *boltdb.Tx) error {
		bucket := b.index.bucket(tx.Tx).Bucket(nameOf(runName, b.meta.number))
		bucket.FillPercent = 1
		for i := range b.ready {
			if err := bucket.Put(b.ready[i].key[:], b.ready[i].sealed); err != nil {
				return err
			}
		}
		return nil
	})
	b.ready, b.bytes = b.ready[:0], 0
	if b.paced && err == nil {
		b.index.set.rest(ctx, time.Since(b.began))
	}
	b.began = time.Now()
	return err
}

const (
	// pacedRest is how many times as long as it worked a merge rests where there are few runs. With more it is less.
	pacedRest = 3
	// pacedSteps is into how many the step of a merge is divided, so that a commit that has one takes little longer.
	pacedSteps = 4
	// behindTiers is at how many runs of an index merges are behind, in multiples of Config.Tier. A file of a thousand
	// million entries has about half as many when they are not.
	behindTiers = 6
)

// step is how many bytes a transaction writes.
func (b *building) step() int {
	if b.paced {
		return b.index.set.config.Step / pacedSteps
	}
	return b.index.set.config.Step
}

// behind reports whether an index has so many runs that merges do not rest, and folds wait for them.
func (s *Set) behind() bool { return s.early() < 0 }

// early tells how far merges are from being behind: 1 where there are no runs, 0 at the limit, and less beyond it.
func (s *Set) early() float64 {
	most := 0
	for _, runs := range s.state.Load().runs {
		most = max(most, len(runs))
	}
	return 1 - float64(most)/float64(behindTiers*s.config.Tier)
}

// rest waits after a step that took so long, but no longer than until a segment is full.
func (s *Set) rest(ctx context.Context, took time.Duration) {
	if s.behind() || len(s.state.Load().frozen) > 0 {
		return
	}
	timer := time.NewTimer(time.Duration(pacedRest * s.early() * float64(took)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake: // what comes next looks for a full segment
	case <-ctx.Done():
	}
}

// finish writes the last block, the filter and the first hashes.
func (b *building) finish(ctx context.Context) (*run, error) {
	b.endBlock()
	var filter [][]byte
	if b.meta.buckets > 0 {
		filter = b.filter.finish()
	}
	for _, list := range []struct {
		kind   byte
		pieces [][]byte
	}{{filterName, filter}, {firstName, b.firsts}} {
		for i, piece := range list.pieces {
			b.put(list.kind, uint32(i), piece)
			if b.bytes >= b.step() {
				if err := b.write(ctx); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	r := newRun(b.index, &b.meta)
	for i := range filter {
		r.filter[i].Store(&filter[i])
	}
	for i := range b.firsts {
		r.firsts[i].Store(&b.firsts[i])
	}
	return r, nil
}

// putMeta makes a run exist.
func (r *run) putMeta(tx *boltdb.Tx) error {
	key := nameOf(metaName, r.number)
	return r.index.bucket(tx.Tx).Put(key, r.encode(key))
}

// deleteMeta makes a run garbage.
func (r *run) deleteMeta(tx *boltdb.Tx) error {
	return r.index.bucket(tx.Tx).Delete(nameOf(metaName, r.number))
}

// write is a step of Maintain.
func (s *Set) write(ctx context.Context, fn func(tx *boltdb.Tx) error) error {
	s.watchdog.Step()
	defer s.watchdog.Rest()
	if err := s.db.Write(ctx, fn); err != nil {
		return fmt.Errorf("write the indexes: %w", err)
	}
	return nil
}

// sortedEntries returns entries of a size that are sorted in b, one at a call.
func sortedEntries(b []byte, size int) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(b) == 0 {
			return nil, nil
		}
		entry := b[:size:size]
		b = b[size:]
		return entry, nil
	}
}
