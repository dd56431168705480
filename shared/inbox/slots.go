package inbox

import (
	"encoding/binary"
	"fmt"
	"maps"
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
	pending intervals
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
		highest, err := decodeInterval(key, value)
		if err != nil {
			return nil, err
		}
		l.last = highest.last
	}
	return l, nil
}

// stored looks slot up. The key of an interval is its last slot. So only the first interval at or after slot can
// contain it.
func (l *lineage) stored(slot uint64) (bool, error) {
	if slot > l.last {
		return false, nil
	}
	key, value := l.bucket.Cursor().Seek(slotKey(slot))
	if key == nil {
		return false, nil
	}
	run, err := decodeInterval(key, value)
	return run.first <= slot, err
}

func (s *slots) flush() error {
	for _, name := range slices.Sorted(maps.Keys(s.lineages)) {
		for _, run := range s.lineages[name].pending {
			if err := s.lineages[name].store(run); err != nil {
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

// store joins run with the stored intervals that it touches.
func (l *lineage) store(run interval) error {
	var joined []interval
	whole := run
	cursor := l.bucket.Cursor()
	for key, value := cursor.Seek(slotKey(run.first - 1)); key != nil; key, value = cursor.Next() {
		found, err := decodeInterval(key, value)
		if err != nil {
			return err
		}
		if !found.joins(run) {
			break
		}
		joined = append(joined, found)
		whole = whole.union(found)
	}
	if len(joined) == 1 && joined[0] == whole {
		return nil
	}
	for _, old := range joined {
		if err := l.bucket.Delete(slotKey(old.last)); err != nil {
			return err
		}
	}
	return putNumber(l.bucket, slotKey(whole.last), whole.first)
}

func slotKey(slot uint64) []byte { return binary.BigEndian.AppendUint64(nil, slot) }

func decodeInterval(key, value []byte) (interval, error) {
	first, err := numberOf(key, value)
	if err != nil {
		return interval{}, err
	}
	if len(key) != 8 {
		return interval{}, fmt.Errorf("%w: interval %x does not have the key of one", boltdb.ErrCorrupt, key)
	}
	return interval{first, binary.BigEndian.Uint64(key)}, nil
}
