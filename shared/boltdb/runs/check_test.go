package runs

import (
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// TestChecker_NamesEveryDamagedRecord damages each record of the indexes, one at a time: one of its bytes, and by
// taking it away. It checks what is said of it.
func TestChecker_NamesEveryDamagedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := createTest(db); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), db, testRoot, testSpecs, Config{Segment: 600, Tier: 3})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(130) {
		err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
			for i := range uint64(10) {
				rest := binary.BigEndian.AppendUint64(nil, ^n)
				aged := binary.BigEndian.AppendUint32(rest[:8:8], uint32(n))
				if err := s.Append(tx, Entry{s.Index(0), Sum(string(aged) + string(rune(i))), aged},
					Entry{s.Index(1), Sum(string(rune(n*10 + i))), rest}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.maintain(t.Context(), &Retention{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[byte]string{metaName: "run ", blockName: "block ", filterName: "piece of the filter ",
		firstName: "piece of the first hashes "}
	met := map[byte]int{}
	for _, at := range recordsOf(t, path) {
		kind := at[len(at)-1][0]
		said := want[kind]
		if isSegment(at[1]) {
			kind, said = 'l', "log"
			if at[len(at)-1][7]%2 != 0 {
				continue
			}
		}
		met[kind]++
		damage(t, path, at, func(b *bbolt.Bucket, key, value []byte) error {
			value[len(value)/2] ^= 4
			return b.Put(key, value)
		}, said)
		if kind != metaName { // a run without one is garbage
			damage(t, path, at, func(b *bbolt.Bucket, key, _ []byte) error { return b.Delete(key) }, "missing", "want")
		}
	}
	if len(met) != 5 {
		t.Errorf("not every kind of record was there: %v", met)
	}
}

// recordsOf returns the paths of all records of the indexes.
func recordsOf(t *testing.T, path string) (all [][][]byte) {
	t.Helper()
	_, err := boltdb.CheckFile(t.Context(), path, func(r *boltdb.Record) error {
		if r.Key != nil && !r.IsBucket && r.Within(testRoot) {
			var at [][]byte
			for _, name := range append(r.Path[:len(r.Path):len(r.Path)], r.Key) {
				at = append(at, bytes.Clone(name))
			}
			all = append(all, at)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// damage changes one record, looks for one of the texts in what the check says, and undoes it.
func damage(t *testing.T, path string, at [][]byte, do func(b *bbolt.Bucket, key, value []byte) error, want ...string) {
	t.Helper()
	var before []byte
	change := func(do func(b *bbolt.Bucket, key, value []byte) error) {
		raw, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = raw.Close() }()
		if err := raw.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(at[0])
			for _, name := range at[1 : len(at)-1] {
				b = b.Bucket(name)
			}
			key := at[len(at)-1]
			return do(b, key, bytes.Clone(b.Get(key)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	change(func(b *bbolt.Bucket, key, value []byte) error {
		before = value
		return do(b, key, bytes.Clone(value))
	})
	done, err := boltdb.CheckFile(context.Background(), path, NewChecker(testRoot, testSpecs).checkAll)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(done.Faults, "\n")
	found := false
	for _, text := range want {
		found = found || strings.Contains(said, text)
	}
	if !found {
		t.Errorf("%q changed: the check says %q, want one of %q", at, said, want)
	}
	change(func(b *bbolt.Bucket, key, _ []byte) error { return b.Put(key, before) })
}

func (c *Checker) checkAll(r *boltdb.Record) error {
	if r.Key == nil {
		return nil
	}
	return c.Check(r)
}
