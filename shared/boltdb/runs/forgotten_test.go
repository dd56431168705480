package runs

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// TestSet_NotesFromWhenOnItHasAllEntries drops runs that have expired. From the time that it notes on, every entry must
// be there.
func TestSet_NotesFromWhenOnItHasAllEntries(t *testing.T) {
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "runs.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := createTest(db); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), db, testRoot, testSpecs, Config{Segment: 10, Tier: 3})
	if err != nil {
		t.Fatal(err)
	}
	const entries = 100 // one a second
	for n := range uint32(entries) {
		err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
			rest := binary.BigEndian.AppendUint32(make([]byte, 8, 12), n)
			return s.Append(tx, Entry{s.Index(0), Sum(string(rest)), rest})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	keep := Retention{Keep: 30 * time.Second, Now: func() time.Time { return time.Unix(entries, 0) }}
	if err := s.maintain(t.Context(), &keep); err != nil {
		t.Fatal(err)
	}
	checker := NewChecker(testRoot, testSpecs)
	err = db.View(t.Context(), func(tx *bbolt.Tx) error {
		from, err := checker.Forgotten(tx, 0)
		if err != nil {
			return err
		}
		there := map[int64]bool{}
		err = checker.Each(tx, 0, func(_ Hash, rest []byte) error {
			there[testSpecs[0].Time(rest).Unix()] = true
			return nil
		})
		if len(there) == entries || from.Unix() < 40 || from.Unix() > 70 {
			t.Errorf("%d entries are left, and all of them from %d on", len(there), from.Unix())
		}
		for at := max(from.Unix(), 0); at < entries; at++ {
			if !there[at] {
				t.Errorf("the entry of second %d is missing, and all are there from %d on", at, from.Unix())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if other, err := forgottenOf(t, db, checker, 1); err != nil || other.Unix() != (time.Time{}).Unix() {
		t.Errorf("an index without times: %s, %v", other, err)
	}
}

func forgottenOf(t *testing.T, db *boltdb.DB, c *Checker, i int) (at time.Time, err error) {
	t.Helper()
	err = db.View(t.Context(), func(tx *bbolt.Tx) (err error) { at, err = c.Forgotten(tx, i); return err })
	return at, err
}
