package boltdb_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

const fsyncChild = "BOLTDB_FSYNC_CHILD"

// TestWrite_AnFsyncThatFails makes the kernel fail one fdatasync of a child process (this test under strace). The write
// is answered as unknown, nothing is served afterwards, and the file opens again.
func TestWrite_AnFsyncThatFails(t *testing.T) {
	if path := os.Getenv(fsyncChild); path != "" {
		writeUntilFsyncFails(t, path)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed: a failing fsync cannot be shown")
	}
	path := filepath.Join(t.TempDir(), "test.db")
	// strace counts per thread. From its twelfth call on every thread fails, whichever the committer runs on.
	child := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fdatasync",
		"-e", "inject=fdatasync:error=EIO:when=12+", os.Args[0], "-test.run=^TestWrite_AnFsyncThatFails$", "-test.v")
	child.Env = append(os.Environ(), fsyncChild+"="+path)
	output, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("the child failed: %v\n%s", err, output)
	}
	_, rest, found := strings.Cut(string(output), "acknowledged=")
	var acknowledged int
	if _, err := fmt.Sscan(rest, &acknowledged); err != nil || !found {
		t.Fatalf("the child did not say what it acknowledged:\n%s", output)
	}
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	stored := 0
	if err := db.View(t.Context(), func(tx *bbolt.Tx) error {
		stored = tx.Bucket(bucket).Stats().KeyN
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if stored != acknowledged && stored != acknowledged+1 {
		t.Fatalf("%d writes acknowledged, %d stored", acknowledged, stored)
	}
	t.Logf("%d writes acknowledged before the failure, %d stored after reopening", acknowledged, stored)
}

func writeUntilFsyncFails(t *testing.T, path string) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *boltdb.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	for n := range 1000 {
		err := db.Write(t.Context(), put(fmt.Sprint(n)))
		if err == nil {
			continue
		}
		if !errors.Is(err, boltdb.ErrOutcomeUnknown) {
			t.Fatalf("write %d: %v", n, err)
		}
		<-db.Failed()
		if err := db.View(t.Context(), func(*bbolt.Tx) error { return nil }); !errors.Is(err,
			boltdb.ErrOutcomeUnknown) {
			t.Fatalf("a read after the failure: %v", err)
		}
		if err := db.Write(t.Context(), put("later")); !errors.Is(err, boltdb.ErrOutcomeUnknown) {
			t.Fatalf("a write after the failure: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("acknowledged=%d", n)
		return
	}
	t.Fatal("no fdatasync failed")
}
