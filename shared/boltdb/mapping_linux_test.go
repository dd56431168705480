package boltdb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"ordertally/shared/boltdb"
)

// grow writes n megabytes.
func grow(t *testing.T, db *boltdb.DB, n int) {
	t.Helper()
	for i := range n {
		if err := db.Write(t.Context(), func(tx *boltdb.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("grown"))
			if err != nil {
				return err
			}
			return b.Put([]byte{byte(i)}, make([]byte, 1<<20))
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrite_DoesNotWaitForReadersWhenTheFileGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// bbolt would map the file anew at each of many powers of two on the way.
	if err := db.View(t.Context(), func(*bbolt.Tx) error { grow(t, db, 80); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_ANewFileIsSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	grow(t, db, 1)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 4<<20 {
		t.Errorf("a file with 1 MiB in it takes %d bytes", info.Size())
	}
}

func TestOpen_TakesTheAddressSpaceThatThereIs(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil {
		t.Fatal(err)
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var pages uint64
	if _, err := fmt.Sscan(string(statm), &pages); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "db")
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_AS, &limit) })
	less := unix.Rlimit{Cur: pages*uint64(os.Getpagesize()) + 4<<30, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &less); err != nil {
		t.Fatal(err)
	}
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	grow(t, db, 3)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
