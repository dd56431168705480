package boltdb_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

const compactChild = "BOLTDB_COMPACT_CHILD"

// sparse makes a closed file with nested buckets, empty values and sequences. Most of its pages are free.
func sparse(t *testing.T, rows int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "test.db")
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := [][]byte{[]byte("rows"), []byte("marks"), []byte("none")}
	write(t, db, func(tx *boltdb.Tx) error {
		root, err := tx.CreateBucket(bucket)
		errs := []error{err}
		for _, name := range names {
			_, err := root.CreateBucket(name)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	for first := 0; first < rows; first += 10_000 {
		write(t, db, func(tx *boltdb.Tx) error {
			root := tx.Bucket(bucket)
			for range min(10_000, rows-first) {
				n, _ := root.Bucket(names[0]).NextSequence()
				key := binary.BigEndian.AppendUint64(nil, n)
				if err := errors.Join(root.Bucket(names[0]).Put(key, make([]byte, 200)),
					root.Bucket(names[1]).Put(key, []byte{})); err != nil {
					return err
				}
			}
			return root.Bucket(names[2]).SetSequence(77)
		})
	}
	write(t, db, func(tx *boltdb.Tx) error {
		for n := range uint64(rows) - 10 { // the newest ten stay
			if err := tx.Bucket(bucket).Bucket(names[0]).Delete(binary.BigEndian.AppendUint64(nil, n+1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// intact opens the file as a service does and checks that everything is as sparse left it.
func intact(t *testing.T, path string, rows int) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), func(tx *bbolt.Tx) error {
		root := tx.Bucket(bucket)
		b, marks, none := root.Bucket([]byte("rows")), root.Bucket([]byte("marks")), root.Bucket([]byte("none"))
		if b.Sequence() != uint64(rows) || none.Sequence() != 77 || b.Stats().KeyN != 10 ||
			marks.Stats().KeyN != rows || none.Stats().KeyN != 0 {
			t.Errorf("sequences %d and %d, %d rows, %d marks", b.Sequence(), none.Sequence(), b.Stats().KeyN,
				marks.Stats().KeyN)
		}
		if v := marks.Get(binary.BigEndian.AppendUint64(nil, 1)); v == nil || len(v) != 0 {
			t.Errorf("an empty value became %v", v)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	check(t, path)
}

func noCopyIsLeft(t *testing.T, path string) {
	t.Helper()
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("beside the database: %v, %v", files, err)
	}
}

func TestCompact_KeepsAllButTheFreePages(t *testing.T) {
	const rows = 30_000
	path := sparse(t, rows)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".compact", []byte("left behind by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := boltdb.Compact(t.Context(), link, anything)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Size() != done.After || info.Mode() != 0o640 {
		t.Errorf("the file: %+v, %v", info, err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %s, %v", target, err)
	}
	if done.Records != rows+10 || done.After*4 > done.Before {
		t.Errorf("%+v", done)
	}
	noCopyIsLeft(t, path)
	intact(t, path, rows)
	t.Logf("%d bytes before, %d after", done.Before, done.After)
}

func TestCompact_RefusesAndChangesNothing(t *testing.T) {
	const rows = 1000
	path := sparse(t, rows)
	t.Run("in use", func(t *testing.T) {
		db, err := boltdb.Open(path, boltdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = boltdb.Compact(t.Context(), path, anything)
		if !errors.Is(err, boltdb.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("got %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := boltdb.Compact(ctx, path, anything); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		short := filepath.Join(t.TempDir(), "short.db")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(short, content[:len(content)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := boltdb.Compact(t.Context(), short, anything); !errors.Is(err, boltdb.ErrTruncated) {
			t.Errorf("got %v", err)
		}
		noCopyIsLeft(t, short)
	})
	t.Run("missing", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "missing.db")
		if _, err := boltdb.Compact(t.Context(), missing, anything); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(missing); err == nil {
			t.Error("it was made")
		}
	})
	noCopyIsLeft(t, path)
	intact(t, path, rows)
}

// TestCompact_Killed kills a child process at moments spread over its work. The file is always whole, and the next run
// succeeds.
func TestCompact_Killed(t *testing.T) {
	if path := os.Getenv(compactChild); path != "" {
		for {
			if _, err := boltdb.Compact(t.Context(), path, anything); err != nil {
				t.Fatal(err)
			}
		}
	}
	const rows = 50_000
	path := sparse(t, rows)
	leftBehind := 0
	for round := range 10 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCompact_Killed$")
		child.Env = append(os.Environ(), compactChild+"="+path)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(20 * time.Second)
		for size := int64(-1); size < int64(round)<<16; { // the copy has begun, and has grown for a while
			if info, err := os.Stat(path + ".compact"); err == nil {
				size = info.Size()
			}
			if time.Now().After(deadline) {
				t.Error("the copy did not grow")
				break
			}
		}
		_ = child.Process.Kill()
		_ = child.Wait()
		if _, err := os.Stat(path + ".compact"); err == nil {
			leftBehind++
		}
		intact(t, path, rows)
	}
	if leftBehind == 0 {
		t.Error("no kill left a copy behind")
	}
	if _, err := boltdb.Compact(t.Context(), path, anything); err != nil {
		t.Fatal(err)
	}
	noCopyIsLeft(t, path)
	intact(t, path, rows)
	t.Logf("%d of 10 kills left a copy behind", leftBehind)
}

// A process that waits for the lock while the file is replaced must get the new file, not the nameless old one.
func TestOpen_NoticesThatTheFileWasReplaced(t *testing.T) {
	path := sparse(t, 1000)
	holder, err := boltdb.Open(path, boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var waiter *boltdb.DB
	var waiting sync.WaitGroup
	waiting.Go(func() { waiter, err = boltdb.Open(path, boltdb.Options{LockTimeout: 20 * time.Second}) })
	for awaited := false; !awaited; { // until the other has the old file open too
		awaited = opened(t, path) == 2
	}
	replacement := path + ".new"
	if err := errors.Join(os.WriteFile(replacement, before, 0o600), os.Rename(replacement, path),
		holder.Close()); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if n := opened(t, path); n != 1 {
		t.Errorf("the file that has the name is open %d times, want once", n)
	}
	if err := waiter.Close(); err != nil {
		t.Error(err)
	}
}

// opened counts this process's descriptors of the file at path.
func opened(t *testing.T, path string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: needs /proc")
	}
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && target == path {
			n++
		}
	}
	return n
}

// anything is a Checker that accepts every record.
func anything(*boltdb.Record) error { return nil }
