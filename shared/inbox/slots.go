package inbox

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// slots is the set of covered slots. It has a bucket for each lineage.
type slots struct {
	root     *bbolt.Bucket
	sizes    *bbolt.Bucket
	begun    int                 // lineages that this transaction met first
	names    *bbolt.Bucket       // lineage -> nothing, sealed: a bucket's name has no checksum
	lineages map[string]*lineage // those that this transaction met
}

// lineage is the covered slots of one lineage: those stored, and those that this transaction adds.
type lineage struct {
	bucket  *bbolt.Bucket
	last    uint64 // the highest slot stored; slots above need no look-up
	pending ascending
	// The record that was looked up last answers for all slots from this one to its own last: the next slot of a
	// partition is mostly one of them.
	from uint64
	near intervals
}

// has reports whether slot is covered.
func (s *slots) has(name string, slot uint64) (bool, error) {
	l, err := s.lineage(name)
	if err != nil {
		return false, err
	}
	if l.pending.has(slot) {
		return true, nil
	}
	return l.stored(slot)
}

func (s *slots) cover(name string, run interval) error {
	l, err := s.lineage(name)
	if err == nil {
		l.pending.add(run)
	}
	return err
}

func (s *slots) lineage(name string) (*lineage, error) {
	if l, ok := s.lineages[name]; ok {
		return l, nil
	}
	bucket, sealed := s.root.Bucket([]byte(name)), s.names.Get([]byte(name))
	if bucket != nil || sealed != nil {
		if _, err := codec.Unseal([]byte(name), sealed); err != nil || bucket == nil {
			return nil, fmt.Errorf("open lineage %q: %w", name, boltdb.ErrCorrupt)
		}
	} else {
		var err error
		if bucket, err = s.root.CreateBucket([]byte(name)); err == nil {
			err = s.names.Put([]byte(name), codec.Seal([]byte(name), nil))
		}
		if err != nil {
			return nil, fmt.Errorf("open lineage %q: %w", name, err)
		}
		s.begun++
	}
	l, err := openLineage(bucket)
	if err == nil {
		s.lineages[name] = l
	}
	return l, err
}

func openLineage(bucket *bbolt.Bucket) (*lineage, error) {
	l := &lineage{bucket: bucket}
	if key, value := bucket.Cursor().Last(); key != nil {
		highest, err := decodeIntervals(key, value)
		if err != nil {
			return nil, err
		}
		l.last = highest.last()
	}
	return l, nil
}

// stored looks slot up. The key of a record is its last slot. So only the first record at or after slot can have it.
func (l *lineage) stored(slot uint64) (bool, error) {
	if slot > l.last {
		return false, nil
	}
	if len(l.near) == 0 || slot < l.from || slot > l.near.last() {
		near, err := decodeIntervals(l.bucket.Cursor().Seek(slotKey(slot)))
		if err != nil {
			return false, err
		}
		l.from, l.near = slot, near
	}
	return l.near.has(slot), nil
}

func (s *slots) flush() error {
	for _, name := range slices.Sorted(maps.Keys(s.lineages)) {
		l := s.lineages[name]
		for runs := l.pending.all(); len(runs) > 0; {
			var err error
			if runs, err = l.store(runs); err != nil {
				return fmt.Errorf("lineage %q: %w", name, err)
			}
		}
	}
	clear(s.lineages)
	if s.begun == 0 {
		return nil
	}
	err := grow(s.sizes, keyLineages, s.begun)
	s.begun = 0
	return err
}

// store joins the first of the runs, and those that lie near the same records, with what is stored. It returns the
// others.
func (l *lineage) store(runs intervals) (others intervals, err error) {
	var joined intervals // what the records have that are replaced
	var keys [][]byte    // their keys
	var last uint64      // of what was taken of runs and records
	taken := 0
	cursor := l.bucket.Cursor()
	for key, value := cursor.Seek(slotKey(runs[0].first - 1)); ; key, value = cursor.Next() {
		var found intervals
		if key != nil {
			if found, err = decodeIntervals(key, value); err != nil {
				return nil, err
			}
		}
		for ; taken < len(runs) && (key == nil || reaches(found.last(), runs[taken].first)); taken++ {
			last = max(last, runs[taken].last)
		}
		if key == nil || !reaches(last, found[0].first) {
			break
		}
		joined, keys = append(joined, found...), append(keys, slices.Clone(key))
		last = max(last, found.last())
	}
	whole := union(joined, runs[:taken])
	if slices.Equal(whole, joined) {
		return runs[taken:], nil
	}
	for _, key := range keys {
		if err := l.bucket.Delete(key); err != nil {
			return nil, err
		}
	}
	for record := range slices.Chunk(whole, recordRuns) {
		key := slotKey(record.last())
		if err := l.bucket.Put(key, encodeIntervals(key, record)); err != nil {
			return nil, err
		}
	}
	return runs[taken:], nil
}

// recordRuns is how many intervals a record has at most. While partitions are read at different speeds, a lineage has
// many short ones.
const recordRuns = 256

func slotKey(slot uint64) []byte { return binary.BigEndian.AppendUint64(nil, slot) }

// A record has intervals that do not touch: the first slot, the length of the first interval less 1, and of each
// further one the slots between less 1, and its length less 1. Its key is the last slot.

func encodeIntervals(key []byte, runs intervals) []byte {
	record := codec.NewEntry(10 + 4*len(runs))
	record.Uint(runs[0].first)
	record.Uint(runs[0].last - runs[0].first)
	for i := range runs[1:] {
		before, run := &runs[i], &runs[i+1]
		record.Uint(run.first - before.last - 2)
		record.Uint(run.last - run.first)
	}
	return record.Seal(key)
}

func decodeIntervals(key, sealed []byte) (intervals, error) {
	record, err := codec.OpenEntry(key, sealed)
	if err != nil {
		return nil, err
	}
	// An interval takes two bytes at least.
	runs := make(intervals, 0, record.Left()/2)
	first := record.Uint()
	for ok := true; ok; ok = record.More() { // there is at least one
		if len(runs) > 0 {
			between := record.Uint()
			if before := runs.last(); before > math.MaxUint64-2 || between > math.MaxUint64-2-before {
				record.Fail()
			}
			first = runs.last() + 2 + between
		}
		last := first + record.Uint()
		if first == 0 || last < first {
			record.Fail()
		}
		runs = append(runs, interval{first, last})
	}
	if err := record.End(); err != nil {
		return nil, err
	}
	if len(key) != 8 || binary.BigEndian.Uint64(key) != runs.last() {
		return nil, fmt.Errorf("%w: the key %x is not the last slot of its intervals", boltdb.ErrCorrupt, key)
	}
	return runs, nil
}
