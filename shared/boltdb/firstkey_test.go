package boltdb_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/boltdb"
)

// TestCheckFile_FindsABranchKeyThatIsNotTheFirstOfItsPage changes a branch's key to one that still is between its
// neighbours. All reads are as before, and the next write to the page would make bbolt spoil the tree.
func TestCheckFile_FindsABranchKeyThatIsNotTheFirstOfItsPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	write(t, db, func(tx *boltdb.Tx) (err error) {
		for i := range 100 {
			err = errors.Join(err, tx.Bucket(bucket).Put(fmt.Append(nil, 1000+10*i), make([]byte, 500)))
		}
		return err
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	branches := pagesOf(file, 1)
	branch := file[branches[len(branches)-1]:]
	second := 16 + 16 // its element
	key := second + int(binary.NativeEndian.Uint32(branch[second:]))
	size := int(binary.NativeEndian.Uint32(branch[second+4:]))
	branch[key+size-1]-- // between two keys
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := boltdb.CheckFile(t.Context(), path, anything)
	if err != nil || len(done.Faults) != 1 || !strings.Contains(done.Faults[0], "begin with the key") {
		t.Fatalf("%q %v", done.Faults, err)
	}
	if _, err := boltdb.Open(path, boltdb.Options{}); !errors.Is(err, boltdb.ErrDamaged) {
		t.Errorf("open: %v", err)
	}
}

// TestCheckFile_FindsNothingInWhatBboltWrites puts and deletes at random, so that pages split, merge and empty.
func TestCheckFile_FindsNothingInWhatBboltWrites(t *testing.T) {
	random := rand.New(rand.NewPCG(19, 73))
	path := filepath.Join(t.TempDir(), "test.db")
	for range 8 {
		db, err := boltdb.Open(path, boltdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			write(t, db, func(tx *boltdb.Tx) error {
				b, err := tx.CreateBucketIfNotExists(bucket)
				if err != nil {
					return err
				}
				from, put := random.IntN(5000), random.IntN(3) > 0
				for range random.IntN(400) {
					key := fmt.Append(nil, from+random.IntN(500))
					if put {
						err = b.Put(key, make([]byte, random.IntN(300)))
					} else {
						err = b.Delete(key)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		done, err := boltdb.CheckFile(t.Context(), path, anything)
		if err != nil || len(done.Faults) > 0 {
			t.Fatalf("%q %v", done.Faults, err)
		}
	}
}
