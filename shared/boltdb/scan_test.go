package boltdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// TestDB_ScanVisitsWhatACursorVisits scans buckets of many sizes from many keys on, and a damaged one.
func TestDB_ScanVisitsWhatACursorVisits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scan.db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	sizes := []int{0, 1, 3, 200, 5000}
	write(t, db, func(tx *boltdb.Tx) error {
		for _, n := range sizes {
			b, err := tx.CreateBucket([]byte(fmt.Sprint(n)))
			if err != nil {
				return err
			}
			for i := range n {
				value := bytes.Repeat([]byte{byte(i)}, i%97+max(0, i%50-48)*9000) // some take pages of their own
				if err := b.Put(fmt.Appendf(nil, "%06d", i), value); err != nil {
					return err
				}
			}
		}
		return nil
	})
	// scanned scans up to most records.
	scanned := func(b *bbolt.Bucket, after []byte, most int) (n int, err error) {
		cursor := b.Cursor()
		key, value := cursor.Seek(after)
		if key != nil && bytes.Equal(key, after) {
			key, value = cursor.Next()
		}
		err = db.Scan(b, after, func(k, v []byte) (bool, error) {
			if !bytes.Equal(k, key) || !bytes.Equal(v, value) {
				return false, fmt.Errorf("record %d is %s, and after %q the cursor has %s", n, k, after, key)
			}
			key, value = cursor.Next()
			n++
			return n < most, nil
		})
		if err == nil && n < most && key != nil {
			err = fmt.Errorf("the scan after %q ended before %s", after, key)
		}
		return n, err
	}
	err = db.View(t.Context(), func(tx *bbolt.Tx) error {
		for _, size := range sizes {
			b := tx.Bucket([]byte(fmt.Sprint(size)))
			for after := -1; after <= size; after += 1 + size/20 {
				for _, most := range []int{1, 100, size + 1} {
					for _, key := range [][]byte{fmt.Appendf(nil, "%06d", after), fmt.Appendf(nil, "%06d+", after)} {
						if after < 0 {
							key = nil
						}
						n, err := scanned(b, key, most)
						if want := max(0, min(most, size-1-after)); err != nil || n != want {
							return fmt.Errorf("%d records after %q: %d visited, want %d: %w", size, key, n, want, err)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("enough")
	err = db.View(t.Context(), func(tx *bbolt.Tx) error {
		return db.Scan(tx.Bucket([]byte("200")), nil, func(_, _ []byte) (bool, error) { return true, refused })
	})
	if !errors.Is(err, refused) {
		t.Errorf("an error of visit: %v", err)
	}
	var root int64
	err = db.View(t.Context(), func(tx *bbolt.Tx) error {
		root = int64(tx.Bucket([]byte("5000")).Root())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte{0xFF}, root*int64(db.PageSize())); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	err = db.View(t.Context(), func(tx *bbolt.Tx) error {
		return db.Scan(tx.Bucket([]byte("5000")), nil, func(_, _ []byte) (bool, error) { return true, nil })
	})
	if !errors.Is(err, boltdb.ErrDamaged) {
		t.Errorf("a damaged page: %v", err)
	}
}
