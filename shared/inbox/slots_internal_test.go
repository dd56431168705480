package inbox

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// stretch is what one transaction covers in a row: count runs of a length, step slots apart.
type stretch struct{ first, step, length, count int }

// coverStretch covers a stretch, and asks for each run before and after.
func coverStretch(s *slots, name string, of stretch, covered []bool) error {
	for i := range of.count {
		first := of.first + i*of.step
		last := min(first+of.length, len(covered)) - 1
		if first > last {
			return nil
		}
		known, err := s.has(name, uint64(first))
		if err == nil && known != covered[first] {
			err = fmt.Errorf("slot %d is covered: %v, want %v", first, known, covered[first])
		}
		if err == nil {
			err = s.cover(name, interval{uint64(first), uint64(last)})
		}
		if err != nil {
			return err
		}
		for slot := first; slot <= last; slot++ {
			covered[slot] = true
		}
		if known, err = s.has(name, uint64(last)); err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("slot %d is not covered", last)
		}
	}
	return nil
}

// checkRecords compares the records of a lineage with what is covered.
func checkRecords(bucket *bbolt.Bucket, covered []bool) error {
	var all intervals
	stored := make([]bool, len(covered))
	err := bucket.ForEach(func(key, value []byte) error {
		runs, err := decodeIntervals(key, value)
		if err != nil {
			return err
		}
		if len(runs) > recordRuns {
			return fmt.Errorf("%d intervals in a record", len(runs))
		}
		for _, run := range runs {
			if n := len(all); n > 0 && reaches(all[n-1].last, run.first) {
				return fmt.Errorf("%v and %v touch, or are out of order", all[n-1], run)
			}
			all = append(all, run)
			for slot := run.first; slot <= run.last; slot++ {
				stored[slot] = true
			}
		}
		return nil
	})
	for slot := range covered {
		if err == nil && stored[slot] != covered[slot] {
			err = fmt.Errorf("slot %d is stored: %v, want %v", slot, stored[slot], covered[slot])
		}
	}
	return err
}

// TestSlots_AreASet covers slots as partitions do that are read at different speeds: in stretches that lie between each
// other, far more than one record has room for.
func TestSlots_AreASet(t *testing.T) {
	dir, round := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		db, err := bbolt.Open(filepath.Join(dir, fmt.Sprint(round)), 0o600, &bbolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		covered := make([]bool, 6000)
		draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
		for range draw("transactions", 1, 8) {
			err := db.Update(func(tx *bbolt.Tx) error {
				root, err := tx.CreateBucketIfNotExists([]byte("box"))
				if err != nil {
					return err
				}
				box, err := Open(root, time.Now(), 0)
				if err != nil {
					return err
				}
				for range draw("stretches", 1, 4) {
					if err := coverStretch(&box.slots, "L", stretch{draw("first", 1, 5999), draw("step", 1, 9),
						draw("length", 1, 3), draw("count", 1, 1500)}, covered); err != nil {
						return err
					}
				}
				if err := box.Flush(); err != nil {
					return err
				}
				return checkRecords(root.Bucket(bucketSlots).Bucket([]byte("L")), covered)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
