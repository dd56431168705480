package boltdb_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ordertally/shared/boltdb"
)

// TestOpen_DropsThePageCache checks that Open reads from the disk: pages that were cached are not cached afterwards
// (rule G3).
func TestOpen_DropsThePageCache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	write(t, db, func(tx *boltdb.Tx) error {
		for i := range 2000 {
			if err := tx.Bucket(bucket).Put(fmt.Append(nil, "key", 10_000+i),
				bytes.Repeat([]byte{1}, 4000)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(path), "other")
	if err := os.WriteFile(other, all, 0o600); err != nil {
		t.Fatal(err)
	}
	drop(t, other)
	if cached := cachedPages(t, other); cached > 0.5 {
		t.Skip("SKIPPED: the file system of the temporary directory keeps its pages in memory: that an opening reads " +
			"from the disk cannot be shown")
	}
	if cached := cachedPages(t, path); cached < 0.9 {
		t.Fatalf("only %.0f %% of the file are in the cache before it is opened", 100*cached)
	}
	if db, err = boltdb.Open(path, boltdb.Options{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if cached := cachedPages(t, path); cached > 0.5 {
		t.Errorf("%.0f %% of the file are in the cache after it was opened", 100*cached)
	}
}

// drop has the page cache forget a file.
func drop(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

// cachedPages returns how much of a file is in the page cache.
func cachedPages(t *testing.T, path string) float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(data) }()
	resident := make([]byte, (len(data)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := syscall.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)),
		uintptr(unsafe.Pointer(&resident[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, r := range resident {
		n += int(r & 1)
	}
	return float64(n) / float64(len(resident))
}
